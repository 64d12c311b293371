import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { declaration as decoderNode } from '../../nodes/row-decoder/declaration.ts'
import { declaration as schemaNode } from '../../nodes/row-schema/declaration.ts'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { originalBytes } from '../../src/core/original-bytes.ts'
import type { Payload, Record } from '../../src/core/record.ts'
import { schemaOf } from '../../src/rows/config.ts'
import { createDecoder } from '../../src/rows/decode-record.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'

const schemas: { readonly [id: string]: string } = { one: 'a INT, b STRING', two: 'a STRING' }

function configure(options: object) {
  const { config, problems } = parseFields(decoderNode.fields, { ...options })
  assert.deepEqual(problems, [])
  return config!
}

function decoder(options: object) {
  return createDecoder(configure(options), (id) => parseRowSchema(schemas[id]!))
}

function record(payload: unknown, more: Partial<Record> = {}): Record {
  return { topic: 't/1', payload: payload as Payload, qos: 1, retain: false, dup: false, receivedAt: 5, ...more }
}

const codeOf = (decode: () => unknown) => {
  try {
    decode()
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    return `${error.code} ${error.reason}: ${error.message}`
  }
  assert.fail('nothing was thrown')
}

test('a record keeps everything but its payload, and the bytes it arrived with', () => {
  const bytes = Buffer.from('{ "b":"x", "a":1 }')
  const before = record(bytes, { route: 'r', to: 'k', partitions: 2, filter: 't/#' })
  const after = decoder({ schema: 'one' })(before)!
  assert.deepEqual(after, { ...before, payload: { a: 1, b: 'x' }, original: bytes })
  assert.equal(originalBytes(after), bytes)
  assert.equal(before.payload, bytes)
  assert.equal(decoder({ schema: 'one' })({ ...after, payload: Buffer.from('{}') })!.original, bytes)
})

test('text and plain objects are decoded like their bytes, whatever realm they come from', () => {
  const decode = decoder({ schema: 'one' })
  const foreign = runInNewContext('({ a: 1, b: "x" })')
  for (const payload of [
    '\uFEFF{"a":1,"b":"x"}',
    { b: 'x', a: 1 },
    Object.assign(Object.create(null), { a: '1', b: 'x' }),
    foreign,
  ]) {
    const { payload: row, original } = decode(record(payload))!
    assert.deepEqual(row, { a: 1, b: 'x' })
    assert.ok(original instanceof Uint8Array)
  }
  assert.deepEqual(decoder({ format: 'json' })(record({ n: 2n ** 60n }))!.payload, { n: 2n ** 60n })
})

test('any other payload is rejected with what it is', () => {
  const loop: { self?: unknown } = {}
  loop.self = loop
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [5, /not a number$/],
    [true, /not a boolean$/],
    [null, /not nothing$/],
    [undefined, /not nothing$/],
    [[{ a: 1 }], /not an array$/],
    [new Date(), /not a Date$/],
    [new Map(), /not a Map$/],
    [loop, /the object has no JSON text/],
  ]
  for (const format of ['json', 'json-row']) {
    for (const [payload, message] of cases) {
      const found = codeOf(() => decoder({ format, schema: 'one' })(record(payload)))
      assert.match(found, /^PAYLOAD_UNSUPPORTED type: /)
      assert.match(found, message)
    }
  }
})

test('an empty payload is skipped, or rejected where that is asked for', () => {
  for (const format of ['json', 'json-row']) {
    for (const payload of ['', new Uint8Array()]) {
      assert.equal(decoder({ format, schema: 'one' })(record(payload)), undefined)
      const reject = () =>
        decoder({ format, schema: 'one', onEmpty: 'reject', ignoreParseErrors: true })(record(payload))
      assert.equal(codeOf(reject), 'JSON_INVALID json: The payload is not valid JSON: it is empty')
    }
  }
})

test('a bad record is rejected with the reason, or skipped where errors are ignored', () => {
  assert.match(
    codeOf(() => decoder({ schema: 'one' })(record('{'))),
    /^JSON_INVALID json: /,
  )
  assert.match(
    codeOf(() => decoder({ schema: 'one' })(record('{"a":"x"}'))),
    /^ROW_TYPE type: At \/a: expected INT/,
  )
  assert.match(
    codeOf(() => decoder({ schema: 'one', failOnMissingField: true })(record('{}'))),
    /^ROW_MISSING missing: /,
  )
  assert.match(
    codeOf(() => decoder({ format: 'json' })(record('{'))),
    /^JSON_INVALID json: /,
  )
  assert.equal(decoder({ schema: 'one', ignoreParseErrors: true })(record('{')), undefined)
})

test('with a table of routes each route has its schema and the others pass unchanged', () => {
  const decode = decoder({
    routes: [
      { route: 'x', schema: 'one' },
      { route: 'y', schema: 'two' },
    ],
  })
  assert.deepEqual(decode(record('{"a":1}', { route: 'x' }))!.payload, { a: 1, b: null })
  assert.deepEqual(decode(record('{"a":1}', { route: 'y' }))!.payload, { a: '1' })
  for (const other of [record('no json', { route: 'z' }), record('', {}), record(5, { route: 'constructor' })]) {
    assert.equal(decode(other), other)
  }
})

test('the format json takes any value, big integers exactly', () => {
  assert.deepEqual(decoder({ format: 'json' })(record('[9007199254740993, {"x":null}]'))!.payload, [
    9007199254740993n,
    { x: null },
  ])
})

test('a decoder that contradicts itself is refused with the field at fault', () => {
  const check = (options: object) =>
    decoderNode.check!(configure(options)).map(({ field, problem }) => `${field} ${problem.text}`)
  assert.deepEqual(check({ schema: 'one' }), [])
  assert.deepEqual(check({ format: 'json' }), [])
  assert.deepEqual(check({ routes: [{ route: 'x', schema: 'one' }] }), [])
  assert.deepEqual(check({}), ['schema is required'])
  assert.deepEqual(check({ schema: 'one', routes: [{ route: 'x', schema: 'one' }] }), [
    'schema must be empty where routes name the schemas: readings of other routes pass unchanged',
  ])
  assert.deepEqual(
    check({
      routes: [
        { route: 'x', schema: 'one' },
        { route: 'x', schema: 'two' },
      ],
    }),
    ['routes name the route x twice'],
  )
  assert.deepEqual(check({ schema: 'one', failOnMissingField: true, ignoreParseErrors: true }), [
    'ignoreParseErrors cannot be on together with failOnMissingField',
  ])
})

test('a row-schema is configured with text; a wrong one is a problem of that field, unless it is not in use', () => {
  const read = (options: object) => parseFields(schemaNode.fields, { ...options }).config!
  const config = read({ schema: 'a INT, x AS 1' })
  assert.deepEqual(schemaNode.check!(config), [])
  assert.deepEqual(schemaOf(config), {
    columns: [{ name: 'a', type: { kind: 'INT' }, notNull: false }],
    decoding: {},
    ignored: [
      'line 1: "x AS 1" has no effect: other expressions than TO_TIMESTAMP(FROM_UNIXTIME(… / 1000)) are not evaluated',
    ],
  })
  const wrong = { schema: 'a INT,\nb' }
  const said = (options: object) =>
    schemaNode.check!(read(options)).map(({ field, problem }) => `${field} ${problem.text}`)
  assert.deepEqual(said(wrong), ['schema line 2: expected the type of column "b", found the end'])
  assert.deepEqual(said({}), ['schema is required'])
  const columns = [{ name: 'a', type: 'INT' }]
  assert.deepEqual(schemaNode.check!(read({ ...wrong, writtenAs: 'columns', columns })), [])
})

test('a row-schema is written as a list of columns too', () => {
  const columns = [
    { name: 'ts', type: 'BIGINT', required: 'true' },
    { name: 'a b', type: 'DECIMAL(10, 2)' },
    { name: 'tags', type: 'ARRAY<STRING NOT NULL> NOT NULL' },
  ]
  const read = (more: object) => parseFields(schemaNode.fields, { writtenAs: 'columns', columns, ...more })
  const { config } = read({ schema: 'other INT' })
  assert.deepEqual(schemaNode.check!(config!), [])
  assert.deepEqual(schemaOf(config!), {
    ...parseRowSchema('ts BIGINT NOT NULL, `a b` DECIMAL(10, 2), tags ARRAY<STRING NOT NULL> NOT NULL'),
  })
  const problems = (changed: readonly object[]) => {
    const { config, problems } = read({ columns: changed })
    return (config === undefined ? problems : schemaNode.check!(config)).map(
      ({ field, problem }) => `${field} ${problem.text}`,
    )
  }
  assert.deepEqual(problems([]), ['columns needs at least one row'])
  assert.deepEqual(problems([...columns, columns[0]!]), ['columns name the column ts twice'])
  const [unknown] = problems([{ name: 'a', type: 'TEXT' }])
  assert.match(unknown!, /^columns row 1: Type line 1: there is no type TEXT, expected one of BOOLEAN, .*, ROW$/)
  assert.deepEqual(problems([{ name: 'a', type: '' }, { type: 'INT, b INT' }]), [
    'columns row 1: Type is required; row 2: Name is required; row 2: Type line 1: expected the end of the type, found ","',
  ])
})

test('what a table says about its JSON counts more than the decoder', () => {
  const table = (options: string) => `CREATE TABLE t (a INT, at TIMESTAMP(3)) WITH (${options})`
  const decode = (written: string, options: object, payload: string) =>
    createDecoder(configure({ schema: 'one', ...options }), () => parseRowSchema(table(written)))(record(payload))
      ?.payload
  assert.deepEqual(decode("'json.ignore-parse-errors' = 'TRUE'", {}, '{"a":"x"}'), { a: null, at: null })
  assert.deepEqual(decode("'json.ignore-parse-errors' = 'false'", {}, '{"a":1}'), { a: 1, at: null })
  assert.match(
    codeOf(() => decode("'json.ignore-parse-errors' = 'false'", { ignoreParseErrors: true }, '{"a":"x"}')),
    /^ROW_TYPE/,
  )
  assert.match(
    codeOf(() => decode("'json.fail-on-missing-field' = 'true'", {}, '{"a":1}')),
    /^ROW_MISSING/,
  )
  const iso = { a: 1, at: '2024-10-19T04:35:51' }
  assert.deepEqual(decode("'json.timestamp-format.standard' = 'ISO-8601'", {}, JSON.stringify(iso)), iso)
  assert.deepEqual(decode('', { timestampFormat: 'ISO-8601' }, JSON.stringify(iso)), iso)
  assert.match(
    codeOf(() => decode('', {}, JSON.stringify(iso))),
    /^ROW_TYPE type: At \/at: expected TIMESTAMP\(3\), found "2024-10-19T04:35:51"$/,
  )
  assert.match(
    codeOf(() => decode("'json.fail-on-missing-field' = 'true'", { ignoreParseErrors: true }, '{}')),
    /^CONFIG_INVALID .*ignoreParseErrors: cannot be on together with failOnMissingField; one of them is set in the WITH clause/,
  )
})
