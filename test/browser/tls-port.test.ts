import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type EditorPage, faintTexts, launchBrowser, openEditor } from './editor-page.ts'

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

const dialog = '.rowline-first-rows'

async function openFirstRows({ page }: EditorPage): Promise<void> {
  await page.click('#red-ui-header-button-sidemenu')
  await page.click('#menu-item-rowline-first-rows')
}

/** Opens the form of the broker from that of the node that reads it. */
async function openSource({ page, openNode, editConfig }: EditorPage): Promise<void> {
  const input = await page.evaluate("RED.nodes.filterNodes({ type: 'mqtt-v3-in' })[0].id")
  await openNode(String(input))
  await editConfig('source')
}

test('First rows… says that it uses TLS to port 8883, and the source that it makes does; without TLS its form warns', async () => {
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page, field } = editor
  await openFirstRows(editor)
  const overTls = page.locator(`${dialog} .rowline-over-tls`)
  assert.equal(await overTls.isVisible(), false)
  await page.fill(`${dialog} [data-field=broker] input`, 'plant:8883')
  assert.match(await overTls.innerText(), /^Port 8883: the connection uses TLS/)
  assert.deepEqual(await faintTexts(page, `${dialog} *`), [])
  await editor.screenshot('first-rows-tls')
  await page.locator('.rowline-make').click()

  await openSource(editor)
  const [tls, caution] = [field('useTls').locator('input[type=checkbox]'), field('port').locator('.rowline-caution')]
  assert.deepEqual([await tls.isChecked(), await caution.isVisible()], [true, false])
  await tls.uncheck()
  assert.match(await caution.innerText(), /^Port 8883 is the one for TLS, and "Use TLS" is off: .* unencrypted\.$/)
  assert.deepEqual(await faintTexts(page, '.rowline-caution'), [])
  await editor.screenshot('source-clear-text')
  await field('port').locator('input').fill('1884')
  assert.equal(await caution.isVisible(), false)
  await field('host').locator('input').fill('plant:8883')
  await page.keyboard.press('Tab')
  assert.equal(await caution.isVisible(), true)
  await tls.check()
  assert.equal(await caution.isVisible(), false)
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})

test('in German and in a dark theme both are said, too', async () => {
  const editor = await openEditor(browser, nodeRed.url, 'de', { colorScheme: 'dark' })
  const { page, field } = editor
  await page.evaluate("document.documentElement.classList.add('nr-theme-dark')")
  await openFirstRows(editor)
  await page.fill(`${dialog} [data-field=broker] input`, 'plant:8883')
  assert.match(await page.locator('.rowline-over-tls').innerText(), /^Port 8883: Die Verbindung verwendet TLS/)
  assert.deepEqual(await faintTexts(page, `${dialog} *`), [])
  await page.locator('.rowline-make').click()
  await openSource(editor)
  await field('useTls').locator('input[type=checkbox]').uncheck()
  assert.match(await field('port').locator('.rowline-caution').innerText(), /„TLS verwenden“ ist aus/)
  assert.deepEqual(await faintTexts(page, '.rowline-caution'), [])
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})
