import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { languages } from '../../scripts/help.ts'
import { packageTarball } from '../services/package.ts'
import { runCommand } from '../services/processes.ts'
import { root } from './built.ts'

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
    /^(dist\/(src|nodes)\/.+\.js|dist\/nodes\/[^/]+\/.+\.(html|json|svg)|examples\/.+\.json|docs\/[\w-]+\.md|monitoring\/(alerts\.yml|grafana-dashboard\.json)|[A-Z]+(\.md)?|package\.json)$/
  assert.deepEqual(
    files.filter((file) => !known.test(file)),
    [],
  )
  assert.deepEqual(
    files.filter((file) => /\b(test|scripts|bench|shared\/editor)\//.test(file)),
    [],
  )
})
