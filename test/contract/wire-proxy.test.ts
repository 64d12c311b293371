import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { createSession, drainSession, publishNumbered } from '../services/publisher.ts'
import { connectRaw } from '../services/raw-client.ts'
import { inFlight, noAckForOldEpoch, packets, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'

const puback = (messageId: number) => ({ cmd: 'puback' as const, messageId })

test('the proxy shows what MQTT.js and mosquitto said to each other, and MQTT.js acknowledges in order', async () => {
  await using broker = await startMosquitto()
  await using proxy = await startWireProxy({ brokerPort: broker.port })
  const client = await connectAsync(`mqtt://127.0.0.1:${proxy.port}`, { clientId: 'reader' })
  await client.subscribeAsync('a/#', { qos: 2 })
  const sent = await publishNumbered({ port: broker.port, topics: ['a/1', 'a/2'], count: 500, qos: 1 })
  assert.deepEqual([sent.length, sent[499]], [500, { topic: 'a/2', number: 499 }])
  await publishNumbered({ port: broker.port, topics: ['a/1'], count: 10, qos: 2 })
  await until(() => packets(proxy.events, 'pubcomp', 'toBroker').length === 10, { what: 'the last PUBCOMP' })
  assert.equal(packets(proxy.events, 'connect', 'toBroker')[0]?.clientId, 'reader')
  assert.equal(packets(proxy.events, 'publish', 'toClient').filter((event) => event.topic === 'a/2').length, 250)
  assert.equal(packets(proxy.events, 'puback', 'toBroker').length, 500)
  assert.deepEqual(pubacksInPublishOrder(proxy.events), [])
  assert.deepEqual(noAckForOldEpoch(proxy.events), [])
  assert.deepEqual(inFlight(proxy.events, 1), [])
  await client.endAsync()
})

test('order, epoch and in-flight are judged per connection', async () => {
  await using broker = await startMosquitto()
  await using proxy = await startWireProxy({ brokerPort: broker.port })
  await createSession(broker.port, 'rude', ['b'])
  await publishNumbered({ port: broker.port, topics: ['b'], count: 4, qos: 1 })
  using first = await connectRaw(proxy.port, { clientId: 'rude', clean: false })
  const [a, b, c, d] = (await first.receive('publish', 4)).map((packet) => packet.messageId!)
  first.send(puback(b!), puback(a!))
  await until(() => inFlight(proxy.events, 1).length === 2, { what: 'two PUBACKs' })
  assert.deepEqual(inFlight(proxy.events, 1), [c, d])
  assert.equal(pubacksInPublishOrder(proxy.events).length, 1)
  assert.deepEqual(noAckForOldEpoch(proxy.events), [])
  proxy.cut()
  await first.closed()
  using second = await connectRaw(proxy.port, { clientId: 'rude', clean: false })
  await second.receive('publish', 2)
  second.send(puback(c!), puback(a!), puback(c!))
  await until(() => packets(proxy.events, 'puback', 'toBroker').length === 5, { what: 'five PUBACKs' })
  assert.equal(noAckForOldEpoch(proxy.events).length, 2, 'an id of the first connection, and one answered twice')
  assert.deepEqual(inFlight(proxy.events, 1), [c, d])
  assert.deepEqual(inFlight(proxy.events, 2), [d])
})

test('what the proxy has recorded as acknowledged before a cut is not delivered again', async () => {
  await using broker = await startMosquitto({ maxInflight: 0 })
  await using proxy = await startWireProxy({ brokerPort: broker.port })
  await createSession(broker.port, 'cut', ['c'])
  await publishNumbered({ port: broker.port, topics: ['c'], count: 2000, qos: 1 })
  using client = await connectRaw(proxy.port, { clientId: 'cut', clean: false })
  const seen = await client.receive('publish', 2000)
  client.send(...seen.slice(0, 1500).map((packet) => puback(packet.messageId!)))
  await until(() => inFlight(proxy.events, 1).length < 2000, { what: 'the first PUBACK' })
  proxy.cut()
  const left = inFlight(proxy.events, 1).length
  // What it has not read when another one takes the session over, it never reads.
  await until(() => /Client cut (closed its connection|disconnected)/.test(broker.log()), {
    what: 'the end at the broker',
  })
  assert.equal((await drainSession(broker.port, 'cut')).length, left)
})

test('a held direction passes nothing on until it is released', async () => {
  await using broker = await startMosquitto()
  await using proxy = await startWireProxy({ brokerPort: broker.port })
  using client = await connectRaw(proxy.port, { clientId: 'held' })
  await client.receive('connack')
  proxy.hold('toClient')
  client.send({ cmd: 'pingreq' })
  await wait(200)
  assert.equal(packets(proxy.events, 'pingreq', 'toBroker').length, 1)
  assert.equal(packets(proxy.events, 'pingresp', 'toClient').length, 0)
  proxy.release('toClient')
  await client.receive('pingresp')
  proxy.hold('toBroker')
  client.send({ cmd: 'pingreq' })
  await wait(200)
  assert.equal(packets(proxy.events, 'pingreq', 'toBroker').length, 1)
  proxy.release('toBroker')
  await client.receive('pingresp', 2)
})

test('single packets can be lost or cut off, new connections refused', async () => {
  await using broker = await startMosquitto()
  await using proxy = await startWireProxy({
    brokerPort: broker.port,
    intercept: ({ type, connection }) => {
      if (type === 'pingresp' && connection === 1) return 'drop'
      return type === 'disconnect' ? 'cut' : 'forward'
    },
  })
  using client = await connectRaw(proxy.port, { clientId: 'lossy' })
  await client.receive('connack')
  client.send({ cmd: 'pingreq' }, { cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'x', qos: 0 }] })
  await client.receive('suback')
  assert.equal(client.packets.filter((packet) => packet.cmd === 'pingresp').length, 0)
  client.send({ cmd: 'disconnect' })
  await client.closed()
  assert.equal(packets(proxy.events, 'disconnect', 'toBroker').length, 0)
  proxy.accept(false)
  using refused = await connectRaw(proxy.port, { clientId: 'refused' })
  await refused.closed()
  assert.equal(proxy.connections, 1)
})

test('with TLS towards the client the proxy still sees the packets', async () => {
  await using broker = await startMosquitto({ tls: true })
  const { keyFile, certFile, ca } = broker.certificates!
  const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
  await using proxy = await startWireProxy({ brokerPort: broker.port, tls })
  for (const port of [proxy.port, broker.tlsPort]) {
    const client = await connectAsync(`mqtts://127.0.0.1:${port}`, { ca, clientId: 'secure' })
    await client.endAsync()
  }
  assert.deepEqual(
    proxy.events.map((event) => event.type),
    ['connect', 'connack', 'disconnect'],
  )
})
