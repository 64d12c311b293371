import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, options, released, subscribed } from './harness.ts'

async function stage() {
  const broker = await startFakeBroker({ window: 100 })
  const own = options(broker.port)
  const collector = new Collector(['t'])
  const connection = connect(own, collector)
  await subscribed(broker, own)
  return {
    broker,
    collector,
    connection: connection.connection,
    publish: (...texts: readonly string[]) => {
      for (const payload of texts) broker.publish({ topic: 't', qos: 1, payload })
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

for (const [when, beforeResume] of [
  ['before', 100],
  ['at', 0],
] as const) {
  test(`messages released ${when} the end of a replacement stay in front of the newer ones`, async () => {
    await using at = await stage()
    at.publish('a', 'b')
    await at.collector.count(2)
    at.connection.suspend()
    at.publish('c', 'd')
    await wait(50)
    at.collector.settleAll(released)
    if (beforeResume > 0) await wait(beforeResume)
    at.connection.resume()
    await at.collector.count(6)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b', 'c', 'd'])
    for (const taken of at.collector.taken.slice(2)) taken.settle()
    await until(() => at.acknowledged().length === 4, { what: 'the acknowledgements' })
  })
}
