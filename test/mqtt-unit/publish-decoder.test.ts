import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IPublishPacket, Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { type InboundPublish, PublishDecoder } from '../../src/mqtt/publish-decoder.ts'
import { randomIntegers } from '../core/random.ts'

type Random = ReturnType<typeof randomIntegers>

/** What came out, as text; payloads are copied at once, because they are views. */
function decode(chunks: Iterable<Buffer>): string[] {
  const seen: string[] = []
  const decoder = new PublishDecoder({
    publish: (packet) => seen.push(describe(packet)),
    pubrel: (id) => seen.push(`pubrel ${id}`),
    other: (type, packet) => seen.push(`other ${type} ${packet.toString('hex')}`),
  })
  for (const chunk of chunks) decoder.push(chunk)
  return seen
}

const describe = ({ topic, payload, qos, packetId, retain, dup }: Omit<InboundPublish, 'isVersion5'>) =>
  `publish ${qos} ${packetId} ${retain} ${dup} ${topic} ${payload.length} ${payload.toString('hex', 0, 40)}`

function expectedOf(packet: Packet, bytes: Buffer): string {
  if (packet.cmd === 'pubrel') return `pubrel ${packet.messageId}`
  if (packet.cmd !== 'publish') return `other ${bytes[0]! >> 4} ${bytes.toString('hex')}`
  const { topic, payload, qos, messageId = 0, retain, dup } = packet
  return describe({ topic, payload: payload as Buffer, qos, packetId: qos === 0 ? 0 : messageId, retain, dup })
}

function randomPublish(random: Random): IPublishPacket {
  const qos = random(0, 2) as 0 | 1 | 2
  const topics = ['a', 'plant/line1/temp', 'plant/line2/temp', 'ü€😀/ß', '/', 'x'.repeat(random(1, 300))]
  const length = random(0, 40) === 0 ? random(0, 70_000) : random(0, 200)
  return {
    cmd: 'publish',
    topic: topics[random(0, topics.length - 1)]!,
    payload: Buffer.alloc(length, random(0, 255)),
    qos,
    messageId: random(1, 65_535),
    dup: qos > 0 && random(0, 1) === 1,
    retain: random(0, 1) === 1,
  }
}

function randomPacket(random: Random): Packet {
  switch (random(0, 11)) {
    case 0:
      return { cmd: 'pubrel', messageId: random(1, 65_535) }
    case 1:
      return { cmd: 'pingresp' }
    case 2:
      return { cmd: 'suback', messageId: random(1, 65_535), granted: [0, 1, 128] }
    case 3:
      return { cmd: 'puback', messageId: random(1, 65_535) }
    default:
      return randomPublish(random)
  }
}

function* cut(bytes: Buffer, random: Random, most: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random(1, most))
    yield Buffer.from(bytes.subarray(at, end))
    at = end
  }
}

function assertDecoded(packets: readonly Packet[], random: Random, most: number): void {
  const parts = packets.map((packet) => mqttPacket.generate(packet))
  const expected = packets.map((packet, i) => expectedOf(packet, parts[i]!))
  const seen = decode(cut(Buffer.concat(parts), random, most))
  assert.equal(seen.length, expected.length)
  for (const [i, text] of seen.entries()) assert.equal(text, expected[i])
}

test('thousands of random packets come out as they went in, wherever the stream is cut', () => {
  for (const [seed, most] of [1, 2, 3, 10, 100, 1460, 65_536, 1 << 24].entries()) {
    const random = randomIntegers(seed)
    const packets = Array.from({ length: most < 10 ? 800 : 4000 }, () => randomPacket(random))
    assertDecoded(packets, random, most)
  }
})

test('every cut of one packet into two chunks gives the same', () => {
  const packet = {
    ...randomPublish(randomIntegers(1)),
    payload: Buffer.alloc(20_000, 7),
    qos: 1,
    messageId: 513,
  } as const
  const bytes = mqttPacket.generate(packet)
  const expected = [expectedOf(packet, bytes), expectedOf(packet, bytes)]
  for (let at = 0; at <= bytes.length; at += at < 400 ? 1 : 97)
    assert.deepEqual(decode([bytes.subarray(0, at), Buffer.concat([bytes.subarray(at), bytes])]), expected)
})

test('a payload of 5 MB and a topic of 65 535 bytes arrive whole', () => {
  const random = randomIntegers(5)
  const big = { ...randomPublish(random), qos: 1, messageId: 1, payload: Buffer.alloc(5 << 20, 0xab) } as const
  const long = { ...randomPublish(random), qos: 2, messageId: 2, topic: `${'t'.repeat(65_533)}ü` } as const
  assertDecoded([big, long, big, randomPublish(random)], random, 65_536)
  assertDecoded([long, { ...long, payload: Buffer.alloc(0) }, big], random, 1000)
})

test('5 MB in chunks of 1 KB are joined in one go and not chunk by chunk', () => {
  const bytes = mqttPacket.generate({ ...randomPublish(randomIntegers(1)), payload: Buffer.alloc(5 << 20) })
  const start = performance.now()
  for (let round = 0; round < 5; round++) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / 1024) }, (_, i) =>
      bytes.subarray(i * 1024, (i + 1) * 1024),
    )
    assert.equal(decode(chunks).length, 1)
  }
  assert.ok(performance.now() - start < 3000)
})

test('the shortest packets are taken: empty payload, empty body', () => {
  assert.deepEqual(decode([Buffer.from([0x30, 3, 0, 1, 97])]), ['publish 0 0 false false a 0 '])
  assert.deepEqual(decode([Buffer.from([0x32, 5, 0, 1, 97, 0, 9])]), ['publish 1 9 false false a 0 '])
  assert.deepEqual(decode([Buffer.from([0xd0]), Buffer.from([0])]), ['other 13 d000'])
  assert.deepEqual(decode([Buffer.from([0xd0, 0x80, 0x00])]), ['other 13 d08000'], 'a length with a superfluous byte')
})

test('what breaks the protocol throws a sentence about it, before anything of that packet is handed over', () => {
  const wrong: readonly (readonly [string, readonly number[], RegExp])[] = [
    ['a length of five bytes', [0x30, 0xff, 0xff, 0xff, 0xff, 1], /remaining length of more than 4 bytes/],
    ['QoS 3', [0x36, 5, 0, 1, 97, 0, 1], /QoS 3/],
    ['packet id 0 with QoS 1', [0x32, 5, 0, 1, 97, 0, 0], /packet id 0/],
    ['packet id 0 with QoS 2', [0x34, 5, 0, 1, 97, 0, 0], /packet id 0/],
    ['an empty topic', [0x30, 2, 0, 0], /too short or has no topic/],
    ['no body', [0x30, 0], /too short or has no topic/],
    ['half a topic length', [0x30, 1, 0], /too short or has no topic/],
    ['a topic longer than the packet', [0x30, 4, 0, 9, 97, 97], /too short or has no topic/],
    ['no room for the packet id', [0x32, 4, 0, 1, 97, 0], /too short or has no topic/],
    ['a null character in the topic', [0x30, 5, 0, 3, 97, 0, 98], /null characters/],
    ['a topic that is not UTF-8', [0x30, 4, 0, 2, 0xc3, 0x28], /not UTF-8/],
    ['packet type 0', [0x00, 0], /packet of type 0/],
    ['CONNECT', [0x10, 0], /packet of type 1/],
    ['SUBSCRIBE', [0x82, 0], /packet of type 8/],
    ['PINGREQ', [0xc0, 0], /packet of type 12/],
    ['DISCONNECT', [0xe0, 0], /packet of type 14/],
    ['packet type 15', [0xf0, 0], /packet of type 15/],
    ['CONNACK without a return code', [0x20, 1, 0], /type 2 with a remaining length of 1/],
    ['CONNACK of MQTT 5', [0x20, 3, 0, 0, 0], /type 2 with a remaining length of 3/],
    ['PUBACK with a reason code', [0x40, 3, 0, 1, 0], /type 4 with a remaining length of 3/],
    ['PUBREC with half an id', [0x50, 1, 0], /type 5 with a remaining length of 1/],
    ['PUBREL without its id', [0x62, 0], /type 6 with a remaining length of 0/],
    ['PUBREL with half an id', [0x62, 1, 0x78], /type 6 with a remaining length of 1/],
    ['PUBREL with a reason code', [0x62, 3, 0, 1, 0], /type 6 with a remaining length of 3/],
    ['PUBCOMP without its id', [0x70, 0], /type 7 with a remaining length of 0/],
    ['SUBACK without a return code', [0x90, 2, 0, 1], /type 9 with a remaining length of 2/],
    ['UNSUBACK without its id', [0xb0, 0], /type 11 with a remaining length of 0/],
    ['PINGRESP with a body', [0xd0, 1, 0], /type 13 with a remaining length of 1/],
    ['CONNACK with flags', [0x21, 2, 0, 0], /type 2 with reserved flags/],
    ['PUBACK with flags', [0x41, 2, 0, 1], /type 4 with reserved flags/],
    ['PUBREC with flags', [0x52, 2, 0, 1], /type 5 with reserved flags/],
    ['PUBREL without flags', [0x60, 2, 0, 1], /PUBREL with other flags than 2/],
    ['PUBCOMP with flags', [0x72, 2, 0, 1], /type 7 with reserved flags/],
    ['SUBACK with flags', [0x92, 3, 0, 1, 0], /type 9 with reserved flags/],
    ['UNSUBACK with flags', [0xb2, 2, 0, 1], /type 11 with reserved flags/],
    ['PINGRESP with flags', [0xd8, 0], /type 13 with reserved flags/],
  ]
  for (const [what, bytes, reason] of wrong)
    for (const most of [1, 100])
      assert.throws(
        () => decode(cut(Buffer.from(bytes), randomIntegers(1), most)),
        {
          code: 'PROTOCOL_VIOLATION',
          message: reason,
        },
        what,
      )
})

test('random bytes end in a violation or in nothing, never in another error', () => {
  const random = randomIntegers(99)
  let violations = 0
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(Array.from({ length: random(1, 400) }, () => random(0, random(0, 1) === 0 ? 255 : 60)))
    try {
      decode(cut(bytes, random, 50))
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'PROTOCOL_VIOLATION', String(error))
      violations++
    }
  }
  assert.ok(violations > 1000)
})
