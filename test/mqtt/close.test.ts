import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { createSession, drainSession, publishNumbered } from '../services/publisher.ts'
import { inFlight, noAckForOldEpoch, packets, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { Collector, connect, connected, options, subscribed } from './harness.ts'

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

test('a close while the window is full takes less than a second; what is finished is acknowledged first, the rest comes again', async () => {
  await using mosquitto = await startMosquitto({ maxInflight: 0 })
  await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
  const own = options(proxy.port)
  await createSession(mosquitto.port, own.clientId, ['c'])
  await publishNumbered({
    port: mosquitto.port,
    topics: ['c'],
    count: 300,
    qos: 1,
    payload: ({ number }) => `${number} ${'x'.repeat(50_000)}`,
  })
  const collector = new Collector(['c'], { records: 20 })
  const { connection } = connect(own, collector)
  await collector.count(20)
  await until(() => connection.status.windowLimited, { what: 'a full window' })
  for (const n of [0, 1, 2, 3, 4, 6, 7]) collector.taken[n]!.settle()
  assert.ok((await timed(() => connection.close())) < 1000)
  assert.equal(connection.status.phase, 'closed')
  await until(() => packets(proxy.events, 'disconnect', 'toBroker').length === 1, { what: 'DISCONNECT' })
  const sent = proxy.events.filter(({ direction }) => direction === 'toBroker').map(({ type }) => type)
  assert.deepEqual(sent.filter((type) => type === 'puback').length, 5, 'the finished prefix, not what is behind a gap')
  assert.equal(sent.at(-1), 'disconnect')
  collector.settleAll()
  await wait(50)
  assert.equal(packets(proxy.events, 'puback', 'toBroker').length, 5, 'nothing is acknowledged afterwards')
  assert.deepEqual([...pubacksInPublishOrder(proxy.events), ...noAckForOldEpoch(proxy.events)], [])
  assert.ok(inFlight(proxy.events, 1).length >= 15)
  const rest = (await drainSession(mosquitto.port, own.clientId, 500)).map(({ payload }) =>
    Number.parseInt(payload.toString(), 10),
  )
  assert.deepEqual(
    rest,
    Array.from({ length: 295 }, (_, n) => n + 5),
  )
})

test('a close in the turn in which deliveries settle still acknowledges them', async () => {
  await using broker = await startFakeBroker({ window: 100 })
  const collector = new Collector(['c'], { qos: 2 })
  const own = options(broker.port)
  const { connection } = connect(own, collector)
  await subscribed(broker, own)
  for (let n = 0; n < 10; n++) broker.publish({ topic: 'c', payload: String(n), qos: n % 2 === 0 ? 1 : 2 })
  await collector.count(10)
  collector.settleAll()
  await connection.close()
  assert.equal(broker.session(own.clientId).acknowledged.length, 10)
  assert.deepEqual(broker.violations, [])
})

test('a close with a broker that does not answer takes less than a second', async () => {
  await using mosquitto = await startMosquitto()
  await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
  const { connection } = connect(options(proxy.port), new Collector(['c']))
  await connected(connection)
  proxy.hold('toBroker')
  proxy.hold('toClient')
  assert.ok((await timed(() => connection.close())) < 1000)
})

test('a close may come at any moment of the life of a connection, and twice', async () => {
  await using broker = await startFakeBroker()
  for (let waitMs = 0; waitMs < 40; waitMs += 2) {
    const collector = new Collector(['c'], { settles: true })
    const { connection } = connect(options(broker.port), collector)
    broker.publish({ topic: 'c', payload: 'x', qos: 1 })
    if (waitMs > 0) await wait(waitMs - 1)
    assert.ok((await timed(async () => void (await Promise.all([connection.close(), connection.close()])))) < 1000)
    await connection.close()
    await wait(10)
    const { length } = broker.connects
    await wait(5)
    assert.equal(broker.connects.length, length)
  }
  assert.deepEqual(broker.violations, [])
})

test('a close while it waits for the next attempt ends the waiting', async () => {
  await using broker = await startFakeBroker()
  await broker.down()
  const { connection } = connect(
    options(broker.port, { reconnect: { baseMs: 60_000, maxMs: 60_000 } }),
    new Collector(['c']),
  )
  await until(() => connection.status.phase === 'waiting', { what: 'a failed attempt' })
  assert.equal(connection.status.error?.code, 'BROKER_UNREACHABLE')
  assert.match(connection.status.error?.message ?? '', /127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/)
  assert.ok((await timed(() => connection.close())) < 500)
})

test('after an orderly close there is no will, after a lost connection there is', async () => {
  await using mosquitto = await startMosquitto()
  const watcher = new Collector(['disconnected/#'], { settles: true })
  await using _watching = connect(options(mosquitto.port), watcher)
  await connected(_watching.connection)
  for (const payload of ['gone', '']) {
    const will = { topic: 'disconnected/client', payload, qos: 1 as const, retain: true }
    watcher.taken.length = 0
    const { connection } = connect(options(mosquitto.port, { will }), new Collector(['c']))
    await connected(connection)
    await connection.close()
    await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
    const lost = connect(options(proxy.port, { will }), new Collector(['c']))
    await connected(lost.connection)
    assert.equal(watcher.taken.length, 0, 'the orderly close published nothing')
    proxy.accept(false)
    proxy.cut()
    await watcher.count(1)
    await lost.connection.close()
    assert.deepEqual(watcher.texts, [payload])
    const late = new Collector(['disconnected/#'], { settles: true })
    await using later = connect(options(mosquitto.port), late)
    await connected(later.connection)
    if (payload !== '') {
      const [will] = await late.count(1)
      assert.deepEqual([will?.publish.qos, will?.publish.retain, will?.text], [1, true, 'gone'])
    } else {
      await wait(200)
      assert.deepEqual(late.texts, [], 'an empty will deletes the retained message')
    }
  }
})
