import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NumberText } from '../../src/core/number-text.ts'
import { type Qos, type Record, toJson, type Value } from '../../src/core/record.ts'
import { decodeRecord, encodeRecord } from '../../src/outbox/record-codec.ts'
import { randomFrom } from './random.ts'

const record = (changed: object = {}): Record => ({
  topic: 't',
  payload: Buffer.from('1'),
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 1_700_000_000_000,
  ...changed,
})

/** Bytes of whatever class become plain ones, so that only their content is compared. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof NumberText) return value
  if (value === null || typeof value !== 'object') return value
  const copy = Object.create(null) as { [name: string]: unknown }
  for (const [name, inner] of Object.entries(value)) copy[name] = plain(inner)
  return copy
}

const assertKept = (given: Record) => assert.deepEqual(plain(decodeRecord(encodeRecord(given))), plain(given))

const texts = ['', 'plain', 'ü😀', '\u0000', '\ud800 alone', '__proto__', 'toJSON', 'constructor', '"\\\n', '\u2028']
const numbers = [0, -0, 1.5, -1e308, 5e-324, 2 ** 53, Number.NaN, Infinity, -Infinity]

function randomValue(random: (below: number) => number, depth: number): Value {
  switch (random(depth > 0 ? 9 : 7)) {
    case 0:
      return texts[random(texts.length)]!
    case 1:
      return numbers[random(numbers.length)]!
    case 2:
      return (1n << BigInt(random(200))) * (random(2) ? 1n : -1n)
    case 3:
      return Buffer.from(Array.from({ length: random(9) }, () => random(256)))
    case 4:
      return random(2) === 1
    case 5:
      return null
    case 6:
      return new NumberText(['12345678901234567890.123456789012345678', '0.0000001'][random(2)]!)
    case 7:
      return Array.from({ length: random(4) }, () => randomValue(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random(4) }, () => [texts[random(texts.length)]!, randomValue(random, depth - 1)]),
      )
  }
}

function randomRecord(random: (below: number) => number): Record {
  const maybe = (name: string, value: unknown) => (random(2) ? { [name]: value } : {})
  const text = () => texts[random(texts.length)]!
  return record({
    topic: text(),
    payload: randomValue(random, 4),
    qos: random(3) as Qos,
    retain: random(2) === 1,
    dup: random(2) === 1,
    ...maybe('filter', text()),
    ...maybe('route', text()),
    ...maybe('to', text()),
    ...maybe('partitions', random(100)),
    ...maybe('properties', {
      ...maybe('userProperties', [
        [text(), text()],
        [text(), text()],
      ]),
      ...maybe('contentType', text()),
      ...maybe('responseTopic', text()),
      ...maybe('correlationData', Buffer.from(text())),
    }),
    ...maybe('captures', { site_code: text(), constructor: text() }),
    ...maybe('original', Buffer.from(text())),
  })
}

test('every record comes back as it was: any value, any bytes, any property set or not', () => {
  const next = randomFrom(20_260_101)
  const random = (below: number) => Math.floor(next() * below)
  for (let i = 0; i < 5000; i++) assertKept(randomRecord(random))
})

test('a number whose digits no JavaScript number has keeps them, wherever it stands', () => {
  const number = new NumberText('12345678901234567890.5')
  const row = JSON.parse('{"__proto__":{"n":0},"list":[1,0]}') as { __proto__: { n: unknown }; list: unknown[] }
  row.list[1] = number
  Object.getOwnPropertyDescriptor(row, '__proto__')!.value.n = number
  for (const payload of [number, [number], row, { like: { text: 'x' }, number }]) {
    const kept = decodeRecord(encodeRecord(record({ payload }))).payload
    assert.equal(toJson(kept), toJson(payload as Value))
    assertKept(record({ payload }))
  }
  assert.equal(JSON.stringify({ number }), '{"number":12345678901234567890.5}')
})

test('undefined, holes and values of other realms survive as far as they can', () => {
  assertKept(record({ payload: { a: undefined, b: [undefined] } }))
  const holes: unknown[] = [1]
  holes[2] = 3
  const kept = decodeRecord(encodeRecord(record({ payload: holes }))).payload as unknown[]
  assert.deepEqual([kept.length, 1 in kept], [3, false])
})

test('a row with a key __proto__ neither loses it nor gets another prototype', () => {
  const row = JSON.parse('{"__proto__":{"evil":1},"n":1}') as Value
  const { payload } = decodeRecord(encodeRecord(record({ payload: row })))
  assert.equal(Object.getPrototypeOf(payload), Object.prototype)
  assert.equal(JSON.stringify(payload), '{"__proto__":{"evil":1},"n":1}')
})

test('what happens to a row after it was encoded does not change what is stored', () => {
  const row = { n: 1 }
  const bytes = encodeRecord(record({ payload: row }))
  row.n = 2
  assert.deepEqual(decodeRecord(bytes).payload, { n: 1 })
})

test('a reading that nothing has decoded is stored once, though its message has a copy of the bytes', () => {
  const payload = Buffer.alloc(10_000, 1)
  const bytes = encodeRecord(record({ payload, original: Buffer.from(payload) }))
  assert.ok(bytes.length < 10_200, `${bytes.length} bytes`)
  assert.deepEqual(decodeRecord(bytes).original, payload)
})

test('a row that reads as it arrived is stored once, and both come back', () => {
  const original = Buffer.from(JSON.stringify({ text: 'x'.repeat(10_000) }))
  const decoded = record({ payload: JSON.parse(original.toString()), original })
  const bytes = encodeRecord(decoded)
  assert.ok(bytes.length < 10_200, `${bytes.length} bytes`)
  assertKept(decoded)
  assertKept(record({ payload: { n: 1 }, original: Buffer.from('{"n": 1}') }))
})

test('what a topic pattern has found is stored with its reading', () => {
  const given = record({ captures: { site_code: 'SAF', pi_tag: 'SX_PLS_FLOW.PV' } })
  assert.deepEqual(decodeRecord(encodeRecord(given)).captures, given.captures)
})

test('an original that was empty is not mistaken for none', () =>
  assertKept(record({ payload: Buffer.from('made up by the flow'), original: Buffer.alloc(0) })))

test('what is no value throws when it is encoded', () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const payload of [() => 1, circular, { f: () => 1 }, Symbol('s')])
    assert.throws(() => encodeRecord(record({ payload })))
})

test('a record of another version, or cut, or of other bytes, throws when it is decoded', () => {
  const bytes = encodeRecord(record())
  const later = Buffer.from(bytes)
  later.write('2', later.indexOf('[1,') + 1)
  assert.throws(() => decodeRecord(later), /version 2/)
  assert.throws(() => decodeRecord(bytes.subarray(0, 20)))
  assert.throws(() => decodeRecord(Buffer.from('what is this?')))
  assert.throws(() => decodeRecord(Buffer.alloc(0)))
})
