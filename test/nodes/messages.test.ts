import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readingMessage, recordsOf, withPayload } from '../../nodes/shared/messages.ts'

const recordOf = (properties: object) => recordsOf({ topic: 't', payload: 'x', ...properties })[0]!

describe('the record of a message', () => {
  it('has the time now where the flow has put something else than whole milliseconds into msg.receivedAt', () => {
    for (const receivedAt of [1795276491.5, Number.NaN, Number.POSITIVE_INFINITY, 1e20, -1, '7', null]) {
      const before = Date.now()
      const { receivedAt: time } = recordOf({ receivedAt })
      assert.ok(time >= before && time <= Date.now(), String(receivedAt))
    }
    assert.equal(recordOf({ receivedAt: 7 }).receivedAt, 7)
  })

  it('has no partitions where msg.partitions is no number of them', () => {
    for (const partitions of [0.5, 0, -1, Number.NaN, 5e9, '3'])
      assert.equal(recordOf({ partitions }).partitions, undefined, String(partitions))
    assert.equal(recordOf({ partitions: 3 }).partitions, 3)
  })

  it('has not the packet id, which a message has at QoS 1 and 2', () => {
    const message = readingMessage({ ...recordOf({ qos: 1 }), packetId: 7 })
    assert.equal(message.messageId, 7)
    assert.equal('packetId' in recordsOf(message)[0]!, false)
    assert.equal('messageId' in readingMessage({ ...recordOf({}), packetId: 0 }), false)
  })

  it('keeps what an MQTT 5 publisher said of it, and takes what the flow makes of that', () => {
    const properties = {
      userProperties: [
        ['site', 'north'],
        ['__proto__', 'x'],
        ['site', 'south'],
      ],
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from([0, 255]),
    } as const
    const message = readingMessage({ ...recordOf({}), properties })
    assert.deepEqual(Object.entries(message.userProperties as object), [
      ['site', ['north', 'south']],
      ['__proto__', 'x'],
    ])
    assert.deepEqual(recordsOf(message)[0]!.properties, {
      ...properties,
      userProperties: [
        ['site', 'north'],
        ['site', 'south'],
        ['__proto__', 'x'],
      ],
    })
    assert.equal(recordOf({}).properties, undefined)
    assert.equal(recordOf({ userProperties: 7, contentType: 7, correlationData: 'x' }).properties, undefined)
    assert.deepEqual(recordOf({ userProperties: { n: 7 } }).properties, { userProperties: [['n', '7']] })
  })

  it('has the captures that a decoder has put there, and none of anything else', () => {
    for (const captures of ['x', 5, null, ['a'], { a: 1 }, { a: 'x', b: null }])
      assert.equal(recordOf({ captures }).captures, undefined, JSON.stringify(captures))
    assert.deepEqual(recordOf({ captures: { a: 'x' } }).captures, { a: 'x' })
  })
})

describe('the message of a decoded record', () => {
  const captures = { site: 'SAF' }
  const record = { ...recordOf({}), captures }

  it('has captures of its own: what a flow does to them, other readings of the topic do not see', () => {
    for (const message of [readingMessage(record), withPayload({ topic: 't' }, record)]) {
      assert.deepEqual(message.captures, captures)
      ;(message.captures as { site: string }).site = 'changed by the flow'
    }
    assert.equal(captures.site, 'SAF')
  })

  it('keeps what the flow has put there where the decoder knows nothing', () => {
    const message = withPayload({ topic: 't', captures: 'mine' }, recordOf({}))
    assert.equal(message.captures, 'mine')
    assert.equal('captures' in readingMessage(recordOf({})), false)
  })

  it('has the topic of the header mqtt.topic, as text or bytes, and gives it back when it is rejected', () => {
    const topicIn = (headers: unknown) => recordOf({ headers }).headerTopic
    assert.equal(topicIn({ 'mqtt.topic': 'a/b' }), 'a/b')
    assert.equal(topicIn({ 'mqtt.topic': Buffer.from('a/ü') }), 'a/ü')
    for (const headers of [undefined, null, 'x', {}, { 'mqtt.topic': 7 }]) assert.equal(topicIn(headers), undefined)
    assert.deepEqual(readingMessage(recordOf({ headers: { 'mqtt.topic': 'a/b', other: 1 } })).headers, {
      'mqtt.topic': 'a/b',
    })
  })
})
