import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import type { ReceivedIds } from '../../src/mqtt/received-ids.ts'
import { createGate } from '../core/memory-sink.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, options, released, subscribed } from './harness.ts'

async function stage(qos: 1 | 2 = 1, changed: Partial<ConnectionOptions> = {}) {
  const broker = await startFakeBroker({ window: 100 })
  const own = options(broker.port, changed)
  const collector = new Collector(['t'], { qos })
  const connection = connect(own, collector)
  await subscribed(broker, own)
  const publish = (...texts: readonly string[]) => {
    for (const payload of texts) broker.publish({ topic: 't', qos, payload })
  }
  return {
    broker,
    collector,
    connection: connection.connection,
    publish,
    /** `a` and `b` are with the subscriber, `c` and `d` wait for the end of a replacement. */
    replacing: async () => {
      publish('a', 'b')
      await collector.count(2)
      connection.connection.suspend()
      publish('c', 'd')
      await until(() => connection.connection.status.unacknowledged === 4, { what: 'c and d' })
    },
    reconnected: async () => {
      const { length } = broker.connects
      broker.cut()
      const isBack = () => broker.connects.length > length && connection.connection.status.phase === 'connected'
      await until(isBack, { what: 'a reconnect' })
    },
    subscribedAgain: async () => {
      await until(() => connection.connection.status.phase === 'connected', { what: 'the next connection' })
      await subscribed(broker, own)
    },
    acknowledged: () => broker.session(own.clientId).acknowledged.map(({ payload }) => String(payload)),
    [Symbol.asyncDispose]: async () => {
      await connection.connection.close()
      await broker.close()
      assert.deepEqual(broker.violations, [])
    },
  }
}

test('while subscribers are replaced nobody gets anything, and then everybody who is there', async () => {
  await using at = await stage()
  at.connection.suspend()
  at.publish('a', 'b')
  await wait(50)
  assert.deepEqual(at.collector.texts, [])
  const second = new Collector(['t'])
  at.connection.subscribe(second)
  assert.deepEqual(second.texts, [])
  at.connection.resume()
  assert.deepEqual(
    [at.collector.texts, second.texts],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  )
  at.collector.settleAll()
  second.settleAll()
  await until(() => at.acknowledged().length === 2, { what: 'the acknowledgements' })
})

for (const qos of [1, 2] as const)
  for (const [when, beforeResumeMs, reconnectMs] of [
    ['at the end of a replacement', 0, 20],
    ['a moment before', 5, 20],
    ['before, and the connection is just coming back', 25, 20],
    ['before, and the connection is back', 100, 20],
    ['before, and the connection is long in coming back', 50, 400],
  ] as const) {
    test(`QoS ${qos}: messages released ${when}: they stay in front of the newer ones`, async () => {
      await using at = await stage(qos, { reconnect: { baseMs: reconnectMs, maxMs: reconnectMs } })
      // A second reconnect within seconds waits for its turn; the first is at once.
      if (reconnectMs > 100) await at.reconnected()
      await at.replacing()
      at.collector.settleAll(released)
      if (beforeResumeMs > 0) await wait(beforeResumeMs)
      at.connection.resume()
      await at.collector.count(6)
      assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd'])
      for (const taken of at.collector.taken.slice(2)) taken.settle()
      await until(() => at.acknowledged().length === 4, { what: 'the acknowledgements' })
    })
  }

test('messages released while nodes are replaced and the broker is away, which forgets the session: they stay in front of the newer ones', async () => {
  await using at = await stage()
  await at.replacing()
  await at.broker.down()
  at.collector.settleAll(released)
  at.broker.forgetSessions()
  await at.broker.up()
  await until(() => at.connection.status.phase === 'connected', { what: 'the next connection' })
  at.connection.resume()
  await at.collector.count(6)
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd'])
})

test('messages that only we have, and newer ones of the next session, wait while nodes are replaced: they are handed over in their order', async () => {
  await using at = await stage()
  await at.replacing()
  await at.broker.down()
  await until(() => at.connection.status.phase !== 'connected', { what: 'the end of the connection' })
  at.collector.settleAll(released)
  at.broker.forgetSessions()
  await at.broker.up()
  await at.subscribedAgain()
  at.publish('e', 'f')
  await until(() => at.connection.status.unacknowledged === 2, { what: 'the newer ones' })
  at.connection.resume()
  await at.collector.count(8)
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd', 'e', 'f'])
  for (const taken of at.collector.taken.slice(2)) taken.settle()
  await until(() => at.acknowledged().length === 2, { what: 'the acknowledgements' })
})

test('nodes are replaced again before the first replacement has ended: what was released stays in front', async () => {
  await using at = await stage()
  await at.replacing()
  at.collector.settleAll(released)
  await until(() => at.connection.status.unacknowledged === 4, { what: 'all of them again' })
  at.connection.suspend()
  at.connection.resume()
  await at.collector.count(6)
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd'])
})

test('messages released while nodes are replaced come again, and then the broker forgets the session: they stay in front of the newer ones', async () => {
  await using at = await stage()
  await at.replacing()
  at.collector.settleAll(released)
  await until(() => at.connection.status.unacknowledged === 4, { what: 'all of them again' })
  await at.broker.down()
  await until(() => at.connection.status.phase !== 'connected', { what: 'the end of the connection' })
  at.broker.forgetSessions()
  at.connection.resume()
  await at.broker.up()
  await at.collector.count(6)
  assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd'])
})

test('QoS 2: messages released while an answer waits for the disk: the connection that closes is taken for closed', async () => {
  const store = new SlowIds()
  await using at = await stage(2, { receivedIds: () => store })
  at.publish('done', 'a', 'b')
  await at.collector.count(3)
  at.connection.suspend()
  at.publish('c', 'd')
  await wait(50)
  const [done, a, b] = at.collector.taken
  done!.settle()
  a!.settle(released)
  b!.settle(released)
  at.connection.resume()
  await wait(20)
  store.stored()
  await at.collector.count(7)
  assert.deepEqual(at.collector.texts, ['done', 'a', 'b', 'a', 'b', 'c', 'd'])
  for (const taken of at.collector.taken.slice(3)) taken.settle()
  await until(() => at.acknowledged().length === 5, { what: 'the acknowledgements' })
})

/** A disk that answers when it is told to. */
class SlowIds implements ReceivedIds {
  readonly known = new Map<number, string>()
  readonly #disk = createGate()

  stored(): void {
    this.#disk.open()
  }

  add(packetId: number, digest: string): Promise<void> {
    this.known.set(packetId, digest)
    return this.#disk.opened
  }

  remove(packetId: number): Promise<void> {
    this.known.delete(packetId)
    return Promise.resolve()
  }

  clear(): void {
    this.known.clear()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
