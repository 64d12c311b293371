import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type IPublishPacket } from 'mqtt-packet'
import type { OutboundMessage } from '../../src/core/publisher.ts'
import { encodePublish, encodePubrel } from '../../src/mqtt/publish-encoder.ts'

const message = (fields: Partial<OutboundMessage> = {}): OutboundMessage => ({
  topic: 'plant/línea 1',
  payload: Buffer.from('{"n":1}'),
  qos: 1,
  retain: false,
  ...fields,
})

for (const protocolVersion of [4, 5]) {
  test(`a PUBLISH has the bytes that another library gives it (version ${protocolVersion})`, () => {
    for (const qos of [0, 1, 2] as const)
      for (const retain of [false, true])
        for (const dup of [false, true])
          for (const length of [0, 1, 100, 127, 128, 16_383, 16_384, 2_097_200]) {
            const payload = Buffer.alloc(length, 'x')
            const { topic } = message()
            const isDup = dup && qos > 0
            const ours = encodePublish(message({ qos, retain, payload }), {
              packetId: 300,
              dup: isDup,
              protocolVersion,
            })
            const packet = { cmd: 'publish', topic, payload, qos, retain, dup: isDup, messageId: 300 } as const
            assert.ok(
              ours.equals(mqttPacket.generate(packet, { protocolVersion })),
              JSON.stringify({ qos, dup, length }),
            )
          }
  })
}

test('what an MQTT 5 publisher says about a message is read back by another library, in its order', () => {
  const properties = {
    contentType: 'application/json',
    responseTopic: 'answers/1',
    correlationData: Buffer.from([0, 255]),
    userProperties: [
      ['unit', 'bar'],
      ['unit', 'psi'],
      ['größe', ''],
    ] as const,
  }
  const bytes = encodePublish(message({ properties }), { packetId: 1, dup: false, protocolVersion: 5 })
  const parser = mqttPacket.parser({ protocolVersion: 5 })
  const packets: IPublishPacket[] = []
  parser.on('packet', (packet) => packets.push(packet as IPublishPacket))
  parser.parse(bytes)
  const { userProperties, ...rest } = packets[0]!.properties!
  assert.deepEqual(rest, {
    contentType: 'application/json',
    responseTopic: 'answers/1',
    correlationData: Buffer.from([0, 255]),
  })
  assert.deepEqual({ ...userProperties }, { unit: ['bar', 'psi'], größe: '' })
})

test('MQTT 3.1.1 has no place for them', () => {
  const plain = encodePublish(message(), { packetId: 1, dup: false, protocolVersion: 4 })
  const said = message({ properties: { contentType: 'text/plain' } })
  assert.ok(encodePublish(said, { packetId: 1, dup: false, protocolVersion: 4 }).equals(plain))
})

test('a PUBREL names its packet', () => {
  assert.deepEqual(encodePubrel(0x1234), mqttPacket.generate({ cmd: 'pubrel', messageId: 0x1234 }))
})
