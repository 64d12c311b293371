import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { type Migration, migrated, retiredOf, storedVersion, versionOf } from '../../src/config/migrations.ts'

const renamed: Migration = {
  retired: ['file'],
  migrate: ({ file, ...others }) => ({ ...others, path: file }),
}
const inMilliseconds: Migration = {
  retired: ['waitSeconds'],
  migrate: ({ waitSeconds, ...others }) => ({ ...others, waitMs: `${waitSeconds} s` }),
}
const declaration = { migrations: [renamed, inMilliseconds] }

test('a definition without a version is of the first, and goes through every migration in order', () => {
  const stored = Object.freeze({ id: 'n', file: 'x', waitSeconds: '3' })
  assert.deepEqual(migrated(declaration, stored), { id: 'n', path: 'x', waitMs: '3 s', version: 3 })
})

test('a version that is none counts as no version', () => {
  for (const version of ['', 0, -1, null, 'x'])
    assert.deepEqual(migrated(declaration, { version, file: 'x', waitSeconds: '3' }), {
      path: 'x',
      waitMs: '3 s',
      version: 3,
    })
})

test('a definition goes only through the migrations after its version, the newest through none', () => {
  assert.deepEqual(migrated(declaration, { version: 2, path: 'x', waitSeconds: '3' }), {
    version: 3,
    path: 'x',
    waitMs: '3 s',
  })
  const newest = { version: 3, path: 'x', waitMs: '3 s' }
  assert.equal(migrated(declaration, newest), newest)
  const later = { version: 4, paths: ['x'] }
  assert.equal(migrated(declaration, later), later)
})

test('the version counts the migrations, and retired properties are those of all of them', () => {
  assert.equal(versionOf(declaration), 3)
  assert.equal(versionOf({}), 1)
  assert.deepEqual(retiredOf(declaration), ['file', 'waitSeconds'])
  assert.deepEqual([storedVersion({}), storedVersion({ version: '2' })], [1, 2])
})

test('no field takes the name of the version, and none has the name of a retired property', () => {
  for (const one of declarations)
    for (const name of ['version', ...retiredOf(one)])
      assert.ok(!Object.hasOwn(one.fields, name), `${one.type}.${name}`)
})

test('the examples are of the newest definition', () => {
  const directory = join(import.meta.dirname, '../../examples')
  for (const file of readdirSync(directory)) {
    const nodes = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { type: string; version?: unknown }[]
    for (const node of nodes) {
      const declaration = declarations.find(({ type }) => type === node.type)
      if (declaration) assert.equal(storedVersion(node), versionOf(declaration), `${node.type} in ${file}`)
    }
  }
})
