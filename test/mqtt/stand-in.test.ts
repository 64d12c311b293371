import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { accepted } from '../../src/core/delivery.ts'
import { ConnectionPool, type SessionMemory } from '../../src/mqtt/connection-pool.ts'
import type { Unclaimed } from '../../src/mqtt/held-messages.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { Collector, create, options, subscribed } from './harness.ts'

const memory = new Map<string, SessionMemory>()

/** A pool whose session a source `key` uses; what nobody takes is accepted. */
function start(port: number, key: string, clientId?: string) {
  const mine = { ...options(port), ...(clientId === undefined ? {} : { clientId }) }
  const pool = new ConnectionPool(memory)
  const unclaimed: string[] = []
  const warnings: number[] = []
  const take: Unclaimed = ({ payload }, delivery) => {
    unclaimed.push(payload.toString())
    delivery.settle(accepted)
  }
  const acquire = () => pool.acquire(key, () => create(mine, take), { unclaimed: take, kept: () => warnings.push(1) })
  return { mine, pool, unclaimed, warnings, acquire }
}

suite('a subscriber that is missing by mistake', { concurrency: true }, () => {
  test('its topics stay subscribed until it is not missing any longer, and what comes for them holds nobody up', async () => {
    await using broker = await startFakeBroker({ window: 4 })
    const { mine, pool, unclaimed, warnings, acquire } = start(broker.port, 'one')
    const [healthy, broken] = [await acquire(), await acquire()]
    const stays = new Collector(['stays'], { settles: true })
    healthy.subscribe(stays)
    broken.subscribe(new Collector(['left']))
    await subscribed(broker, mine, 2)
    await until(() => memory.get('one')?.filters.length === 2, { what: 'the answers' })
    pool.suspend()
    await broken.release()
    pool.isMissing = (key) => key === 'one'
    pool.resume()
    for (let n = 0; n < 10; n++) broker.publish({ topic: 'left', payload: String(n), qos: 1 })
    await until(() => unclaimed.length > 0, { what: 'a reading of the missing one', timeoutMs: 30_000 })
    broker.publish({ topic: 'stays', payload: 'x', qos: 1 })
    await stays.count(1)
    await until(() => unclaimed.length === 10, { what: 'the others at once', timeoutMs: 8000 })
    await wait(1000)
    const { subscriptions } = broker.session(mine.clientId)
    assert.ok(subscriptions.has('left'))
    assert.equal(warnings.length, 1)
    pool.isMissing = () => false
    pool.suspend()
    pool.resume()
    await until(() => !subscriptions.has('left'), { what: 'UNSUBSCRIBE', timeoutMs: 30_000 })
    assert.ok(subscriptions.has('stays'))
    assert.deepEqual(broker.violations, [])
    await healthy.release()
  })

  test('also where it is missing from the start, and nothing is asked for once more', async () => {
    await using broker = await startFakeBroker()
    const before = start(broker.port, 'two')
    const lease = await before.acquire()
    lease.subscribe(new Collector(['stays', 'left']))
    await subscribed(broker, before.mine, 2)
    await until(() => memory.get('two')?.filters.length === 2, { what: 'the answers' })
    await lease.release()
    const { pool, unclaimed, acquire } = start(broker.port, 'two', before.mine.clientId)
    pool.isMissing = () => true
    const again = await acquire()
    again.subscribe(new Collector(['stays']))
    pool.resume()
    broker.publish({ topic: 'left', payload: 'x', qos: 1 })
    await until(() => unclaimed.length === 1, { what: 'a reading of the missing one', timeoutMs: 30_000 })
    await wait(1000)
    assert.deepEqual([...broker.session(before.mine.clientId).subscriptions.keys()].sort(), ['left', 'stays'])
    await again.release()
  })
})
