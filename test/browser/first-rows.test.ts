import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packOffline } from '../../scripts/pack-offline.ts'
import { publishAll, startLoggingMosquitto, subscriptionsIn } from '../nodes/acceptance-flow.ts'
import { readings } from '../rows/readings.ts'
import { sharedKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import { startNodeRed } from '../services/node-red.ts'
import { withoutRegistry } from '../services/palette.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { type EditorPage, launchBrowser, openEditor } from './editor-page.ts'

const clicksAllowed = 8
const secondsAllowed = 300
const password = 'canary-words'

/** A user with a mouse: every press of its button is counted. */
function mouse({ page }: EditorPage) {
  let clicks = 0
  const began = performance.now()
  return {
    click: async (selector: string) => {
      clicks++
      await page.locator(selector).filter({ visible: true }).first().click()
    },
    soFar: () => ({ clicks, seconds: Math.round((performance.now() - began) / 1000) }),
  }
}

type Mouse = ReturnType<typeof mouse>

async function installFromPalette({ page }: EditorPage, { click }: Mouse, tarball: string): Promise<void> {
  await click('#red-ui-header-button-sidemenu')
  await click('#menu-item-edit-palette')
  await click('#red-ui-palette-editor-tabs li:nth-child(2) a')
  await click('.red-ui-palette-editor-toolbar .fa-upload')
  await page.setInputFiles('#red-ui-palette-editor-upload-form input[name=tarball]', tarball)
  const answered = page.waitForResponse(
    (response) => response.url().endsWith('/nodes') && response.request().method() === 'POST',
    { timeout: secondsAllowed * 1000 },
  )
  await click('.red-ui-palette-editor-upload .primary')
  assert.equal((await answered).status(), 200)
  await page.waitForSelector('.red-ui-palette-node[data-palette-type="kafka-sink"]', { state: 'attached' })
}

/** *First rows…* as the notice offers it, what it asks, Deploy. */
async function makeFirstRows(editor: EditorPage, { click }: Mouse, broker: string, kafka: string): Promise<void> {
  const { page } = editor
  const field = (name: string) => page.locator(`.rowline-first-rows [data-field=${name}]`)
  await click('.rowline-offer')
  await field('broker').locator('input').fill(`${broker}x`)
  await field('kafka').locator('input').fill('')
  assert.match(
    await field('broker').locator('.rowline-problem').innerText(),
    /^must be a name or an address, with a port/,
  )
  assert.equal(await field('kafka').locator('.rowline-problem').innerText(), 'is required')
  assert.equal(await page.locator('.rowline-make').isDisabled(), true)
  await editor.screenshot('first-rows-wrong')
  await field('broker').locator('input').fill(broker)
  await page.keyboard.press('Tab')
  await page.keyboard.type('anna')
  await page.keyboard.press('Tab')
  await page.keyboard.type(password)
  await field('kafka').locator('input').fill(kafka)
  await editor.screenshot('first-rows-dialog')
  await click('.rowline-make')
  assert.equal(await page.locator('.red-ui-notification:visible', { hasText: 'Imported' }).count(), 0)
  await editor.screenshot('first-rows')
  await click('#red-ui-header-button-deploy')
}

test('from the tarball to a row in Kafka it takes few clicks and less than five minutes', async (t) => {
  const kafka = await sharedKafka()
  t.after(() => kafka.stop())
  await using broker = await startLoggingMosquitto({ users: { anna: password } })
  const tarball = await packOffline('offline', temporaryDirectory('first-rows'))
  const userDir = temporaryDirectory('first-rows-user')
  writeFileSync(join(userDir, 'package.json'), '{"name":"user","version":"1.0.0"}')
  await using nodeRed = await startNodeRed({ userDir, env: withoutRegistry() })
  const browser = await launchBrowser()
  t.after(() => browser.close())
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const earlier = (await readTopic(kafka.brokers, 'factory_iot_north_101')).length

  const user = mouse(editor)
  await installFromPalette(editor, user, tarball)
  const installed = user.soFar()
  await makeFirstRows(editor, user, `127.0.0.1:${broker.port}`, kafka.brokers)
  await until(() => subscriptionsIn(broker) === 1, { what: 'the subscription', timeoutMs: 60_000, output: nodeRed.log })
  const [{ payload, row }] = readings
  const connection = { username: 'anna', password }
  await publishAll(broker.port, [['factory_iot/north/101', payload]], { connection })
  const records = await readTopic(kafka.brokers, 'factory_iot_north_101', { count: earlier + 1 })
  const all = user.soFar()

  assert.equal(records.at(-1)!.value?.toString(), row)
  assert.doesNotMatch(await (await nodeRed.request('/flows')).text(), /anna|canary-words/)
  t.diagnostic(`palette: ${installed.clicks} clicks, ${installed.seconds} s`)
  t.diagnostic(`${all.clicks} clicks and ${all.seconds} s altogether`)
  assert.ok(all.clicks <= clicksAllowed, `${all.clicks} clicks`)
  assert.ok(all.seconds <= secondsAllowed, `${all.seconds} s`)
  assert.deepEqual(editor.errors, [])
  await nodeRed.stop()
})
