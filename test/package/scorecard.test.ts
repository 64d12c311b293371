import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { sidebarName } from '../../nodes/shared/sidebar-texts.ts'
import { languages } from '../../scripts/help.ts'
import { nodeRedNames } from '../../src/config/undeclared.ts'
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
  readonly optionalDependencies: { readonly [name: string]: string }
}

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
let dist = ''
before(async () => {
  dist = await build()
})

// The rules of Node-RED's palette scorecard (node-red-dev 0.1.6), which itself needs the internet. P08, similar names in
// the catalogue, can be seen there only. Of D03 the ranges are checked here, which take each minor version that comes.

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

test('D01: with the optional ones there are no more than needed, and none is in both lists', () => {
  const optional = Object.keys(manifest.optionalDependencies)
  assert.deepEqual(optional.sort(), ['@platformatic/kafka', 'google-auth-library'])
  for (const name of optional) assert.ok(!Object.hasOwn(manifest.dependencies, name), name)
})

test('D02: nothing that a gateway gets brings an agent-base before 6, which changes the https of all of Node-RED', () => {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: { readonly [place: string]: { readonly version?: string; readonly dev?: boolean } }
  }
  const shipped = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true)
  assert.ok(shipped.length > 10)
  for (const [place, { version = '' }] of shipped)
    if (place.endsWith('node_modules/agent-base')) assert.ok(Number.parseInt(version, 10) >= 6, `${place} ${version}`)
})

test('D03: every dependency is taken with its minor versions, and the installed one is among them', () => {
  for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const file = path.join(root, 'node_modules', name, 'package.json')
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }
    assert.match(range, /^\^/, name)
    const [wanted, here] = [range.slice(1), version].map(
      (text) => text.split('.').map(Number) as [number, number, number],
    )
    assert.ok(here![0] === wanted![0] && here![0] > 0, `${name} ${version} is not ${range}`)
    assert.ok(here![1] > wanted![1] || (here![1] === wanted![1] && here![2] >= wanted![2]), `${name} ${version}`)
  }
})

test('N02: every node that can be dragged is in an example', () => {
  const directory = path.join(root, 'examples')
  const texts = readdirSync(directory).map((file) => readFileSync(path.join(directory, file), 'utf8'))
  for (const { type, kind } of declarations)
    if (kind !== 'config')
      assert.ok(
        texts.some((text) => text.includes(`"type": "${type}"`)),
        type,
      )
})

test('no field has a name that Node-RED keeps for itself', () => {
  for (const { type, fields } of declarations)
    for (const name of Object.keys(fields)) assert.ok(!nodeRedNames.includes(name), `${type}.${name}`)
})
