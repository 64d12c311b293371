import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { text } from '../../src/config/fields.ts'
import { undeclaredIn } from '../../src/config/undeclared.ts'

const said = { label: 'Label', note: 'Note.' }
const fields = { maxReconnectDelayMs: text(said), keepAlive: text(said), port: text(said) }
const migrations = [{ retired: ['wait'], migrate: (raw: object) => ({ ...raw }) }]

test('a property that no field declares is found, with the field whose name is close', () => {
  assert.deepEqual(undeclaredIn({ fields }, ['port', 'maxReconnectDelay', 'keepalive', 'colour']), [
    { name: 'maxReconnectDelay', near: 'maxReconnectDelayMs' },
    { name: 'keepalive', near: 'keepAlive' },
    { name: 'colour', near: undefined },
  ])
})

test('what Node-RED keeps in a definition and what older versions had are no mistakes', () => {
  const own = ['id', 'type', 'z', 'name', 'wires', '_alias', '_users', 'inputLabels', 'version', 'credentials']
  assert.deepEqual(undeclaredIn({ fields, migrations }, [...own, 'wait']), [])
  assert.deepEqual(undeclaredIn({ fields }, ['wait']), [{ name: 'wait', near: undefined }])
})

test('the examples have only declared properties', () => {
  const directory = join(import.meta.dirname, '../../examples')
  for (const file of readdirSync(directory)) {
    const nodes = JSON.parse(readFileSync(join(directory, file), 'utf8')) as { readonly type: string }[]
    for (const node of nodes) {
      const declaration = declarations.find(({ type }) => type === node.type)
      if (declaration) assert.deepEqual(undeclaredIn(declaration, Object.keys(node)), [], `${node.type} in ${file}`)
    }
  }
})
