import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sharedKafka } from '../services/kafka.ts'
import { count, kills, publishThroughKills, runs, timeoutMs } from './kills.ts'
import { startPlant } from './plant.ts'
import { assertComplete } from './verdict.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

for (const { qos, output, what } of runs) {
  test(`${kills} times kill -9 lose nothing of ${what}`, { timeout: timeoutMs }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos })
    const { published, inFlight } = await publishThroughKills(plant, qos)
    const result = await plant.settle(published, kafka.brokers)
    assertComplete(plant, result)
    assert.deepEqual([result.published, result.acknowledged], [count, count])
    assert.ok(result.duplicated <= inFlight, `${result.duplicated} duplicates, ${inFlight} in flight at the kills`)
  })
}
