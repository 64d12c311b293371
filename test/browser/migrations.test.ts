import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { launchBrowser, openEditor } from './editor-page.ts'

const migrations = `migrations: [{ retired: ['file'], migrate: ({ file, ...others }) => ({ ...others, path: file }) }]`

/** As if "path" of the file sink had been "file" in the release before. */
function renameProperty(directory: string): void {
  const folder = join(directory, 'dist/nodes/file-sink')
  replace(join(folder, 'declaration.js'), [[/type: 'file-sink',/, `type: 'file-sink', ${migrations},`]])
  replace(join(folder, 'file-sink.html'), [
    [/type: "file-sink",/, `type: "file-sink", ${migrations},`],
    [/version: editor\.defaults\.version,/, '$& file: editor.defaults.file,'],
  ])
}

function replace(file: string, changes: readonly (readonly [RegExp, string])[]): void {
  const text = readFileSync(file, 'utf8')
  for (const [pattern] of changes) assert.match(text, pattern)
  writeFileSync(
    file,
    changes.reduce((old, [pattern, with_]) => old.replace(pattern, with_), text),
  )
}

const place = { z: 'tab', y: 80, wires: [[], []] }
const sink = (id: string, x: number, values: object) => ({ id, type: 'file-sink', ...place, x, ...values })
/** A locked flow too: its nodes must come up without being edited. */
const flow = [
  { id: 'tab', type: 'tab', label: 'Old' },
  { id: 'locked', type: 'tab', label: 'Locked', locked: true },
  sink('old', 150, { file: 'readings.ndjson' }),
  { ...sink('kept', 150, { file: 'kept.ndjson' }), z: 'locked' },
  sink('newer', 350, { version: 3, path: 'later.ndjson' }),
]

async function storedNode(nodeRed: NodeRed, id: string): Promise<{ readonly [property: string]: unknown }> {
  const nodes = (await (await nodeRed.request('/flows')).json()) as readonly { readonly id: string }[]
  return nodes.find((node) => node.id === id)!
}

test('a node of an older flow runs, and the editor shows and deploys it as it is named today', async () => {
  await using nodeRed = await startNodeRed({ patch: renameProperty })
  await nodeRed.deploy(flow)
  const newer = await nodeRed.statusIs('newer', ({ fill }) => fill === 'red')
  assert.match(newer.text!, /newer version of this package/)
  assert.doesNotMatch(nodeRed.log(), /\[file-sink:old\].*required/)

  const browser = await launchBrowser()
  try {
    const editor = await openEditor(browser, nodeRed.url, 'en-US')
    await editor.openNode('old')
    assert.equal(await editor.field('path').locator('input').inputValue(), 'readings.ndjson')
    assert.equal(await editor.field('path').locator('.rowline-problem:visible').count(), 0)
    await editor.field('path').locator('input').fill('rows.ndjson')
    await editor.done()
    await editor.addFromPalette('file-sink', 300, 300)
    await editor.deploy()
    assert.deepEqual(editor.errors, [])
  } finally {
    await browser.close()
  }
  for (const [id, path] of [
    ['old', 'rows.ndjson'],
    ['kept', 'kept.ndjson'],
  ] as const) {
    const { version, path: now, file } = await storedNode(nodeRed, id)
    assert.deepEqual([version, now, file], [2, path, undefined])
  }
  assert.equal((await storedNode(nodeRed, 'newer')).version, 3, 'what a newer package wrote is left alone')
  await nodeRed.stop()
})
