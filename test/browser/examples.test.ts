import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { declarations } from '../../nodes/declarations.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { projectDirectory, readPackage } from '../services/package.ts'
import { until } from '../services/processes.ts'
import { type EditorPage, faintTexts, launchBrowser, openEditor } from './editor-page.ts'

const directory = join(projectDirectory, 'examples')
const examples = readdirSync(directory)
  .sort()
  .map((file) => ({
    name: file.replace(/\.json$/, ''),
    flow: JSON.parse(readFileSync(join(directory, file), 'utf8')) as readonly FlowNode[],
  }))

/** What Node-RED's editor offers to a page. */
interface Editor {
  readonly nodes: { node(id: string): { readonly valid?: boolean; readonly validationErrors?: unknown } | null }
}

let nodeRed: NodeRed
let browser: Browser
let editor: EditorPage

before(async () => {
  nodeRed = await startNodeRed()
  browser = await launchBrowser()
  editor = await openEditor(browser, nodeRed.url, 'en-US')
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
})

async function importFromMenu({ page }: EditorPage, name: string): Promise<void> {
  await page.click('#red-ui-header-button-sidemenu')
  await page.click('#menu-item-import')
  await page.click('#red-ui-tab-red-ui-clipboard-dialog-import-tab-examples a')
  const entry = (text: string) => page.locator('.red-ui-treeList-label:visible', { hasText: text }).first()
  await entry(readPackage().name).click()
  await entry(name).click()
  await page.click('#red-ui-clipboard-dialog-ok')
  await page.locator('#red-ui-clipboard-dialog').waitFor({ state: 'hidden' })
}

const stateOf = (id: string) =>
  editor.page.evaluate((wanted) => {
    const found = (globalThis as unknown as { readonly RED: Editor }).RED.nodes.node(wanted)
    return found && { valid: found.valid, errors: JSON.stringify(found.validationErrors) }
  }, id)

test('each example is in the Import menu, and each of its nodes comes in valid', async () => {
  const types = new Set(declarations.map(({ type }) => type))
  for (const { name, flow } of examples) {
    await importFromMenu(editor, name)
    const [last] = flow.slice(-1)
    await until(() => stateOf(last!.id), { what: `the nodes of ${name}`, timeoutMs: 30_000 })
    for (const { id, type } of flow.filter((node) => types.has(node.type))) {
      const state = await stateOf(id)
      assert.ok(state, `${type} of ${name} is in the editor`)
      assert.notEqual(state.valid, false, `${type} of ${name}: ${state.errors}`)
    }
  }
  assert.deepEqual(editor.errors, [])
})

const formTexts =
  '.rowline-form label span, .rowline-form .rowline-note, .rowline-form .rowline-problem, .rowline-form input, .rowline-form select, .rowline-form summary'

test('in a dark theme the texts of every form stand out', async () => {
  await editor.page.addInitScript(`localStorage.setItem('view-dark-theme', 'dark')`)
  await editor.reload()
  assert.equal(await editor.page.locator('html.nr-theme-dark').count(), 1)
  for (const [i, { type }] of declarations.filter(({ kind }) => kind !== 'config').entries()) {
    await editor.openNode(await editor.addFromPalette(type, 250, 80 + 60 * i))
    const folded = editor.page.locator('.rowline-form .rowline-advanced > summary')
    if ((await folded.count()) > 0) await folded.click()
    await editor.page.locator('.rowline-explain:visible').first().click()
    await editor.screenshot(`dark-${type}`)
    assert.deepEqual(await faintTexts(editor.page, formTexts), [], type)
    await editor.cancel()
  }
})
