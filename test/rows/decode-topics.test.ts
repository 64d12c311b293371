import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode as encodeMessagePack } from '@msgpack/msgpack'
import { encode as encodeCbor } from 'cborg'
import fc from 'fast-check'
import { declaration } from '../../nodes/row-decoder/declaration.ts'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { Problem } from '../../src/core/problem.ts'
import { type Payload, type Record, toJson } from '../../src/core/record.ts'
import { createDecoder } from '../../src/rows/decode-record.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { kpiCases, kpiDecoder, kpiSchema, kpiTopic } from './plant-kpi.ts'

const warnings: string[] = []

function decoder(options: object, schema = 'a INT') {
  const { config, problems } = parseFields(declaration.fields, { schema: 's', ...options })
  assert.deepEqual(problems, [])
  assert.deepEqual(declaration.check!(config!), [])
  return createDecoder(
    config!,
    () => parseRowSchema(schema),
    ({ message }) => warnings.push(message),
  )
}

const record = (topic: string, payload: unknown, more: Partial<Record> = {}): Record => ({
  topic,
  payload: (typeof payload === 'string' ? Buffer.from(payload) : payload) as Payload,
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 5,
  ...more,
})

/** The payload as JSON, or why there is none. */
function outcome(decode: () => Record | undefined): string {
  try {
    const decoded = decode()
    return decoded === undefined ? 'skipped' : toJson(decoded.payload)
  } catch (error) {
    assert.ok(error instanceof PipelineError && error.disposition === 'reject', String((error as Error).stack))
    return `${error.reason}: ${error.message}`
  }
}

test('F2 and F3: the whole table, row or reason', () => {
  const decode = decoder(kpiDecoder, kpiSchema)
  for (const { topic = kpiTopic, payload, row, reason } of kpiCases) {
    const found = outcome(() => decode(record(topic, payload)))
    if (row === undefined) assert.equal(found.split(':')[0], reason, `${topic} ${payload}: ${found}`)
    else assert.equal(found, row)
  }
})

test('F2: with coerceNumbers text is a number', () => {
  const payload = '{"sensor_id":"A","timestamp":"2025-07-01T12:00:00Z","value":"12.5"}'
  const decode = decoder({ ...kpiDecoder, coerceNumbers: true }, kpiSchema)
  assert.match(
    outcome(() => decode(record(kpiTopic, payload))),
    /"value":12.5}$/,
  )
})

test('without rejectEmptyText an empty text is a text', () => {
  const payload = '{"sensor_id":"","timestamp":"2025-07-01T12:00:00Z","value":1}'
  const decode = decoder({ ...kpiDecoder, rejectEmptyText: false }, kpiSchema)
  assert.match(
    outcome(() => decode(record(kpiTopic, payload))),
    /"sensor_id":""/,
  )
  const nullable = decoder({ rejectEmptyText: true }, 'a STRING, b STRING NOT NULL')
  assert.equal(
    outcome(() => nullable(record('t', '{"a":"","b":" "}'))),
    '{"a":"","b":" "}',
  )
  assert.equal(
    outcome(() => nullable(record('t', '{"a":"","b":""}'))),
    'missing: At /b: the field is empty',
  )
})

test('an empty payload is rejected where there is a topic pattern, unless it is said otherwise', () => {
  const empty = (options: object) => outcome(() => decoder(options)(record('x', '')))
  assert.equal(empty({}), 'skipped')
  assert.equal(empty({ topicPattern: '{x}' }), 'json: The payload is not valid JSON: it is empty')
  assert.equal(empty({ topicPattern: '{x}', onEmpty: 'skip' }), 'skipped')
  assert.equal(empty({ onEmpty: 'reject' }), 'json: The payload is not valid JSON: it is empty')
  for (const format of ['cbor', 'text', 'raw'])
    assert.equal(empty({ format, onEmpty: 'reject' }), 'empty: The payload is empty', format)
})

test('a part of the topic fills its column, also a required one, in the type of the column', () => {
  const schema = 'line INT NOT NULL, a INT, tag STRING'
  const decode = decoder({ topicPattern: 'p/{line}/{tag}', failOnMissingField: true }, schema)
  assert.equal(
    outcome(() => decode(record('p/07/x', '{"a":1}'))),
    '{"line":7,"a":1,"tag":"x"}',
  )
  assert.equal(
    outcome(() => decode(record('p/7/x', '{"a":1,"line":7,"tag":null}'))),
    '{"line":7,"a":1,"tag":"x"}',
  )
  assert.equal(
    outcome(() => decode(record('p/7/x', '{}'))),
    'missing: At /a: the field is missing',
  )
  assert.match(
    outcome(() => decode(record('p/x/x', '{"a":1}'))),
    /^topic-structure: .*\{line\} is "x", which is no INT$/,
  )
  assert.equal(
    outcome(() => decode(record('p/7/x', '{"a":1,"line":"seven"}'))),
    'type: At /line: expected INT, found "seven"',
  )
  assert.match(
    outcome(() => decode(record('p/7/x', '{"a":1,"line":8}'))),
    /^site-mismatch: The topic says line is "7", the payload says "8"$/,
  )
})

test('a part without a column becomes one at the end, in every format that has columns', () => {
  const pattern = { topicPattern: '{site}/{rest...}' }
  assert.equal(
    outcome(() => decoder(pattern)(record('N/1/2', '{"a":1}'))),
    '{"a":1,"site":"N","rest":"1/2"}',
  )
  const json = decoder({ ...pattern, format: 'json' })
  assert.equal(
    outcome(() => json(record('N/1', '{"x":{"y":1}}'))),
    '{"x":{"y":1},"site":"N","rest":"1"}',
  )
  assert.match(
    outcome(() => json(record('N/1', '{"site":["N"]}'))),
    /^site-mismatch: .*the payload says a list$/,
  )
  assert.match(
    outcome(() => json(record('N/1', '{"site":{"N":1}}'))),
    /the payload says an object$/,
  )
  assert.equal(
    outcome(() => json(record('5/1', '{"site":5}'))),
    '{"site":5,"rest":"1"}',
  )
  const wrap = decoder({ ...pattern, format: 'raw', binaryEncoding: 'wrap' })
  assert.match(
    outcome(() => wrap(record('N/1', Buffer.from([255])))),
    /^{"data":"\/w==",.*,"site":"N","rest":"1"}$/,
  )
})

test('what has no columns keeps its payload; the parts are on the record all the same', () => {
  for (const [options, payload] of [
    [{ format: 'json' }, '[1]'],
    [{ format: 'json' }, '5'],
    [{ format: 'text' }, 'hello'],
  ] as const) {
    const decoded = decoder({ ...options, topicPattern: 'a/{x}' })(record('a/b', payload))!
    assert.deepEqual(decoded.captures, { x: 'b' })
    assert.equal(
      Buffer.from(typeof decoded.payload === 'string' ? decoded.payload : toJson(decoded.payload)).toString(),
      payload,
    )
  }
})

test('with onMismatch warn the payload counts, and somebody hears of it', () => {
  warnings.length = 0
  const decode = decoder({ topicPattern: '{site}', onMismatch: 'warn', format: 'json' })
  const decoded = decode(record('SAF', '{"site":"CMC"}'))!
  assert.deepEqual([decoded.payload, decoded.captures], [{ site: 'CMC' }, { site: 'SAF' }])
  assert.deepEqual(warnings, ['The topic says site is "SAF", the payload says "CMC"'])
})

test('a pattern with a part that its column cannot hold is refused at deploy', () => {
  assert.throws(() => decoder({ topicPattern: '{a}' }, 'a ARRAY<INT>'), {
    code: 'CONFIG_INVALID',
    message: /topicPattern: has \{a\}, but the column of that name is of the type ARRAY/,
  })
})

test('a route has the columns of its schema, and one without a schema is not asked for the pattern', () => {
  const schemas: { readonly [id: string]: string } = { x: 'n INT', y: 'n STRING' }
  const routes = [
    { route: 'x', schema: 'x' },
    { route: 'y', schema: 'y' },
  ]
  const { config } = parseFields(declaration.fields, { routes, topicPattern: 't/{n}' })
  const decode = createDecoder(config!, (id) => parseRowSchema(schemas[id]!))
  assert.equal(
    outcome(() => decode(record('t/1', '{}', { route: 'x' }))),
    '{"n":1}',
  )
  assert.equal(
    outcome(() => decode(record('t/1', '{}', { route: 'y' }))),
    '{"n":"1"}',
  )
  const other = record('elsewhere', 'no json', { route: 'z' })
  assert.equal(decode(other), other)
})

test('C3: attributes are taken out last, of the columns of the topic too', () => {
  const ignoredAttributes = [{ filter: 'a/+', attributes: 'timestamp, meta.raw, x' }]
  const decode = decoder({ format: 'json', ignoredAttributes, topicPattern: 'a/{x}' })
  const payload = '{"timestamp":1,"meta":{"raw":2,"unit":"m"}}'
  assert.equal(
    outcome(() => decode(record('a/b', payload))),
    '{"meta":{"unit":"m"}}',
  )
  const rows = decoder({ ignoredAttributes: [{ filter: '#', attributes: 'a' }] }, 'a INT, b INT')
  assert.equal(
    outcome(() => rows(record('t', '{"a":1,"b":2}'))),
    '{"b":2}',
  )
})

test('CBOR and MessagePack stay as they are, or become rows of a schema', () => {
  const value = { a: 2n ** 60n, b: new Uint8Array([0, 255]), c: Number.NaN, d: '1' }
  const schema = 'a BIGINT, b BYTES, c DOUBLE, d INT, e STRING'
  for (const [format, bytes] of [
    ['cbor', encodeCbor(value)],
    ['messagepack', encodeMessagePack(value, { useBigInt64: true })],
  ] as const) {
    const open = decoder({ format, schema: '' })(record('t', bytes))!
    assert.deepEqual(open.payload, { a: 2n ** 60n, b: Buffer.from([0, 255]), c: 'NaN', d: '1' })
    const typed = decoder({ format }, schema)(record('t', bytes))!
    assert.deepEqual(typed.payload, { a: 2n ** 60n, b: Buffer.from([0, 255]), c: 'NaN', d: 1, e: null })
    assert.equal(typed.original, bytes)
    assert.match(
      outcome(() => decoder({ format }, 'd BOOLEAN, a TINYINT')(record('t', bytes))),
      /^type: At \/a: expected TINYINT/,
    )
    const broken = record('t', Buffer.from([0xc1, 0xff]))
    assert.match(
      outcome(() => decoder({ format })(broken)),
      /^format: The payload is not valid (CBOR|MessagePack): /,
    )
    for (const more of [{ schema: '' }, { schema: 's' }])
      assert.equal(
        outcome(() => decoder({ format, ignoreParseErrors: true, ...more })(broken)),
        'skipped',
      )
  }
})

test('a packed payload is unpacked for every format, and kept as it arrived', () => {
  const bytes = gzipSync('{"a":1}')
  const packed = { compression: 'gzip' }
  const decoded = decoder(packed)(record('t', bytes))!
  assert.deepEqual([decoded.payload, decoded.original], [{ a: 1 }, bytes])
  assert.equal(decoder({ ...packed, format: 'text' })(record('t', bytes))!.payload, '{"a":1}')
  assert.match(
    outcome(() => decoder(packed)(record('t', '{"a":1}'))),
    /^compression: The payload is not valid gzip: /,
  )
  const bomb = gzipSync(Buffer.alloc(5000, ' '))
  assert.match(
    outcome(() => decoder({ ...packed, maxUnpackedBytes: '4 KiB' })(record('t', bomb))),
    /^too-large: Unpacked, the payload is over the limit of 4096 bytes/,
  )
  assert.equal(
    outcome(() => decoder(packed)(record('t', gzipSync('')))),
    'skipped',
  )
})

test('wrong options are refused by their field', () => {
  const problem = (name: 'topicPattern' | 'ignoredAttributes', value: unknown) => {
    const parsed = declaration.fields[name].parse(value)
    return parsed instanceof Problem ? parsed.text : 'none'
  }
  assert.match(problem('topicPattern', 'a/+'), /write \{name\}/)
  assert.match(problem('ignoredAttributes', [{ filter: 'a/#/b', attributes: 'x' }]), /row 1: Filter may have # only/)
  assert.match(problem('ignoredAttributes', [{ filter: 'a', attributes: 'x,,y' }]), /row 1: Attributes must be names/)
  assert.match(problem('ignoredAttributes', [{ filter: 'a' }]), /row 1: Attributes is required/)
})

test('any topic and any bytes in any format give a record, nothing, or a reason', () => {
  const options = fc.record({
    format: fc.constantFrom('json-row', 'json', 'cbor', 'messagepack', 'text', 'raw'),
    schema: fc.constantFrom('s', ''),
    binaryEncoding: fc.constantFrom('none', 'wrap'),
    compression: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'gzip', 'zlib', 'zstd'),
    topicPattern: fc.constantFrom('', '', 'a/{b}', '{a}/{b...}', '{constructor}'),
    onMismatch: fc.constantFrom('reject', 'warn'),
    timestampFormat: fc.constantFrom('SQL', 'RFC-3339'),
    coerceNumbers: fc.boolean(),
    rejectEmptyText: fc.boolean(),
    ignoredAttributes: fc.constantFrom([], [{ filter: '#', attributes: 'a.b, __proto__.toString, constructor' }]),
  })
  const topics = fc.oneof(
    fc.constantFrom('a/5', 'a/b', 'a/7', 'x/y/z', 'a'),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  const payloads = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        '{"a":"x","b":3}',
        '',
        '{}',
        '{"a":"x","b":{"a":1}}',
        '{"a":1,"b":2}',
        '[1]',
        '{"__proto__":{"toString":1}}',
        '{"t":1}',
      ),
    },
    fc.uint8Array({ maxLength: 30 }),
    fc.json({ maxDepth: 3 }),
    fc.jsonValue({ maxDepth: 3 }).map((value) => encodeCbor(value)),
    fc.jsonValue({ maxDepth: 3 }).map((value) => encodeMessagePack(value)),
  )
  const seen = new Map<string, number>()
  const property = fc.property(options, topics, payloads, (chosen, topic, payload) => {
    const { config } = parseFields(declaration.fields, chosen)
    if (declaration.check!(config!).length > 0) return
    const decode = createDecoder(config!, () => parseRowSchema('a STRING, b INT NOT NULL, t TIMESTAMP_LTZ(3)'))
    const found = outcome(() => decode(record(topic, payload)))
    const kind = /^[a-z-]+(?=:)/.exec(found)?.[0] ?? 'decoded'
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    assert.equal(typeof Object.prototype.toString, 'function')
  })
  fc.assert(property, { seed: Number(process.env.ROWLINE_FUZZ_SEED ?? 11), numRuns: 3000 })
  for (const kind of [
    'decoded',
    'json',
    'type',
    'missing',
    'topic-structure',
    'site-mismatch',
    'format',
    'compression',
  ])
    assert.ok((seen.get(kind) ?? 0) > 0, `${kind}: ${JSON.stringify([...seen])}`)
})
