import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import { publishNumbered } from '../services/publisher.ts'
import { startPlant, topics } from './plant.ts'
import { assertComplete } from './verdict.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

/** Four batches of 500 on their way, and what a burst has forwarded since the cursor was last written. */
const repeatedAfterKill = 3000

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
    const published = await publishing
    const result = await plant.settle(published, kafka.brokers)
    assertComplete(plant, result)
    assert.equal(published.length, count)
    const { duplicated } = result
    assert.ok(duplicated <= 3 * repeatedAfterKill, `${duplicated} duplicates`)
  })
}
