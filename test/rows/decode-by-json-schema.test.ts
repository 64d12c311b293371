import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declaration as decoderNode } from '../../nodes/row-decoder/declaration.ts'
import { declaration as schemaNode } from '../../nodes/row-schema/declaration.ts'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { type Record, toJson } from '../../src/core/record.ts'
import { type RowSchemaConfig, schemaOf } from '../../src/rows/config.ts'
import { createDecoder } from '../../src/rows/decode-record.ts'
import { jsonSchemaOf } from '../../src/rows/to-json-schema.ts'

const sensor = {
  required: ['id'],
  properties: { id: { type: 'integer', maximum: 2 ** 53 }, at: { type: 'string', format: 'date-time' } },
}
const texts: { readonly [name: string]: string } = {
  sensor: JSON.stringify(sensor).replace('9007199254740992', '9007199254740993'),
  any: '{"required":["id"],"properties":{"id":{"type":["integer","string"]}}}',
  text: '{"type":"string","maxLength":5}',
}

function schemaConfig(options: object): RowSchemaConfig {
  const { config, problems } = parseFields(schemaNode.fields, { ...options })
  assert.deepEqual(problems, [])
  assert.deepEqual(schemaNode.check!(config!), [])
  return config!
}

const schema = (id: string) =>
  schemaOf(schemaConfig(id === 'sql' ? { schema: 'id BIGINT' } : { writtenAs: 'json-schema', jsonSchema: texts[id] }))

/** The payload as JSON, 'skipped', or the reason and the message. */
function decoded(options: object, payload: string | Buffer, route?: string): string {
  const { config, problems } = parseFields(decoderNode.fields, { ...options })
  assert.deepEqual(problems, [])
  assert.deepEqual(decoderNode.check!(config!), [])
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const record: Record = { topic: 't', payload: bytes, qos: 1, retain: false, dup: false, receivedAt: 0 }
  try {
    const found = createDecoder(config!, schema)(route === undefined ? record : { ...record, route })
    return found === undefined ? 'skipped' : found.payload === bytes ? 'passed' : toJson(found.payload as never)
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    return `${error.reason}: ${error.message}`
  }
}

test('json-schema checks a payload and passes it on as it is, with every digit', () => {
  const options = { format: 'json-schema', schema: 'sensor' }
  assert.equal(decoded(options, '{"x":[1],"id":9007199254740993}'), '{"x":[1],"id":9007199254740993}')
  assert.equal(
    decoded(options, '{"id":9007199254740994,"at":"noon"}'),
    'schema: The payload does not fit the JSON Schema: at /id: must keep the maximum 9007199254740993, found 9007199254740994; at /at: must be of the format date-time, found "noon"',
  )
  assert.match(decoded(options, '{"id":'), /^json: /)
})

test('json-row makes a row of what fits, where every type is certain', () => {
  const options = { format: 'json-row', schema: 'sensor' }
  assert.equal(decoded(options, '{"x":[1],"id":9007199254740993}'), '{"id":9007199254740993,"at":null}')
  assert.match(decoded(options, '{"at":"2024-01-09T20:30:00Z"}'), /at \/id: is missing$/)
  assert.equal(decoded({ ...options, failOnMissingField: true }, '{"id":1}'), 'missing: At /at: the field is missing')
  assert.equal(decoded({ ...options, schema: 'any' }, '{"id":"a","x":1}'), '{"id":"a","x":1}')
  assert.match(decoded({ ...options, schema: 'any' }, '{"id":true}'), /^schema: /)
  assert.match(schema('any').ignored.join(), /without columns: #\/properties\/id may be integer or string/)
})

test('CBOR and MessagePack are checked like JSON, also where parse errors are ignored', () => {
  const ignoring = { format: 'messagepack', schema: 'sensor', ignoreParseErrors: true }
  assert.equal(decoded(ignoring, Buffer.from('81a2696405', 'hex')), '{"id":5,"at":null}')
  assert.match(decoded(ignoring, Buffer.from('81a26964a178', 'hex')), /^schema: .*at \/id: must be integer, found "x"$/)
  assert.equal(decoded(ignoring, Buffer.from('c1', 'hex')), 'skipped')
  assert.match(decoded({ format: 'json-row', schema: 'sensor', ignoreParseErrors: true }, '{"id":"x"}'), /^schema: /)
})

test('a schema of the type string takes any text', () => {
  const options = { format: 'json-schema', schema: 'text' }
  assert.equal(decoded(options, 'a "b"'), '"a \\"b\\""')
  assert.equal(decoded(options, '12'), '"12"')
  assert.match(decoded(options, 'too long'), /^schema: .*must NOT have more than 5 characters, found "too long"$/)
  assert.match(decoded(options, Buffer.from([0xff])), /^text: /)
})

test('each route has its schema, and one without passes anything', () => {
  const routes = [
    { route: 'a', schema: 'sensor' },
    { route: 'b', schema: 'text' },
  ]
  const at = (route: string, payload: string) => decoded({ format: 'json-schema', routes }, payload, route)
  assert.deepEqual([at('a', '{"id":1}'), at('b', 'x'), at('c', '{')], ['{"id":1}', '"x"', 'passed'])
  assert.match(at('a', 'x'), /^json: /)
})

test('an empty payload is rejected where a JSON Schema checks it, unless it is to be skipped', () => {
  for (const format of ['json-schema', 'json-row']) {
    assert.match(decoded({ format, schema: 'sensor' }, ''), /^json: /)
    assert.equal(decoded({ format, schema: 'sensor', onEmpty: 'skip' }, ''), 'skipped')
  }
  assert.equal(decoded({ format: 'json-row', schema: 'sql' }, ''), 'skipped')
})

test('what cannot be a JSON Schema, or is none, is said of the field', () => {
  const problems = (jsonSchema: string) =>
    schemaNode.check!(parseFields(schemaNode.fields, { writtenAs: 'json-schema', jsonSchema }).config!).map(
      ({ field, problem }) => `${field} ${problem.text}`,
    )
  assert.deepEqual(problems(''), ['jsonSchema is required'])
  assert.match(problems('{')[0]!, /^jsonSchema it is not valid JSON: /)
  assert.equal(
    decoded({ format: 'json-schema', schema: 'sql' }, '{}'),
    'config-invalid: schema: must be written as JSON Schema for this format',
  )
})

test('a registry gets a JSON Schema as it is written, to the last digit, and that of the columns otherwise', () => {
  assert.equal(JSON.stringify(jsonSchemaOf(schema('sensor'))), texts.sensor)
  assert.deepEqual(Object.keys((jsonSchemaOf(schema('sql')) as { properties: object }).properties), ['id'])
})
