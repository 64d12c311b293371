import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { toJsonSchema } from '../../src/rows/to-json-schema.ts'

test('a row schema is a JSON Schema with nullable columns, of which only NOT NULL ones are required', () => {
  const schema = parseRowSchema(
    'ts BIGINT NOT NULL, ok BOOLEAN, meta ROW<site INT NOT NULL, unit STRING> NOT NULL, value DOUBLE',
  )
  const orNull = (type: string) => ({ oneOf: [{ type: 'null' }, { type }] })
  assert.deepEqual(toJsonSchema(schema), {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      ts: { type: 'integer' },
      ok: orNull('boolean'),
      meta: {
        type: 'object',
        properties: { site: { type: 'integer' }, unit: orNull('string') },
        required: ['site'],
        additionalProperties: false,
      },
      value: orNull('number'),
    },
    required: ['ts', 'meta'],
    additionalProperties: false,
  })
})

test('the same columns are always the same text, in their order', () => {
  const text = (ddl: string) => JSON.stringify(toJsonSchema(parseRowSchema(ddl)))
  assert.equal(text('b INT, a INT'), text('CREATE TABLE t (b INTEGER, a INT)'))
  assert.match(text('b INT, a INT'), /"b":.*"a":/)
})

test('every type of Flink has one in JSON Schema', () => {
  const columns = (ddl: string) => (toJsonSchema(parseRowSchema(ddl)) as { properties: object }).properties
  assert.deepEqual(
    columns(
      'a ARRAY<INT NOT NULL> NOT NULL, m MAP<STRING, DOUBLE> NOT NULL, d DECIMAL(10, 2) NOT NULL, b BYTES NOT NULL, ' +
        'day DATE NOT NULL, at TIMESTAMP_LTZ(3) NOT NULL, f FLOAT NOT NULL, i TINYINT NOT NULL, c CHAR(3) NOT NULL',
    ),
    {
      a: { type: 'array', items: { type: 'integer' } },
      m: { type: 'object', additionalProperties: { oneOf: [{ type: 'null' }, { type: 'number' }] } },
      d: { type: 'number' },
      b: { type: 'string', contentEncoding: 'base64' },
      day: { type: 'string', format: 'date' },
      at: { type: 'string' },
      f: { type: 'number' },
      i: { type: 'integer' },
      c: { type: 'string' },
    },
  )
})
