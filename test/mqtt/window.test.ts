import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { createSession, publishNumbered } from '../services/publisher.ts'
import { Collector, connect, options, subscribed } from './harness.ts'

test('messages of 5 MB: no more are held than the bytes of the window and one more, and all arrive', async () => {
  await using mosquitto = await startMosquitto({ maxInflight: 0 })
  const mine = options(mosquitto.port, { keepalive: 2 })
  await createSession(mosquitto.port, mine.clientId, ['big'])
  const size = 5 << 20
  await publishNumbered({
    port: mosquitto.port,
    topics: ['big'],
    count: 20,
    qos: 1,
    payload: ({ number }) => Buffer.alloc(size, number),
  })
  const collector = new Collector(['big'], { bytes: 12 << 20 })
  await using own = connect(mine, collector)
  let settled = 0
  while (settled < 20) {
    await collector.count(Math.min(20, settled + 3))
    await wait(60)
    assert.ok(collector.taken.length - settled <= 4, `${collector.taken.length - settled} are held`)
    assert.equal(own.connection.status.unacknowledged, collector.taken.length - settled)
    const { publish, settle } = collector.taken[settled]!
    assert.deepEqual([publish.payload.length, publish.payload[0], publish.payload.at(-1)], [size, settled, settled])
    settle()
    settled++
    await wait(5)
  }
  await until(() => own.connection.status.unacknowledged === 0, { what: 'an empty window' })
})

test('records: reading stops at the limit, the status says so, and it goes on one by one', async () => {
  await using broker = await startFakeBroker({ window: 1000 })
  const mine = options(broker.port)
  const collector = new Collector(['w'], { records: 10 })
  await using own = connect(mine, collector)
  await subscribed(broker, mine)
  assert.equal(own.connection.status.windowLimited, false)
  for (let n = 0; n < 100; n++) broker.publish({ topic: 'w', payload: Buffer.alloc(100_000, n), qos: 1 })
  await collector.count(10)
  await wait(50)
  assert.ok(collector.taken.length <= 12, `${collector.taken.length} were read`)
  assert.equal(own.connection.status.windowLimited, true)
  for (let n = 0; n < 100; n++) {
    await collector.count(n + 1)
    collector.taken[n]!.settle()
  }
  await until(() => broker.session(mine.clientId).acknowledged.length === 100, { what: 'all acknowledgements' })
  assert.deepEqual([broker.violations, own.connection.status.windowLimited], [[], false])
})

test('the windows of all subscribers add up, and one that comes makes room at once', async () => {
  await using broker = await startFakeBroker({ window: 1000 })
  const mine = options(broker.port)
  const first = new Collector(['w'], { records: 3 })
  await using own = connect(mine, first)
  await subscribed(broker, mine)
  for (let n = 0; n < 20; n++) broker.publish({ topic: 'w', payload: Buffer.alloc(200_000, n), qos: 1 })
  await until(() => own.connection.status.windowLimited, { what: 'a full window' })
  await wait(30)
  const { length } = first.taken
  assert.ok(length < 8)
  own.connection.subscribe(new Collector(['other'], { records: 10 }))
  await first.count(length + 8)
  await wait(30)
  assert.ok(first.taken.length < length + 14, 'and no more than that')
})
