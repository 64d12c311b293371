import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originalBytes } from '../../src/core/original-bytes.ts'
import { encodePayload, type Payload, type Record, toJson, type Value } from '../../src/core/record.ts'

const text = (payload: Payload) => Buffer.from(encodePayload(payload)).toString()

test('bytes travel as they are and text as UTF-8', () => {
  const bytes = Buffer.from([0, 255, 128, 10])
  assert.equal(encodePayload(bytes), bytes)
  const plain = new Uint8Array([1, 2, 3])
  assert.equal(encodePayload(plain), plain)
  assert.equal(text('Überdruck 5 °C'), 'Überdruck 5 °C')
  assert.equal(text(''), '')
})

test('other values are JSON', () => {
  const cases: readonly (readonly [Value, string])[] = [
    [null, 'null'],
    [true, 'true'],
    [5, '5'],
    [1.5, '1.5'],
    [[], '[]'],
    [{}, '{}'],
    [{ a: 1, b: [null, 'x', { c: false }] }, '{"a":1,"b":[null,"x",{"c":false}]}'],
  ]
  for (const [value, json] of cases) assert.equal(text(value), json)
  assert.equal(toJson('quoted'), '"quoted"')
})

test('integers of any size are exact, at every depth', () => {
  const big = 2n ** 63n - 1n
  assert.equal(text(big), '9223372036854775807')
  assert.equal(text(-(2n ** 63n)), '-9223372036854775808')
  assert.equal(text({ n: big, s: 'x' }), '{"n":9223372036854775807,"s":"x"}')
  assert.equal(text({ a: { b: [1, { c: [big] }] } }), '{"a":{"b":[1,{"c":[9223372036854775807]}]}}')
  assert.equal(text([10n ** 30n, 1]), '[1000000000000000000000000000000,1]')
})

test('bytes inside a value are base64, also together with big integers', () => {
  const bytes = Buffer.from('raw')
  assert.equal(toJson(bytes), '"cmF3"')
  assert.equal(text({ raw: bytes }), '{"raw":"cmF3"}')
  assert.equal(text({ raw: new Uint8Array(bytes) }), '{"raw":"cmF3"}')
  assert.equal(text([[{ deep: bytes, n: 2n ** 60n }]]), '[[{"deep":"cmF3","n":1152921504606846976}]]')
  assert.equal(text({ n: 2n ** 60n, raw: [bytes] }), '{"n":1152921504606846976,"raw":["cmF3"]}')
})

test('a value that contains itself is refused with a reason', () => {
  const circular: { [name: string]: unknown } = { n: 1 }
  circular.self = circular
  assert.throws(() => encodePayload(circular as Payload), Error)
})

const record: Record = { topic: 't', payload: { n: 1 }, qos: 1, retain: false, dup: false, receivedAt: 0 }

test('the original bytes of a record are those that arrived, if they are known', () => {
  assert.equal(Buffer.from(originalBytes(record)).toString(), '{"n":1}')
  const original = Buffer.from('{ "n" : 1 }')
  assert.equal(originalBytes({ ...record, original }), original)
})

test('what has no JSON is described, so that something of it can be stored', () => {
  const circular: { [name: string]: Value } = { n: 1 }
  circular.self = circular
  const described = (payload: unknown) =>
    Buffer.from(originalBytes({ ...record, payload: payload as Payload })).toString()
  assert.match(described(circular), /n: 1, self: \[Circular/)
  assert.match(
    described(() => 1),
    /Function/,
  )
  assert.match(described(undefined), /undefined/)
})
