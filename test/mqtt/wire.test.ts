import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Epoch } from '../../src/mqtt/epoch.ts'
import { InboundSession } from '../../src/mqtt/inbound-session.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { createSession, type Numbered, numberedPayload, publishNumbered } from '../services/publisher.ts'
import { inFlight, noAckForOldEpoch, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { accepted, Collector, connect, options } from './harness.ts'

test('our acknowledgements and the packets of MQTT.js never interleave: many subscriptions and large messages under load', async () => {
  await using broker = await startFakeBroker({ window: 200 })
  const mine = options(broker.port, { keepalive: 1 })
  broker.session(mine.clientId, { 'in/#': 2 })
  let taken = 0
  let client: Epoch['client'] | undefined
  const epoch = new Epoch({ ...mine, protocolVersion: 4 }, { records: 50, bytes: 1 << 20 }, new InboundSession(), {
    connected: () => {
      client = epoch.client
    },
    message: (_publish, delivery) => {
      taken++
      if (taken % 3 === 0) setImmediate(() => delivery.settle(accepted))
      else setTimeout(() => delivery.settle(accepted), taken % 4)
    },
  })
  const ended = epoch.run()
  await until(() => client, { what: 'the connection' })
  const published: Promise<unknown>[] = []
  for (let n = 0; n < 3000; n++) {
    broker.publish({ topic: `in/${n % 10}`, payload: `m${n}`, qos: n % 5 === 0 ? 2 : 1 })
    if (n % 100 === 0)
      published.push(client!.publishAsync('out', Buffer.alloc(300_000, n % 256), { qos: n % 200 === 0 ? 1 : 2 }))
    if (n % 50 === 0) {
      const filters = Array.from({ length: 25 }, (_, i) => `other/${n}/${'x'.repeat(i * 50)}`)
      published.push(client!.subscribeAsync(filters, { qos: 1 }))
      await wait(1)
    }
  }
  await Promise.all(published)
  const session = broker.session(mine.clientId)
  await until(() => taken === 3000 && session.inFlight + session.queued === 0, {
    what: 'all acknowledgements',
    timeoutMs: 20_000,
    output: () => broker.violations.join(),
  })
  assert.deepEqual([broker.violations, broker.connects.length], [[], 1])
  assert.equal(session.acknowledged.length, 3000)
  const large = broker.received.filter(({ topic }) => topic === 'out').map(({ payload }) => new Set(payload as Buffer))
  assert.equal(large.length, 30)
  assert.ok(
    large.every(({ size }) => size === 1),
    'no foreign byte inside a large message',
  )
  await epoch.close(500)
  assert.equal((await ended).closedHere, true)
})

for (const kind of ['tcp', 'tls'] as const)
  test(`${kind}: five cuts under load lose nothing, keep the order of each topic, and repeat no more than was in flight`, async () => {
    await using mosquitto = await startMosquitto({ maxInflight: 100, tls: true })
    const { certFile, keyFile, ca } = mosquitto.certificates!
    const keys = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
    await using proxy = await startWireProxy({
      brokerPort: mosquitto.port,
      ...(kind === 'tls' ? { tls: keys } : {}),
    })
    const tls = { ca, cert: '', key: '', passphrase: '', rejectUnauthorized: true }
    const mine = options(proxy.port, {
      socket: { host: '127.0.0.1', port: proxy.port, ...(kind === 'tls' ? { tls } : {}) },
      keepalive: 2,
    })
    const topics = ['w/a', 'w/b', 'w/c']
    await createSession(mosquitto.port, mine.clientId, ['w/#'])
    const seen: Numbered[] = []
    const collector = new Collector(['w/#'], { records: 300 })
    const receive = collector.receive.bind(collector)
    collector.receive = (publish, delivery) => {
      seen.push({ topic: publish.topic, number: (JSON.parse(publish.payload.toString()) as { n: number }).n })
      receive(publish, delivery)
      const { settle } = collector.taken.pop()!
      setTimeout(settle, publish.packetId % 5)
    }
    await using own = connect(mine, collector)
    const count = 6000
    const publishing = publishNumbered({
      port: mosquitto.port,
      topics,
      count,
      qos: 1,
      ratePerSecond: 3000,
      payload: numberedPayload,
    })
    let mayRepeat = 0
    for (let cuts = 1; cuts <= 5; cuts++) {
      const { length } = seen
      await until(() => seen.length > length + 300, { what: 'some messages' })
      mayRepeat += inFlight(proxy.events, proxy.connections).length
      proxy.cut()
      await until(() => proxy.connections > cuts, { what: 'a reconnect' })
    }
    await publishing
    const numbers = () => new Set(seen.map(({ number }) => number))
    await until(() => numbers().size === count, {
      what: 'all messages',
      timeoutMs: 20_000,
      output: () => `${numbers().size}`,
    })
    await until(() => own.connection.status.unacknowledged === 0, { what: 'all acknowledgements' })
    await wait(100)
    assert.deepEqual([...pubacksInPublishOrder(proxy.events), ...noAckForOldEpoch(proxy.events)].slice(0, 5), [])
    assert.ok(
      seen.length - count <= mayRepeat,
      `${seen.length - count} repeated, ${mayRepeat} were in flight at the cuts`,
    )
    for (const topic of topics) {
      const first = [...new Set(seen.filter((each) => each.topic === topic).map(({ number }) => number))]
      assert.deepEqual(
        first,
        first.toSorted((a, b) => a - b),
        `inversion in ${topic}`,
      )
    }
    assert.ok(proxy.connections >= 6)
  })
