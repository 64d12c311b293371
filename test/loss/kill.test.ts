import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { noAckForOldEpoch, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startPlant, topics } from './plant.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

for (const { count, ratePerSecond, qos, output } of [
  { count: 20_000, ratePerSecond: 1000, qos: 1, output: 'reading' },
  { count: 20_000, ratePerSecond: 1000, qos: 1, output: 'batches' },
  { count: 5_000, ratePerSecond: 300, qos: 2, output: 'reading' },
] as const) {
  const what = `${count} QoS ${qos} messages, one message per ${output === 'batches' ? 'batch' : 'reading'}`
  test(`three kill -9 lose nothing of ${what}`, { timeout: 240_000 }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos })
    const publishing = publishNumbered({ port: plant.broker.port, topics, count, qos, ratePerSecond })
    let bound = 0
    for (let kill = 1; kill <= 3; kill++) {
      await wait(200 + Math.random() * 3000)
      await until(() => plant.inFlight() > 0, { what: 'something in flight', intervalMs: 1 })
      const inFlight = await plant.kill9()
      process.stderr.write(`kill ${kill}: ${inFlight} in flight, ${plant.acknowledged()} acknowledged\n`)
      bound += inFlight
      await plant.restart()
    }
    const result = await plant.settle(await publishing, kafka.brokers)
    assert.deepEqual(
      { ...result, duplicated: 0 },
      { ...clean, published: count, acknowledged: count, confirmed: count },
    )
    assert.ok(result.duplicated <= bound, `${result.duplicated} duplicates, ${bound} in flight at the kills`)
    assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
    assert.deepEqual(noAckForOldEpoch(plant.wire.events), [])
  })
}

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }
