import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { sidebarName } from '../../nodes/shared/sidebar-texts.ts'
import { languages } from '../../scripts/help.ts'
import { build, readHtml, root, scriptOf } from './built.ts'

interface Manifest {
  readonly name: string
  readonly license: string
  readonly type: string
  readonly keywords: readonly string[]
  readonly repository: { readonly url: string }
  readonly bugs: { readonly url: string }
  readonly engines: { readonly node: string }
  readonly 'node-red': {
    readonly version: string
    readonly nodes: { readonly [set: string]: string }
    readonly plugins: object
  }
  readonly dependencies: { readonly [name: string]: string }
}

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
let dist = ''
before(async () => {
  dist = await build()
})

// The rules of Node-RED's palette scorecard (node-red-dev 0.1.6), which itself needs the internet.

test('P01 P03: licence, repository and issue tracker are named', () => {
  assert.equal(manifest.license, 'Apache-2.0')
  assert.ok(existsSync(path.join(root, 'LICENSE')))
  assert.match(manifest.repository.url, /^git\+https:\/\/.+\.git$/)
  assert.match(manifest.bugs.url, /^https:\/\//)
})

test('P04 P05: the name is scoped and the keyword node-red is there', () => {
  assert.match(manifest.name, /^@[\w-]+\/[\w-]+$/)
  assert.ok(manifest.keywords.includes('node-red'))
})

test('P06 P07: Node-RED 4.1 and later and Node 22.9 and later are admitted', () => {
  assert.equal(manifest['node-red'].version, '>=4.1.0')
  assert.equal(manifest.engines.node, '>=22.9')
  assert.equal(manifest.type, 'module')
})

test('N01: every node set is a file of its own with a type of its own', () => {
  const sets = Object.entries(manifest['node-red'].nodes)
  assert.deepEqual(
    sets.map(([set]) => set),
    declarations.map(({ type }) => type),
  )
  assert.equal(new Set(sets.map(([set]) => set)).size, sets.length)
  for (const [set, file] of sets) {
    assert.equal(file, `dist/nodes/${set}/${set}.js`)
    assert.ok(existsSync(path.join(dist, '..', file)), file)
  }
})

test('the plugin of the sidebar is named, and all of its files are there', () => {
  const file = `dist/nodes/${sidebarName}/${sidebarName}.html`
  assert.deepEqual(manifest['node-red'].plugins, { [sidebarName]: file })
  assert.match(readHtml(dist, sidebarName), /registerPlugin/)
  for (const language of languages)
    assert.ok(existsSync(path.join(dist, 'nodes', sidebarName, 'locales', language, `${sidebarName}.json`)), language)
})

test('N: a reader that does not run the script finds type, look, ports and properties in it', () => {
  for (const { type, kind, color, icon, outputs, fields } of declarations) {
    const script = scriptOf(readHtml(dist, type))
    const call = new RegExp(`registerType\\("${type}", \\{([\\s\\S]*)\\}\\);`).exec(script)?.[1] ?? ''
    assert.doesNotMatch(call, /\.\.\./)
    assert.ok(call.includes(`category: "${kind === 'config' ? 'config' : 'rowline'}"`), type)
    if (kind !== 'config') {
      assert.ok(call.includes(`color: "${color}"`) && call.includes(`icon: "${icon}"`), type)
      assert.ok(call.includes(`outputs: ${outputs.length}`), type)
    }
    for (const name of Object.keys(fields)) assert.match(call, new RegExp(`\\b${name}: editor\\.`), `${type}.${name}`)
  }
})

test('N: a node that can be dragged has a colour and an icon', () => {
  for (const { type, kind, color, icon = '' } of declarations.filter((one) => one.kind !== 'config')) {
    assert.match(color ?? '', /^#[\dA-F]{6}$/i, `${type} (${kind})`)
    assert.ok(/^font-awesome\/fa-/.test(icon) || existsSync(path.join(dist, 'nodes', type, 'icons', icon)), type)
  }
})

test('D01: at most 6 dependencies, none without a version', () => {
  const versions = Object.values(manifest.dependencies)
  assert.ok(versions.length <= 6)
  for (const version of versions) assert.match(version, /^[\^~]?\d/)
})

test('no field has a name that Node-RED keeps for itself', () => {
  const taken =
    'id type name x y z wires d g l info env users valid changed dirty moved selected inputs outputs inputLabels outputLabels validationErrors credentials status'
  for (const { type, fields } of declarations)
    for (const name of Object.keys(fields)) assert.ok(!taken.split(' ').includes(name), `${type}.${name}`)
})
