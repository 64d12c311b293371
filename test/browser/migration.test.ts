import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type EditorPage, launchBrowser, openEditor } from './editor-page.ts'

let nodeRed: NodeRed
let browser: Browser

before(async () => {
  nodeRed = await startNodeRed()
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
})

const dialog = ({ page }: EditorPage) => page.locator('.rowline-migration')
const flowNow = async () => (await (await nodeRed.request('/flows')).json()) as readonly FlowNode[]
const only = (flow: readonly FlowNode[], type: string): FlowNode => {
  const found = flow.filter((node) => node.type === type)
  assert.equal(found.length, 1, `${found.length} ${type}`)
  return found[0]!
}

/** An editor with an empty flow. */
async function emptyEditor(locale: string): Promise<EditorPage> {
  await nodeRed.deploy([{ id: 'empty', type: 'tab', label: 'Empty' }])
  return await openEditor(browser, nodeRed.url, locale)
}

/** Pastes into the open dialog and imports; what it says then. */
async function paste(editor: EditorPage, text: string): Promise<readonly string[]> {
  await dialog(editor).locator('textarea').fill(text)
  await editor.page.click('.rowline-apply')
  await dialog(editor).locator('li').first().waitFor()
  return await dialog(editor).locator('li').allInnerTexts()
}

/** Deploys although something is still to be filled in, and says so. */
async function deployAnyway({ page }: EditorPage): Promise<void> {
  const posted = page.waitForResponse((response) => response.url().endsWith('/flows') && response.status() === 200)
  await page.click('#red-ui-header-button-deploy')
  await page.click('#red-ui-deploy-dialog-confirm-deploy-deploy')
  await posted
}

async function openFromMenu(editor: EditorPage): Promise<void> {
  await editor.page.click('#red-ui-header-button-sidemenu')
  await editor.page.click('#menu-item-rowline-import-settings')
  await dialog(editor).waitFor()
}

const toml = `connector_name = "plant reader"
[mqtt]
broker_host = "mosquitto"
broker_port = 1884
username = "reader"
password = "secret words"
colour = "blue"
[processing]
poll_interval_ms = 100
[retry]
max_retries = 3
[[mqtt.routes]]
from = "sensors/#"
to = "/iot/sensors"
qos = "ExactlyOnce"
`

test('the TOML of another program makes new nodes, says what is not applied, and stores the password encrypted', async () => {
  const editor = await emptyEditor('en-US')
  await openFromMenu(editor)
  const lines = await paste(editor, toml)
  assert.equal(await dialog(editor).locator('.rowline-system').inputValue(), 'danube')
  for (const line of [
    'mqtt.broker_host set: mqtt v3 source › Broker',
    'mqtt.password set: mqtt v3 source › Password',
    'mqtt.colour not applied',
    'processing.poll_interval_ms It is not needed: every reading is handed on as it comes.',
    'retry.max_retries set: kafka sink › Retries. An outage that is longer than these retries sends readings to output 2 or the dead letters. 0 repeats for ever.',
    'New: kafka cluster',
  ])
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`)
  assert.ok(
    lines.some((line) => line.startsWith('Still to do: kafka cluster: Brokers: is required')),
    lines.join('\n'),
  )
  assert.doesNotMatch(lines.join('\n'), /secret words/)
  await editor.screenshot('import-settings')
  await editor.page.locator('.ui-dialog-buttonset button', { hasText: 'Close' }).click()
  await deployAnyway(editor)
  const flow = await flowNow()
  const [source, input, sink] = ['mqtt-v3-source', 'mqtt-v3-in', 'kafka-sink'].map((type) => only(flow, type))
  assert.deepEqual([source!.host, source!.port, source!.clean], ['mosquitto', '1884', false])
  assert.deepEqual(
    [input!.name, input!.z, input!.source, input!.wires],
    ['plant reader', 'empty', source!.id, [[sink!.id], []]],
  )
  assert.deepEqual(input!.subscriptions, [
    { filter: 'sensors/#', qos: '2', route: '', to: '/iot/sensors', partitions: '' },
  ])
  assert.deepEqual([sink!.cluster, sink!.maxRetries], [only(flow, 'kafka-cluster').id, '3'])
  assert.doesNotMatch(JSON.stringify(flow), /secret words|"reader"/)
  const told = await (await nodeRed.request(`/credentials/mqtt-v3-source/${source!.id}`)).json()
  assert.deepEqual([told.user, told.has_password], ['reader', true])
  await editor.page.click('#red-ui-workspace-chart')
  await editor.page.keyboard.press('Control+z')
  await editor.deploy()
  assert.deepEqual(
    (await flowNow()).map(({ type }) => type),
    ['tab'],
  )
  assert.deepEqual(editor.errors, [])
})

test('the button in an mqtt v3 source leaves its dialogs and imports in German, into both sinks of the program', async () => {
  const editor = await emptyEditor('de')
  await editor.openNode(await editor.addFromPalette('mqtt-v3-in', 300, 200))
  await editor.addConfig('source')
  await editor.page.locator('.rowline-migrate').click()
  await dialog(editor).waitFor()
  assert.equal(await editor.page.locator('.red-ui-tray').count(), 0)
  assert.deepEqual(await paste(editor, 'CREATE TABLE t (a INT)'), [
    'Das ist eine Tabelle von Flink: „Tabelle importieren…“ nimmt sie.',
  ])
  const lines = await paste(
    editor,
    'export MQTT_BROKER=broker\nexport APP_ENV=DEV\nexport PUBSUB_TOPIC=kpis\nMQTT_PORT=no',
  )
  assert.equal(await dialog(editor).locator('.rowline-sink').isVisible(), false)
  assert.ok(lines.includes('MQTT_BROKER gesetzt: MQTT v3 Quelle › Broker'), lines.join('\n'))
  assert.match(
    lines.find((line) => line.startsWith('MQTT_PORT'))!,
    /^MQTT_PORT nicht übernommen: MQTT v3 Quelle › Port muss eine ganze Zahl von 1 bis 65535 sein$/,
  )
  assert.ok(lines.some((line) => line.startsWith('Noch zu tun: ')))
  assert.equal(lines.filter((line) => line.startsWith('Neu: ')).length, 5)
  await editor.screenshot('import-settings-de')
  await editor.page.locator('.ui-dialog-buttonset button', { hasText: 'Schließen' }).click()
  await deployAnyway(editor)
  const flow = await flowNow()
  const sinks = ['pubsub-sink', 'bigquery-sink'].map((type) => only(flow, type))
  assert.deepEqual(
    sinks.map(({ environment, cloud }) => [environment, cloud]),
    sinks.map(() => ['${APP_ENV}', only(flow, 'google-cloud').id]),
  )
  const made = flow.filter(
    ({ type, wires }) => type === 'mqtt-v3-in' && (wires as readonly string[][])[0]!.length === 2,
  )
  assert.deepEqual(made[0]!.wires, [sinks.map(({ id }) => id), []])
  assert.deepEqual(editor.errors, [])
})
