import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { declaration as decoderNode } from '../../nodes/row-decoder/declaration.ts'
import { declaration as schemaNode } from '../../nodes/row-schema/declaration.ts'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { originalBytes } from '../../src/core/original-bytes.ts'
import type { Payload, Record } from '../../src/core/record.ts'
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
  const check = (options: object) => decoderNode.check!(configure(options)).map(({ field, text }) => `${field} ${text}`)
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

test('a row-schema is configured with text and holds its columns; a wrong text is a problem of that field', () => {
  const { config } = parseFields(schemaNode.fields, { schema: 'a INT, x AS 1' })
  assert.deepEqual(config?.schema, {
    columns: [{ name: 'a', type: { kind: 'INT' }, notNull: false }],
    ignored: ['line 1: "x AS 1" has no effect: computed columns are not evaluated'],
  })
  assert.deepEqual(parseFields(schemaNode.fields, { schema: 'a INT,\nb' }).problems, [
    { field: 'schema', text: 'line 2: expected the type of column "b", found the end' },
  ])
  assert.deepEqual(parseFields(schemaNode.fields, {}).problems, [{ field: 'schema', text: 'is required' }])
})
