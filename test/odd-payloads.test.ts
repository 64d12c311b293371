import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { batchMessage, recordsOf, rejectedMessage, unreadable } from '../nodes/shared/messages.ts'
import { PipelineError } from '../src/core/errors.ts'
import { encodePayload, type Record, toJson } from '../src/core/record.ts'
import { decodeRecord, encodeRecord } from '../src/outbox/record-codec.ts'
import { compileDecoder } from '../src/rows/compile-decoder.ts'
import { parseRowSchema } from '../src/rows/parse-ddl.ts'
import { encode, type Message, sparkplugNode } from './rows/sparkplug-payloads.ts'

test('what a Function node made with a class of its own is the same JSON behind the outbox', () => {
  class Decimal {
    readonly digits = [1, 5]
    toJSON() {
      return '1.5'
    }
  }
  const payload = {
    url: new URL('http://a/b'),
    list: [new Decimal()],
    at: new Date(0),
    n: 1n,
    own: { toJSON: () => 5 },
  }
  const stored = encodeRecord(recordsOf({ topic: 't', payload })[0]!)
  assert.equal(toJson(decodeRecord(stored).payload as never), toJson(payload as never))
})

test('an object that is no number is none for TINYINT and SMALLINT either, whatever its fields are called', () => {
  const decode = compileDecoder(parseRowSchema('t TINYINT, s SMALLINT'), {
    failOnMissingField: false,
    ignoreParseErrors: true,
    timestampFormat: 'SQL',
  })
  for (const odd of ['{"toString":1}', '{"valueOf":1,"toString":2}', '[[1]]', '"x"'])
    assert.deepEqual(decode(Buffer.from(`{"t":${odd},"s":${odd}}`)), { t: null, s: null }, odd)
})

test('a topic or a user property that has no text takes no message out of the flow', () => {
  const odd: unknown = JSON.parse('{"toString":"x"}')
  const record: Record = recordsOf({ topic: odd, payload: 'x', userProperties: { a: odd, b: Object.create(null) } })[0]!
  assert.equal(record.topic, '[object Object]')
  assert.equal(record.properties!.userProperties!.length, 2)
})

test('the Uint8Array of a Function node, which is of another realm, is bytes', () => {
  const payload: unknown = vm.runInNewContext('new Uint8Array([104, 105]).subarray(1)')
  assert.equal(Buffer.from(encodePayload(recordsOf({ topic: 't', payload })[0]!.payload)).toString(), 'i')
})

test('a device without a clock gets its names back after its death', () => {
  const { rowOf } = sparkplugNode()
  const hear = (type: string, more: Message) =>
    rowOf(encode({ timestamp: 0, seq: 0, metrics: [], ...more }), `spBv1.0/G/${type}`)
  const birth = (bdSeq: string) => ({
    metrics: [
      { name: 'bdSeq', datatype: 4, longValue: bdSeq },
      { name: 'a', alias: 1, datatype: 3, intValue: 1 },
    ],
  })
  const death = (bdSeq: string) => ({ metrics: [{ name: 'bdSeq', longValue: bdSeq }] })
  const name = (type: string) =>
    (hear(type, { metrics: [{ alias: 1, intValue: 2 }] }).metrics as { name: unknown }[])[0]!.name
  hear('NBIRTH/E', birth('0'))
  hear('NDEATH/E', death('0'))
  assert.equal(name('NDATA/E'), null)
  hear('NBIRTH/E', birth('1'))
  assert.equal(name('NDATA/E'), 'a')
  hear('NBIRTH/E', birth('2'))
  hear('NDEATH/E', death('1'))
  assert.equal(name('NDATA/E'), 'a', 'a late will is that of another session')
  hear('DBIRTH/E/D', birth('2'))
  hear('DDEATH/E/D', {})
  hear('DBIRTH/E/D', birth('2'))
  assert.equal(name('DDATA/E/D'), 'a')
})

test('a list with one item that is no reading is rejected reading by reading, each with its own bytes', () => {
  const reading = (i: number): Record => {
    const bytes = Buffer.from(`{"v":${i},"more":"${'x'.repeat(100)}"}`)
    return { topic: `t/${i}`, payload: bytes, original: bytes, qos: 1, retain: false, dup: false, receivedAt: 1 }
  }
  const readings = Array.from({ length: 300 }, (_, i) => reading(i))
  const message = batchMessage(readings)
  ;(message.payload as unknown[]).push({ summary: message })
  assert.throws(() => recordsOf(message), { code: 'PAYLOAD_UNSUPPORTED' })
  const error = new PipelineError('PAYLOAD_UNSUPPORTED', { problem: 'x' })
  const rejected = unreadable(message).map((record) => rejectedMessage(record, error, 'n'))
  assert.equal(rejected.length, 301)
  for (const [i, { topic, original }] of readings.entries()) {
    assert.equal(rejected[i]!.topic, topic)
    assert.deepEqual(rejected[i]!.payload, original)
  }
})

test('a list without a single reading is rejected as one', () => {
  const [record, ...more] = unreadable({ payload: [1, 2, 3] })
  assert.deepEqual(record!.payload, [1, 2, 3])
  assert.equal(more.length, 0)
})
