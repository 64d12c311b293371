import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Problem } from '../../src/core/problem.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import { toBigQuerySchema } from '../../src/rows/convert/big-query-schema.ts'
import { columnsOfJsonSchema } from '../../src/rows/convert/columns-of-json-schema.ts'
import { inferColumns } from '../../src/rows/infer.ts'
import { compileJsonSchema } from '../../src/rows/json-schema/json-schema-validator.ts'
import { type JsonSchema, readJsonSchema } from '../../src/rows/json-schema/read-json-schema.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { type Column, formatColumns, formatType } from '../../src/rows/row-schema.ts'
import { toJsonSchema } from '../../src/rows/to-json-schema.ts'
import { targetsOf } from '../../src/sinks/bigquery/columns.ts'
import { mismatch } from '../../src/sinks/bigquery/table.ts'
import { anyColumns } from './arbitraries.ts'
import { sensorSchema } from './sensor-schema.ts'

const options = { failOnMissingField: false, ignoreParseErrors: false, timestampFormat: 'SQL' } as const

/** The columns as SQL in one line, or why there are none. */
function mapped(schema: unknown): string {
  const found = columnsOfJsonSchema(schema as JsonSchema)
  return 'problem' in found
    ? found.problem
    : found.columns
        .map((column) => `${column.name} ${formatType(column.type)}${column.notNull ? ' NOT NULL' : ''}`)
        .join(', ')
}

test('a JSON Schema becomes columns where every type is certain', () => {
  assert.equal(
    mapped(sensorSchema),
    'device_id STRING NOT NULL, sensor_type STRING NOT NULL, value DOUBLE NOT NULL, unit STRING, timestamp STRING NOT NULL',
  )
  const of = (property: unknown) => mapped({ properties: { a: property }, type: 'object' })
  assert.equal(of({ type: 'integer' }), 'a BIGINT')
  assert.equal(of({ type: ['string', 'null'] }), 'a STRING')
  assert.equal(of({ type: ['integer', 'number'] }), 'a DOUBLE')
  assert.equal(of({ oneOf: [{ type: 'null' }, { type: 'boolean' }] }), 'a BOOLEAN')
  assert.equal(of({ type: 'string', format: 'date' }), 'a DATE')
  assert.equal(of({ enum: ['a', 'b', null] }), 'a STRING')
  assert.equal(of({ enum: [1, 2.5] }), 'a DOUBLE')
  assert.equal(of({ const: 3 }), 'a BIGINT')
  assert.equal(of({ items: { type: 'integer' } }), 'a ARRAY<BIGINT NOT NULL>')
  assert.equal(of({ type: 'object', additionalProperties: { type: 'number' } }), 'a MAP<STRING, DOUBLE NOT NULL>')
  assert.equal(
    of({ type: 'object', patternProperties: { '^x': { type: ['number', 'null'] } }, additionalProperties: false }),
    'a MAP<STRING, DOUBLE>',
  )
  assert.equal(of({ properties: { b: { type: 'string' } }, required: ['b'] }), 'a ROW<`b` STRING NOT NULL>')
  assert.equal(
    mapped({ $ref: '#/$defs/r', $defs: { r: { properties: { a: { $ref: '#/$defs/n' } } }, n: { type: 'number' } } }),
    'a DOUBLE',
  )
})

test('what is not certain has no columns, and the place is named', () => {
  const of = (property: unknown) => mapped({ properties: { a: property } })
  assert.equal(of({ type: ['string', 'number'] }), '#/properties/a may be string or number')
  assert.equal(of({ anyOf: [{ type: 'string' }, { type: 'number' }] }), '#/properties/a has several alternatives')
  assert.equal(of(true), '#/properties/a says nothing of the type')
  assert.equal(of({ minimum: 1 }), '#/properties/a says nothing of the type')
  assert.equal(of({ type: 'null' }), '#/properties/a may be null')
  assert.equal(of({ type: 'object' }), '#/properties/a does not say which properties it has')
  assert.equal(of({ type: 'array' }), '#/properties/a does not say what its items are, or says it of each by its place')
  assert.equal(
    of({ prefixItems: [{}], items: { type: 'number' } }),
    '#/properties/a does not say what its items are, or says it of each by its place',
  )
  assert.equal(
    of({ properties: { b: {} }, patternProperties: { x: {} } }),
    '#/properties/a has properties that only a pattern names',
  )
  assert.equal(of({ $ref: '#' }), '# refers to itself')
  assert.equal(
    mapped({ properties: { a: { type: 'string' } }, required: ['b'] }),
    '# requires b and says nothing more of it',
  )
  assert.equal(mapped({ type: 'string' }), '# is no object')
  assert.equal(mapped(true), '# says nothing of the type')
})

const shape = ({ name, type, notNull }: Column) =>
  [name, [notNull, ['ROW', 'ARRAY', 'MAP'].find((kind) => kind === type.kind)]] as const

test('columns survive the way through SQL and through JSON Schema', () => {
  fc.assert(
    fc.property(anyColumns, (columns) => {
      assert.deepEqual(parseRowSchema(formatColumns(columns)).columns, columns)
      const schema = JSON.stringify(toJsonSchema({ columns }))
      const read = readJsonSchema(schema)
      assert.ok(!(read instanceof Problem), JSON.stringify(read))
      compileJsonSchema(read)
      const found = columnsOfJsonSchema(JSON.parse(schema))
      assert.ok('columns' in found, JSON.stringify([schema, found]))
      assert.deepEqual(columnsOfJsonSchema(toJsonSchema(found) as JsonSchema), found)
      assert.deepEqual(new Map(found.columns.map(shape)), new Map(columns.map(shape)))
    }),
    { numRuns: 100 },
  )
})

test('columns become the fields of a BigQuery table, and what is different there is said', () => {
  const of = (ddl: string) => toBigQuerySchema(parseRowSchema(ddl).columns)
  assert.deepEqual(of('ts BIGINT NOT NULL, at TIMESTAMP_LTZ(3), m ROW<unit STRING, d DECIMAL(10, 2)>'), {
    fields: [
      { name: 'ts', type: 'INTEGER', mode: 'REQUIRED' },
      { name: 'at', type: 'TIMESTAMP', mode: 'NULLABLE' },
      {
        name: 'm',
        type: 'RECORD',
        mode: 'NULLABLE',
        fields: [
          { name: 'unit', type: 'STRING', mode: 'NULLABLE' },
          { name: 'd', type: 'NUMERIC', precision: '10', scale: '2', mode: 'NULLABLE' },
        ],
      },
    ],
    notices: [],
  })
  const { fields, notices } = of(
    'a ARRAY<ARRAY<INT NOT NULL>>, m MAP<STRING, DOUBLE>, d DECIMAL(38, 18), t TIMESTAMP(9), `a.b` INT, b BYTES',
  )
  assert.deepEqual(
    fields.map(({ type, mode, fields: inner }) => [
      type,
      mode,
      inner?.map(({ name, type: own, mode: many }) => `${name} ${own} ${many}`),
    ]),
    [
      ['JSON', 'NULLABLE', undefined],
      ['JSON', 'NULLABLE', undefined],
      ['BIGNUMERIC', 'NULLABLE', undefined],
      ['TIMESTAMP', 'NULLABLE', undefined],
      ['INTEGER', 'NULLABLE', undefined],
      ['BYTES', 'NULLABLE', undefined],
    ],
  )
  assert.deepEqual(notices, [
    'a: a list of lists is JSON there',
    'm: a MAP is JSON there',
    't: BigQuery keeps six digits of the second',
    'a.b: BigQuery does not take this name',
  ])
  const sensor = columnsOfJsonSchema(sensorSchema as never)
  assert.ok('columns' in sensor)
  const ofSensor = toBigQuerySchema(sensor.columns)
  assert.deepEqual(ofSensor.fields.at(-1), { name: 'timestamp', type: 'STRING', mode: 'REQUIRED' })
  assert.deepEqual(ofSensor.notices, ['timestamp: text there; as TIMESTAMP_LTZ(3) in the row schema it is a TIMESTAMP'])
})

test('a table made from the schema that the editor shows is one that the bigquery sink takes', () => {
  fc.assert(
    fc.property(anyColumns, (columns) => {
      assert.equal(mismatch(toBigQuerySchema(columns).fields, targetsOf({ columns })), undefined)
    }),
  )
})

test('columns are inferred from payloads, each with the reason', () => {
  const inferred = inferColumns([
    '{"ts":1,"big":18446744073709551615,"v":1,"ok":true,"day":"2024-02-29","at":"2024-01-09T20:30:00+02:00","m":{"unit":"bar","x":null},"l":[1,2.5],"e":[],"mix":1,"o":{}}',
    '{"ts":9007199254740993,"v":2.5,"ok":false,"day":"2024-03-01","at":"2024-01-09T20:30:00Z","m":null,"l":null,"e":[],"mix":"x","o":{}}',
  ])
  assert.ok(!(inferred instanceof Problem))
  assert.deepEqual(
    inferred.reasons.map(({ path, type, why }) => `${path} ${type}: ${why.map(({ text }) => text).join(', ')}`),
    [
      'ts BIGINT: number in 2 of 2',
      'big DECIMAL(38, 0): number in 1 of 2, larger than 64 bits, missing in 1',
      'v DOUBLE: number in 2 of 2, 1 with a fraction',
      'ok BOOLEAN: true or false in 2 of 2',
      'day DATE: text in 2 of 2, all dates',
      'at STRING: text in 2 of 2, all RFC 3339 times',
      'm ROW: an object in 1 of 2, null in 1',
      'm.unit STRING: text in 1 of 1',
      'm.x STRING: never anything but null, null in 1',
      'l ARRAY<DOUBLE>: a list in 1 of 2, null in 1',
      'l[] DOUBLE: number in 2 of 2, 1 with a fraction',
      'e ARRAY<STRING>: a list in 2 of 2',
      'mix STRING: number in 1 of 2, text in 1 of 2',
      'o MAP<STRING, STRING>: an object in 2 of 2',
    ],
  )
  assert.equal(
    JSON.stringify(toBigQuerySchema(inferred.columns).fields[5]),
    '{"name":"at","type":"STRING","mode":"NULLABLE"}',
  )
})

test('NOT NULL needs ten payloads that agree, and many different keys make a MAP', () => {
  const tenth = Array.from({ length: 10 }, (_, i) => `{"a":${i},"b":${i === 3 ? null : 1},"k":{"k${i}":1}}`)
  const types = (payloads: readonly string[]) => {
    const inferred = inferColumns(payloads)
    assert.ok(!(inferred instanceof Problem))
    return formatColumns(inferred.columns).split(',\n')
  }
  assert.deepEqual(types(tenth).slice(0, 2), ['`a` BIGINT NOT NULL', '`b` BIGINT'])
  assert.equal(types(tenth.slice(1))[0], '`a` BIGINT')
  assert.deepEqual(types(Array.from({ length: 101 }, (_, i) => `{"k":{"k${i}":${i}.5}}`)), [
    '`k` MAP<STRING, DOUBLE> NOT NULL',
  ])
})

test('whole numbers that may be a measurement are BIGINT with the advice, and DOUBLE where that is asked for', () => {
  const hint = 'only whole numbers seen: write DOUBLE if fractions may come'
  const payloads = [
    '{"ts":1795313525345,"bar":-5,"limits":{"hi":10},"l":[1]}',
    '{"ts":1795313525346,"bar":5,"limits":{}}',
  ]
  const reasons = (doubles?: ReadonlySet<string>) => {
    const inferred = inferColumns(payloads, doubles)
    assert.ok(!(inferred instanceof Problem))
    const advised = inferred.reasons.filter(({ mayGetFractions, why }) => mayGetFractions && why.at(-1)?.text === hint)
    assert.equal(advised.length, inferred.reasons.filter(({ why }) => why.some(({ text }) => text === hint)).length)
    return [formatColumns(inferred.columns).replaceAll(',\n', ', '), advised.map(({ path }) => path)]
  }
  const whole = '`ts` BIGINT, `bar` BIGINT, `limits` ROW<`hi` BIGINT>, `l` ARRAY<BIGINT>'
  assert.deepEqual(reasons(), [whole, ['bar', 'limits.hi', 'l[]']])
  const fractions = '`ts` BIGINT, `bar` DOUBLE, `limits` ROW<`hi` DOUBLE>, `l` ARRAY<BIGINT>'
  assert.deepEqual(reasons(new Set(['bar', 'limits.hi'])), [fractions, ['l[]']])
})

test('what cannot be inferred is said', () => {
  const problem = (...payloads: string[]) => (inferColumns(payloads) as Problem).text
  assert.equal(problem(), 'needs at least one payload')
  assert.equal(problem('{"a":1}', '[1]'), 'payload 2: is no JSON object')
  assert.match(problem('{"a":'), /^payload 1: The payload is not valid JSON/)
  assert.equal(problem('{}'), 'has no fields to make columns of')
})

test('a column that is called as what stands between two texts changes no text', () => {
  for (const name of [',', ' : ']) {
    const decode = compileDecoder(parseRowSchema(`n STRING, m STRING, \`${name}\` STRING, \`:0}\` STRING`), options)
    const row = decode(Buffer.from('{"n":1,"m":"",":0}" : ":0}"}'))
    assert.deepEqual({ ...row }, { n: '1', m: '', [name]: null, ':0}': ':0}' }, name)
  }
})

test('inferred columns take every payload they come from', () => {
  const payload = fc
    .dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1 })
    .map((value) => JSON.stringify(value))
  fc.assert(
    fc.property(fc.array(payload, { minLength: 1, maxLength: 12 }), (payloads) => {
      const inferred = inferColumns(payloads)
      assert.ok(!(inferred instanceof Problem))
      const decode = compileDecoder(inferred, options)
      for (const each of payloads) assert.ok(decode(Buffer.from(each)) !== undefined)
    }),
    { numRuns: 500 },
  )
})
