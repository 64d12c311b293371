import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import type { Payload } from '../../src/core/record.ts'
import { createRequestBuilder, deadLetter } from '../../src/sinks/file/request.ts'
import { reading } from '../contract/sink-harness.ts'

const lineOf = (content: 'payload' | 'record', payload: Payload) => {
  const { request, bytes } = createRequestBuilder(content)(reading(1, { payload, receivedAt: 7, route: 'r' }))
  assert.equal(bytes, request.length)
  const text = request.toString()
  assert.equal(text.indexOf('\n'), text.length - 1, 'one line feed, at the end')
  return text.trimEnd()
}

describe('a line with the payload alone', () => {
  const table: readonly (readonly [string, Payload, string])[] = [
    ['a row', { a: 1, b: null, big: 9007199254740993n }, '{"a":1,"b":null,"big":9007199254740993}'],
    ['text', 'two\nlines', '"two\\nlines"'],
    [
      'JSON bytes as they came',
      Buffer.from('{"a" : 1.50, "n":9007199254740993}'),
      '{"a" : 1.50, "n":9007199254740993}',
    ],
    ['JSON bytes in several lines', Buffer.from('{\r\n  "a": "x\\ny"\n}\n'), '{   "a": "x\\ny" }'],
    ['bytes that are no JSON', Buffer.from('hello'), '{"data":"aGVsbG8=","size":5,"encoding":"base64"}'],
    ['no bytes', Buffer.alloc(0), '{"data":"","size":0,"encoding":"base64"}'],
    ['bytes that are no text', Buffer.from('00ff80410a', 'hex'), '{"data":"AP+AQQo=","size":5,"encoding":"base64"}'],
  ]
  for (const [what, payload, expected] of table) {
    it(`holds ${what}`, () => assert.equal(lineOf('payload', payload), expected))
  }
})

describe('a line with the whole record', () => {
  const rest = { topic: 'plant/line1', qos: 1, retain: false, dup: false, receivedAt: 7, route: 'r' }

  it('holds a row as it is', () => {
    assert.deepEqual(JSON.parse(lineOf('record', { a: 1 })), { payload: { a: 1 }, ...rest })
    assert.match(lineOf('record', { big: 9007199254740993n }), /^\{"payload":\{"big":9007199254740993\},/)
  })

  it('holds bytes as text, or says that it holds them as base64', () => {
    assert.deepEqual(JSON.parse(lineOf('record', Buffer.from('hé{'))), { payload: 'hé{', ...rest })
    const binary = { payload: 'AP+AQQo=', encoding: 'base64', ...rest }
    assert.deepEqual(JSON.parse(lineOf('record', Buffer.from('00ff80410a', 'hex'))), binary)
  })
})

describe('a line of the dead-letter store', () => {
  it('holds the payload as it arrived, where it came from and why it is here', () => {
    const error = new PipelineError('ROW_TYPE', { pointer: '/a', expected: 'BIGINT', found: 'text' })
    const routed = { route: 'r', to: 'target', partitions: 3 }
    const original = Buffer.from('{"a":"x"}')
    const record = reading(1, { payload: { decoded: true }, original, receivedAt: 7, ...routed })
    const { request } = deadLetter(record, error, 'decoder')
    assert.deepEqual(JSON.parse(request.toString()), {
      payload: '{"a":"x"}',
      topic: 'plant/line1',
      qos: 1,
      retain: false,
      dup: false,
      receivedAt: 7,
      ...routed,
      reason: 'type',
      error: { code: 'ROW_TYPE', message: 'At /a: expected BIGINT, found text', source: 'decoder' },
    })
    assert.ok(request.toString().endsWith('}\n'))
  })

  const error = new PipelineError('RECORD_TOO_LARGE', { bytes: 1, limit: 1, target: 'x' })

  it('holds as base64 what is over 4 MiB, exactly and with all the rest', () => {
    for (const more of [0, 1, 2, 3, 3 << 20]) {
      const original = Buffer.alloc((4 << 20) + more, 'abcdefg')
      const { request } = deadLetter(reading(1, { original, receivedAt: 7 }), error, 'sink')
      const { payload, encoding, ...rest } = JSON.parse(request.toString())
      assert.equal(encoding, more === 0 ? undefined : 'base64')
      assert.ok(Buffer.from(payload, encoding).equals(original), `${more} bytes more`)
      assert.deepEqual([rest.topic, rest.receivedAt, rest.error.source], ['plant/line1', 7, 'sink'])
    }
  })

  it('can be made of the largest message of MQTT, which as text in JSON is more than a string holds', () => {
    const original = Buffer.alloc((1 << 28) - 1, 1)
    const { request, bytes } = deadLetter(reading(1, { original }), error, 'sink')
    assert.equal(bytes, request.length)
    assert.ok(bytes < 1.4 * original.length)
    assert.equal(request.at(-1), 0x0a)
  })
})
