import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import type { Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { startFakeBroker } from '../services/fake-broker.ts'
import { connectRaw } from '../services/raw-client.ts'

const answer = (cmd: 'puback' | 'pubrec' | 'pubcomp', messageId: number): Packet => ({ cmd, messageId })
const message = (text: string, qos: 0 | 1 | 2 = 1) => ({ topic: 'a', payload: text, qos })

for (const [what, sent, violation] of [
  ['a PUBACK out of order', [answer('puback', 2)], 'puback of 2 instead of 1'],
  ['a PUBACK for an id never sent', [answer('puback', 1), answer('puback', 9)], 'puback of 9 instead of 2'],
  ['a second PUBACK', [answer('puback', 1), answer('puback', 2), answer('puback', 2)], 'puback of 2 instead of none'],
  ['a PUBREC for QoS 1', [answer('pubrec', 1)], 'pubrec of 1 instead of none'],
  ['a PUBACK after DISCONNECT', [{ cmd: 'disconnect' }, answer('puback', 1)], 'puback after DISCONNECT'],
] as const) {
  test(`the fake broker takes ${what} for a violation and hangs up`, async () => {
    await using broker = await startFakeBroker()
    broker.session('client', { a: 1 })
    using client = await connectRaw(broker.port, { clientId: 'client', clean: false })
    await client.receive('connack')
    for (const text of ['one', 'two']) broker.publish(message(text))
    await client.receive('publish', 2)
    client.send(...sent)
    await client.closed()
    assert.deepEqual(broker.violations, [violation])
  })
}

test('the fake broker sends what is due in the same segment as CONNACK', async () => {
  await using broker = await startFakeBroker({ window: 2 })
  const session = broker.session('client', { a: 2 })
  for (const text of ['one', 'two', 'three']) broker.publish(message(text, 2))
  const socket = connect(broker.port, '127.0.0.1')
  socket.write(
    mqttPacket.generate({
      cmd: 'connect',
      clientId: 'client',
      clean: false,
      protocolId: 'MQTT',
      protocolVersion: 4,
      keepalive: 0,
    }),
  )
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  const packets: Packet[] = []
  const parser = mqttPacket.parser()
  parser.on('packet', (packet) => packets.push(packet))
  parser.parse(chunk)
  assert.deepEqual(
    packets.map((packet) => packet.cmd),
    ['connack', 'publish', 'publish'],
  )
  assert.deepEqual([session.inFlight, session.queued], [2, 1])
  socket.destroy()
})

test('the fake broker refuses, forgets, falls silent and goes away when told', async () => {
  await using broker = await startFakeBroker()
  broker.refuse(3, 2)
  broker.refusedFilters.add('b')
  const codes: (number | undefined)[] = []
  for (let i = 0; i < 3; i++) {
    using client = await connectRaw(broker.port, { clientId: 'client', clean: false })
    codes.push((await client.receive('connack'))[0]?.returnCode)
    if (i < 2) continue
    client.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'a', qos: 1 },
        { topic: 'b', qos: 1 },
      ],
    })
    assert.deepEqual((await client.receive('suback'))[0]?.granted, [1, 128])
    broker.withholdPingresp = true
    client.send({ cmd: 'pingreq' }, { cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] })
    await client.receive('unsuback')
    assert.ok(client.packets.every((packet) => packet.cmd !== 'pingresp'))
  }
  assert.deepEqual(codes, [3, 3, 0])
  broker.forgetSessions()
  using fresh = await connectRaw(broker.port, { clientId: 'client', clean: false })
  assert.equal((await fresh.receive('connack'))[0]?.sessionPresent, false)
  await broker.down()
  await fresh.closed()
  await assert.rejects(connectRaw(broker.port, { clientId: 'client' }), /ECONNREFUSED/)
  await broker.up()
  using back = await connectRaw(broker.port, { clientId: 'client', clean: false })
  assert.equal((await back.receive('connack'))[0]?.sessionPresent, true)
  assert.deepEqual(
    broker.connects.map(({ returnCode }) => returnCode),
    [3, 3, 0, 0, 0],
  )
  assert.deepEqual(broker.violations, [])
})
