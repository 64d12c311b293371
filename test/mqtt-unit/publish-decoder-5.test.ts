import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type IPublishPacket } from 'mqtt-packet'
import { type DecoderOptions, type InboundPublish, PublishDecoder } from '../../src/mqtt/publish-decoder.ts'

function decode(chunks: Iterable<Buffer>, options: DecoderOptions): (InboundPublish | string)[] {
  const seen: (InboundPublish | string)[] = []
  const decoder = new PublishDecoder(
    {
      publish: (packet) => seen.push(packet),
      pubrel: (id) => seen.push(`pubrel ${id}`),
      other: (type) => seen.push(`other ${type}`),
    },
    options,
  )
  for (const chunk of chunks) decoder.push(chunk)
  return seen
}

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size))
}

const five: DecoderOptions = { protocolVersion: 5, topicAliasMaximum: 3 }
const publish = (changed: Partial<IPublishPacket> = {}): Buffer =>
  mqttPacket.generate(
    { cmd: 'publish', topic: 'a/b', payload: 'x', qos: 1, messageId: 7, dup: false, retain: false, ...changed },
    { protocolVersion: 5 },
  )
/** A PUBLISH of QoS 0 to `a` with these bytes as its properties. */
const withProperties = (...properties: number[]) =>
  Buffer.from([0x30, 3 + 1 + properties.length, 0, 1, 97, properties.length, ...properties])

test('every property of a PUBLISH is read wherever the stream is cut, and the payload begins behind them', () => {
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 4_000_000_000,
    topicAlias: 2,
    responseTopic: 'answers/ü',
    correlationData: Buffer.from([1, 0, 255]),
    userProperties: { a: ['1', '2'], '': '' },
    subscriptionIdentifier: [1, 268_435_455],
    contentType: 'text/plain',
  }
  const bytes = Buffer.concat([
    publish({ properties }),
    publish(),
    publish({ topic: '', properties: { topicAlias: 2 } }),
  ])
  for (const size of [1, 2, 3, 7, 1000]) {
    const [all, none, aliased] = decode(cut(bytes, size), five) as InboundPublish[]
    assert.deepEqual(all, {
      topic: 'a/b',
      payload: Buffer.from('x'),
      qos: 1,
      packetId: 7,
      retain: false,
      isVersion5: true,
      dup: false,
      properties: {
        userProperties: [
          ['a', '1'],
          ['a', '2'],
          ['', ''],
        ],
        responseTopic: 'answers/ü',
        correlationData: Buffer.from([1, 0, 255]),
        contentType: 'text/plain',
      },
      subscriptionIds: [1, 268_435_455],
    })
    assert.deepEqual([none!.topic, none!.properties, none!.subscriptionIds], ['a/b', undefined, undefined])
    assert.equal(aliased!.topic, 'a/b')
  }
})

test('MQTT 5: what breaks the protocol is named', () => {
  const wrong: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a property twice', withProperties(1, 0, 1, 0), /property 1 twice/],
    ['an unknown property', withProperties(0x7f), /property 127, which no PUBLISH/],
    ['a property of CONNECT', withProperties(0x11, 0, 0, 0, 1), /property 17/],
    ['a payload format 2', withProperties(1, 2), /payload format/],
    ['a property that is cut', withProperties(2, 0, 0), /longer than all/],
    ['a text that is cut', withProperties(3, 0, 9, 97), /longer than all/],
    ['a content type that is no UTF-8', withProperties(3, 0, 1, 0xff), /not UTF-8/],
    ['a user property with a null', withProperties(0x26, 0, 1, 97, 0, 1, 0), /null/],
    ['a response topic with wildcards', withProperties(8, 0, 1, 0x23), /wildcards/],
    ['a subscription identifier 0', withProperties(0x0b, 0), /identifier 0/],
    ['an identifier that does not end', withProperties(0x0b, 0xff, 0xff, 0xff, 0xff), /does not end/],
    ['an alias 0', withProperties(0x23, 0, 0), /alias 0/],
    ['an alias over the limit', withProperties(0x23, 0, 4), /alias 4, where the largest is 3/],
    ['an alias without a topic', Buffer.from([0x30, 6, 0, 0, 3, 0x23, 0, 1]), /alias 1, which has no topic/],
    ['no topic and no alias', Buffer.from([0x30, 3, 0, 0, 0]), /no topic/],
    ['properties over the end', Buffer.from([0x30, 5, 0, 1, 97, 9, 1]), /longer than their packet/],
    ['no properties at all', Buffer.from([0x30, 3, 0, 1, 97]), /does not end/],
    ['AUTH', Buffer.from([0xf0, 0]), /type 15/],
    ['a topic that is no UTF-8', Buffer.from([0x30, 4, 0, 1, 0xc0, 0]), /not UTF-8/],
    ['a topic with a wildcard', Buffer.from([0x30, 4, 0, 1, 0x2b, 0]), /wildcards/],
    ['PUBREL with other flags', Buffer.from([0x60, 2, 0, 1]), /PUBREL with other flags/],
    ['PUBREL of id 0', Buffer.from([0x62, 2, 0, 0]), /packet id 0/],
  ]
  for (const [what, bytes, reason] of wrong)
    for (const size of [1, 100])
      assert.throws(() => decode(cut(bytes, size), five), { code: 'PROTOCOL_VIOLATION', message: reason }, what)
})

test('MQTT 5: answers with reasons and properties, and DISCONNECT, go on to MQTT.js', () => {
  const packets = [
    [0x20, 3, 0, 0, 0],
    [0x40, 4, 0, 1, 0, 0],
    [0x62, 3, 0, 9, 0],
    [0x90, 4, 0, 1, 0, 1],
    [0xb0, 4, 0, 1, 0, 0],
    [0xe0, 1, 0x8b],
  ]
  assert.deepEqual(decode(cut(Buffer.from(packets.flat()), 1), five), [
    'other 2',
    'other 4',
    'pubrel 9',
    'other 9',
    'other 11',
    'other 14',
  ])
})

test('D7: of a packet over the limit only the beginning is kept, wherever the stream is cut; what follows is read', () => {
  const large = (protocolVersion: 4 | 5) => {
    const payload = Buffer.alloc(300_000, 'abc')
    const packet = { cmd: 'publish', topic: 'big', payload, qos: 1, messageId: 9, dup: true, retain: false } as const
    return mqttPacket.generate(packet, { protocolVersion })
  }
  for (const protocolVersion of [4, 5] as const) {
    const small = { cmd: 'publish', topic: 's', payload: 'x', qos: 0, dup: false, retain: false } as const
    const one = large(protocolVersion)
    const bytes = Buffer.concat([one, mqttPacket.generate(small, { protocolVersion }), one])
    for (const size of [1000, 65_536, 400_000, 1 << 20]) {
      const [first, second, third] = decode(cut(bytes, size), {
        protocolVersion,
        maxPacketSize: 2000,
      }) as InboundPublish[]
      for (const each of [first, third]) {
        const { topic, payload, packetId, packetBytes, dup } = each!
        assert.deepEqual([topic, packetId, packetBytes, dup], ['big', 9, one.length, true])
        assert.deepEqual(payload, Buffer.alloc(65_536, 'abc'))
      }
      assert.deepEqual([second!.topic, String(second!.payload), second!.packetBytes], ['s', 'x', undefined])
    }
    const exact = decode([one], { protocolVersion, maxPacketSize: one.length }) as InboundPublish[]
    assert.deepEqual([exact[0]!.payload.length, exact[0]!.packetBytes], [300_000, undefined])
  }
  assert.throws(() => decode([Buffer.from([0x90, 0xff, 0xff, 0x7f])], { maxPacketSize: 5000 }), /type 9 of/)
})
