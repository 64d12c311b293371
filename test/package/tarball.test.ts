import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { sidebarName } from '../../nodes/shared/sidebar-texts.ts'
import { languages } from '../../scripts/help.ts'
import { type OfflineKind, packOffline } from '../../scripts/pack-offline.ts'
import { packageTarball, readPackage } from '../services/package.ts'
import { runCommand, temporaryDirectory } from '../services/processes.ts'
import { root } from './built.ts'

interface Packed {
  readonly dependencies: { readonly [name: string]: string }
  readonly optionalDependencies?: object
  readonly bundleDependencies: readonly string[]
}

let files: readonly string[] = []
before(async () => {
  const listing = await runCommand('tar', ['-tzf', await packageTarball()])
  files = listing
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''))
})

test('the package holds for each type what Node-RED looks for beside its runtime file', () => {
  for (const { type } of declarations) {
    const folder = `dist/nodes/${type}`
    const texts = languages.flatMap((language) =>
      ['json', 'html'].map((extension) => `${folder}/locales/${language}/${type}.${extension}`),
    )
    for (const file of [`${folder}/${type}.js`, `${folder}/${type}.html`, ...texts])
      assert.ok(files.includes(file), file)
  }
})

test('the package holds the tab of the sidebar with its texts', () => {
  const folder = `dist/nodes/${sidebarName}`
  const texts = languages.map((language) => `${folder}/locales/${language}/${sidebarName}.json`)
  for (const file of [`${folder}/${sidebarName}.html`, ...texts]) assert.ok(files.includes(file), file)
})

test('the package holds licence, readme and examples, and nothing that only the making of it needs', () => {
  const monitoring = ['alerts.yml', 'grafana-dashboard.json'].map((file) => `monitoring/${file}`)
  for (const file of ['package.json', 'LICENSE', 'README.md', ...monitoring]) assert.ok(files.includes(file), file)
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const linked = [...readme.matchAll(/\]\((docs\/[^)#]+)/g)].map(([, file]) => file!)
  assert.deepEqual(
    linked.filter((file) => !files.includes(file)),
    [],
    'a link of the README that leads nowhere in the package',
  )
  assert.ok(files.some((file) => /^examples\/.+\.json$/.test(file)))
  const known =
    /^(dist\/(src|nodes)\/.+\.js|dist\/nodes\/[^/]+\/.+\.(html|json|svg)|examples\/.+\.json|docs\/(nodes\/)?[\w-]+\.md|monitoring\/(alerts\.yml|grafana-dashboard\.json)|[A-Z]+(\.md)?|package\.json)$/
  assert.deepEqual(
    files.filter((file) => !known.test(file)),
    [],
  )
  assert.deepEqual(
    files.filter((file) => /\b(test|scripts|bench|shared\/editor)\//.test(file)),
    [],
  )
})

test('the package is smaller than 2 MB and brings none of its dependencies', async () => {
  assert.ok(statSync(await packageTarball()).size < 2_000_000)
  assert.deepEqual(
    files.filter((file) => file.includes('node_modules/')),
    [],
  )
})

test('a tarball for gateways without internet holds all that runs there, and nothing that needs a platform', async () => {
  const listed = async (kind: OfflineKind) => {
    const tarball = await packOffline(kind, temporaryDirectory('packed'))
    const manifest = JSON.parse(await runCommand('tar', ['-xzOf', tarball, 'package/package.json'])) as Packed
    assert.deepEqual(Object.keys(manifest.dependencies), manifest.bundleDependencies)
    assert.equal(manifest.optionalDependencies, undefined)
    return { manifest, entries: (await runCommand('tar', ['-tzf', tarball])).split('\n') }
  }
  const [plain, google] = [await listed('offline'), await listed('offline-google')]
  const { dependencies = {} } = readPackage()
  assert.deepEqual(plain.manifest.bundleDependencies, Object.keys(dependencies))
  assert.deepEqual(google.manifest.bundleDependencies, [...Object.keys(dependencies), 'google-auth-library'])
  for (const { entries, manifest } of [plain, google]) {
    for (const name of manifest.bundleDependencies)
      assert.ok(entries.includes(`package/node_modules/${name}/package.json`), name)
    assert.deepEqual(
      entries.filter((entry) => /\.node$|binding\.gyp$/.test(entry)),
      [],
    )
  }
  assert.ok(!plain.entries.some((entry) => entry.includes('node_modules/google-auth-library/')))
})
