import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Balance } from '../ledger/ledger.ts'
import { startKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { noAckForOldEpoch, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { type Plant, startPlant, topics } from './plant.ts'

const kafka = await startKafka()
after(() => kafka.stop())

/** Four batches of 500 on their way, and what a burst has forwarded since the cursor was last written. */
const repeatedAfterKill = 3000

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }

for (const { count, qos, output } of [
  { count: 6000, qos: 1, output: 'reading' },
  { count: 6000, qos: 1, output: 'batches' },
  { count: 1500, qos: 2, output: 'reading' },
] as const) {
  test(`outbox: three kill -9 lose nothing of ${count} QoS ${qos} messages (${output})`, {
    timeout: 240_000,
  }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos, delivery: 'outbox' })
    const publishing = publishNumbered({
      port: plant.broker.port,
      topics,
      count,
      qos,
      ratePerSecond: qos === 1 ? 1000 : 300,
    })
    for (let kill = 1; kill <= 3; kill++) {
      await wait(200 + Math.random() * 1500)
      await plant.nodeRed.kill9()
      await plant.restart()
    }
    const { duplicated } = await balances(plant, await publishing)
    assert.ok(duplicated <= 3 * repeatedAfterKill, `${duplicated} duplicates`)
  })
}

test('outbox: Kafka killed for 20 s and Node-RED killed -9 in the middle: nothing is lost, order kept, PUBACKs go on', {
  timeout: 240_000,
}, async () => {
  await using plant = await startPlant({ brokers: kafka.brokers, output: 'reading', qos: 1, delivery: 'outbox' })
  const count = 9000
  const publishing = publishNumbered({ port: plant.broker.port, topics, count, qos: 1, ratePerSecond: 300 })
  await wait(3000)
  await kafka.kill()
  const before = plant.acknowledged()
  await until(() => plant.acknowledged() > before + 1500, { what: 'PUBACKs while Kafka is down', timeoutMs: 30_000 })
  await plant.nodeRed.kill9()
  await plant.restart()
  await wait(8000)
  await kafka.restart()
  await balances(plant, await publishing)
})

async function balances(plant: Plant, published: Awaited<ReturnType<typeof publishNumbered>>): Promise<Balance> {
  const count = published.length
  const result = await plant.settle(published, kafka.brokers)
  const expected = { ...clean, published: count, acknowledged: result.acknowledged, confirmed: count }
  assert.deepEqual({ ...result, duplicated: 0 }, expected)
  assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
  assert.deepEqual(noAckForOldEpoch(plant.wire.events), [])
  return result
}
