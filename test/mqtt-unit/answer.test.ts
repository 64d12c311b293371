import assert from 'node:assert/strict'
import { test } from 'node:test'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { decodeAnswer } from '../../src/mqtt/answer.ts'
import { disconnectReason } from '../../src/mqtt/disconnect.ts'

const bytes = (packet: Packet) => mqttPacket.generate(packet, { protocolVersion: 5 })
const properties = (reasonString: string) => ({ reasonString, userProperties: { site: 'north', line: ['1', '2'] } })

test('the words of a server are read whole, however long its properties are', () => {
  for (const length of [1, 80, 126, 127, 128, 129, 200, 16_000, 20_000]) {
    const words = 'ü'.repeat(length)
    for (const [type, cmd] of [
      [4, 'puback'],
      [5, 'pubrec'],
      [7, 'pubcomp'],
    ] as const) {
      const packet = bytes({
        cmd,
        messageId: 7,
        reasonCode: cmd === 'pubcomp' ? 0x92 : 0x97,
        properties: properties(words),
      })
      const { kind, packetId, reasonString } = decodeAnswer(type, packet)!
      assert.deepEqual([kind, packetId, reasonString], [cmd, 7, words], `${cmd} ${length}`)
    }
    const left = disconnectReason(bytes({ cmd: 'disconnect', reasonCode: 0x8b, properties: properties(words) }))
    assert.ok(left.message.endsWith(`("${words}")`), `disconnect ${length}`)
  }
})

test('an answer without properties, and one that ends within them, has no words and breaks nothing', () => {
  const whole = bytes({
    cmd: 'puback',
    messageId: 7,
    reasonCode: 0x97,
    properties: { userProperties: { a: 'x'.repeat(200) } },
  })
  assert.equal(decodeAnswer(4, whole)!.reasonString, undefined)
  assert.deepEqual(decodeAnswer(4, Buffer.from([0x40, 2, 0, 7])), {
    kind: 'puback',
    packetId: 7,
    reasonCode: 0,
    reasonString: undefined,
  })
  assert.equal(decodeAnswer(3, whole), undefined)
  for (let end = 5; end < whole.length; end++) assert.equal(decodeAnswer(4, whole.subarray(0, end))!.packetId, 7)
  const continued = Buffer.from([0x40, 7, 0, 7, 0x97, 0xff, 0xff, 0xff, 0xff])
  assert.equal(decodeAnswer(4, continued)!.reasonString, undefined)
})
