import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import type { Field } from '../../src/config/fields.ts'
import { build, type Definition, loadDefinition } from './built.ts'

let dist = ''
before(async () => {
  dist = await build()
})

const load = (type: string, nodes = {}): Definition => loadDefinition(dist, type, nodes)
const validate = (definition: Definition, name: string, value: unknown, node: object = {}) =>
  definition.defaults[name]!.validate!.call(node, value, {})

/** Something that no field of this kind takes. */
function wrongValue(field: Field<unknown>): unknown {
  if (field.kind === 'node') return 'nowhere'
  if (field.kind === 'table') return 'no list'
  if (field.kind === 'text' || field.kind === 'code') return {}
  return 'nonsense'
}

test('every editor script registers its type without anything that only Node has', () => {
  for (const { type, kind, outputs } of declarations) {
    const definition = load(type)
    assert.equal(definition.category, kind === 'config' ? 'config' : 'rowline')
    if (kind === 'config') continue
    assert.equal(definition.inputs, kind === 'source' ? 0 : 1)
    assert.equal(definition.outputs, outputs.length)
    assert.equal(definition.align, kind === 'sink' ? 'right' : undefined)
  }
})

test('every property has a validator from which Node-RED takes the reason, and says why a value is wrong', () => {
  for (const { type, fields } of declarations) {
    const definition = load(type)
    for (const [name, field] of Object.entries(fields).filter(([, { kind }]) => kind !== 'secret')) {
      assert.equal(definition.defaults[name]!.validate!.length, 2, `${type}.${name}`)
      const reason = validate(definition, name, wrongValue(field))
      assert.match(String(reason), new RegExp(`^${type}.field.${name}.label: .{6,}`), `${type}.${name}`)
      if (field.required) assert.match(String(validate(definition, name, '')), /problem\.field\.required/)
    }
  }
})

/** What rules over several fields ask of a node for this property to be right: a decoder without rows, a schema. */
const nodeWith = (name: string) => ({
  format: 'json',
  writtenAs: name === 'schema' ? 'columns' : 'sql',
  schema: 'a INT',
  columns: [{ name: 'a', type: 'INT' }],
})

test('every optional property is valid as a new node has it', () => {
  for (const { type, fields } of declarations) {
    const definition = load(type)
    for (const [name, field] of Object.entries(fields).filter(([, { kind }]) => kind !== 'secret')) {
      const { value } = definition.defaults[name]!
      const reason = validate(definition, name, value, nodeWith(name))
      if (!field.required) assert.equal(reason, true, `${type}.${name} = ${value}`)
    }
  }
})

test('a value from the environment is accepted everywhere but where a node is chosen', () => {
  for (const { type, fields } of declarations) {
    const definition = load(type)
    for (const [name, { kind }] of Object.entries(fields)) {
      if (kind !== 'secret' && kind !== 'node')
        assert.equal(validate(definition, name, 'x-${SITE}'), true, `${type}.${name}`)
    }
  }
})

test('a secret is a credential and never a property; one that may be read is shown', () => {
  for (const { type, fields } of declarations) {
    const { defaults, credentials = {} } = load(type)
    const secrets = Object.entries(fields).filter(([, { kind }]) => kind === 'secret')
    assert.deepEqual(
      Object.fromEntries(Object.entries(credentials).map(([name, one]) => [name, one.type])),
      Object.fromEntries(secrets.map(([name, { masked }]) => [name, masked ? 'password' : 'text'])),
    )
    for (const [name] of secrets) assert.equal(name in defaults, false)
  }
})

test('a table names row and column of a wrong cell, and takes cells from the environment', () => {
  const source = load('mqtt-v3-in')
  const rows = [
    { filter: 'a/#', qos: '1' },
    { filter: 'a/#/b', qos: '${QOS}', partitions: 'many' },
  ]
  const reason = String(validate(source, 'subscriptions', rows))
  assert.match(reason, /form\.row 2, .*column\.filter\.label: .*problem\.topic\.hash/)
  assert.match(reason, /form\.row 2, .*column\.partitions\.label: .*problem\.field\.integer/)
  assert.doesNotMatch(reason, /qos/)
  assert.equal(validate(source, 'subscriptions', [{ filter: 'plant/${SITE}/#', partitions: '${N}' }]), true)
  const node = { source: 'broker', dynamic: false, output: 'reading' }
  const withBroker = load('mqtt-v3-in', { broker: { valid: true } })
  assert.match(String(validate(withBroker, 'subscriptions', [], node)), /problem\.field\.rows/)
  assert.equal(validate(withBroker, 'subscriptions', [], { ...node, dynamic: true }), true)
})

test('a node that is referred to must exist and be valid', () => {
  const sink = load('kafka-sink', { good: { valid: true }, bad: { valid: false } })
  assert.equal(validate(sink, 'cluster', 'good'), true)
  assert.match(String(validate(sink, 'cluster', 'bad')), /problem\.editor\.invalidNode/)
  assert.match(String(validate(sink, 'cluster', 'gone')), /problem\.editor\.missingNode/)
  assert.match(String(validate(sink, 'cluster', '_ADD_')), /problem\.field\.required/)
})

test('a rule over several fields is shown at the field it names, unless the environment decides', () => {
  const decoder = load('row-decoder', { s: { valid: true } })
  const node = { format: 'json-row', schema: 's', routes: [], failOnMissingField: true, ignoreParseErrors: true }
  assert.match(String(validate(decoder, 'ignoreParseErrors', true, node)), /problem\.row\.together/)
  assert.equal(validate(decoder, 'failOnMissingField', true, node), true)
  assert.equal(validate(decoder, 'ignoreParseErrors', false, node), true)
  assert.equal(validate(decoder, 'ignoreParseErrors', true, { ...node, format: '${FORMAT}' }), true)
})

test('a node without a name is labelled by the field that tells it apart', () => {
  const cluster = load('kafka-cluster')
  assert.equal(cluster.label.call({ brokers: 'k1:9092' }), 'k1:9092')
  assert.equal(cluster.label.call({ brokers: 'k1:9092', name: 'plant' }), 'plant')
  assert.equal(cluster.label.call({ brokers: '' }), 'kafka-cluster.label')
  const source = load('mqtt-v3-source')
  assert.equal(source.label.call({ host: '127.0.0.1', port: 1883 }), '127.0.0.1:1883')
  assert.equal(source.label.call({ host: '${MQTT_BROKER}', port: '${MQTT_PORT}' }), '${MQTT_BROKER}:${MQTT_PORT}')
  assert.equal(source.label.call({ host: '', port: 1883 }), 'mqtt-v3-source.label')
  assert.equal(load('kafka-sink').outputLabels(1), 'kafka-sink.output.1')
})

test('what a table refers to stands in properties that Node-RED follows, and which the table is checked by', () => {
  const decoder = load('row-decoder', { good: { valid: true } })
  const slots = Object.entries(decoder.defaults).filter(([name]) => /^routesSchema\d+$/.test(name))
  assert.equal(slots.length, 64)
  for (const [, { type, value, validate: check }] of slots)
    assert.deepEqual([type, value, check?.call({}, 'gone', {})], ['row-schema', undefined, true])
  const routes = [{ route: 'a', schema: 'routesSchema1' }]
  const reasonFor = (routesSchema1: unknown) => String(validate(decoder, 'routes', routes, { routesSchema1, routes }))
  assert.equal(reasonFor('good'), 'true')
  assert.match(reasonFor('gone'), /form.row 1, .*schema\.label: .*problem\.editor\.missingNode/)
  assert.match(reasonFor(''), /form.row 1, .*schema\.label: .*problem\.field\.required/)
  assert.match(String(validate(decoder, 'routes', [{ route: 'a', schema: 'gone' }])), /missingNode/)
})
