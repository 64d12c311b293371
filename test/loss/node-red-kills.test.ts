import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import { noAckForOldEpoch, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startFlood } from './flood.ts'
import { startPlant, topics } from './plant.ts'
import { sized } from './sizes.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

const kills = sized(20, 200)

for (const output of ['reading', 'batches'] as const)
  test(`${kills / 2} kill -9 of Node-RED at any moment lose nothing, and each start goes on by itself (${output})`, {
    timeout: sized(280_000, 3_600_000),
  }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos: 1, delivery: 'outbox' })
    await using flood = startFlood({ port: plant.broker.port, topics, qos: 1, ratePerSecond: 500 })
    const started = performance.now()
    for (let kill = 1; kill <= kills / 2; kill++) {
      await wait(Math.random() * 2500)
      await plant.nodeRed.kill9()
      // Every third life is so short that it may not have connected yet.
      await (kill % 3 === 0 ? plant.nodeRed.restart() : plant.restart())
    }
    process.stderr.write(`${kills / 2} kills in ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
    const published = await flood.stop()
    const count = published.length
    assert.deepEqual(
      { ...(await plant.settle(published, kafka.brokers)), duplicated: 0 },
      { ...clean, published: count, acknowledged: count, confirmed: count },
    )
    assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
    assert.deepEqual(noAckForOldEpoch(plant.wire.events), [])
    assert.doesNotMatch(plant.nodeRed.log(), /\[OUTBOX_/)
  })

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }
