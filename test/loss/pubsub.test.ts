import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../services/processes.ts'
import { startPubsub } from '../services/pubsub.ts'
import { type Plant, startPlant } from './plant.ts'
import { sized } from './sizes.ts'
import { assertComplete } from './verdict.ts'

const pubsub = await startPubsub()
after(() => pubsub.stop())

const kills = sized(3, 20)
const killRate = 500

for (const delivery of ['confirm', 'outbox'] as const)
  test(`${delivery}: Node-RED and Pub/Sub killed -9 in turn, ${kills} times each, lose nothing and keep the order`, {
    timeout: sized(180_000, 1_800_000),
  }, async () => {
    await using plant = await startPlant({ brokers: '', pubsub, output: 'reading', qos: 1, delivery })
    const publishing = plant.publish({ ratePerSecond: killRate })
    let inFlight = 0
    for (let kill = 1; kill <= kills; kill++) {
      await acknowledges(plant, killRate)
      inFlight += await plant.kill9()
      await plant.restart()
      await acknowledges(plant, killRate)
      await pubsub.kill()
      await wait(500)
      await pubsub.restart()
    }
    await acknowledges(plant, killRate)
    const result = await plant.settle(await publishing.stop(), '')
    assertComplete(plant, result)
    // Per kill of Pub/Sub, the batch that it had taken without saying so.
    const most = delivery === 'confirm' ? inFlight + kills * batchRecords : 2 * kills * inFlightRecords
    assert.ok(result.duplicated <= most, `${result.duplicated} duplicates, at most ${most}`)
  })

const batchRecords = 1000
/** What an outbox has handed out and not yet seen confirmed. */
const inFlightRecords = 4 * batchRecords

const outageMs = sized(10_000, 60_000)
const outageRate = 2000
/** What an outage may add to the memory of Node-RED. */
const growthBound = 64 << 20
/** The heap of a gateway: on a large machine V8 takes what it likes before it collects, and that says nothing of us. */
const env = { NODE_OPTIONS: '--max-old-space-size=256' }

test(`Pub/Sub away for ${outageMs / 1000} s at ${outageRate} msg/s: nothing is lost, and what waits is not held in memory`, {
  timeout: sized(180_000, 900_000),
}, async () => {
  await using plant = await startPlant({ brokers: '', pubsub, output: 'reading', qos: 1, delivery: 'outbox', env })
  const filler = 'x'.repeat(1000)
  const publishing = plant.publish({
    ratePerSecond: outageRate,
    payload: ({ number, topic }) => JSON.stringify({ n: number, topic, filler }),
  })
  await acknowledges(plant, 5 * outageRate)
  const before = residentBytes(plant)
  await pubsub.kill()
  const sizes: number[] = []
  const looking = setInterval(() => sizes.push(residentBytes(plant)), 100)
  await Promise.all([wait(outageMs), acknowledges(plant, (outageMs / 2000) * outageRate)])
  clearInterval(looking)
  await pubsub.restart()
  await acknowledges(plant, outageRate)
  const growth = Math.max(...sizes) - before
  process.stderr.write(
    `RSS ${Math.round(before / 1e6)} MB, at most ${Math.round(growth / 1e6)} MB more in the outage\n`,
  )
  assertComplete(plant, await plant.settle(await publishing.stop(), ''))
  assert.ok(growth <= growthBound, `${growth} bytes of growth`)
})

/** Waits for so many more PUBACKs. */
async function acknowledges(plant: Plant, messages: number): Promise<void> {
  const start = plant.acknowledged()
  await until(() => plant.acknowledged() >= start + messages, {
    what: `${messages} PUBACKs`,
    timeoutMs: 120_000,
    output: () => `${plant.acknowledged() - start} so far\n${plant.nodeRed.log()}`,
  })
}

function residentBytes({ nodeRed }: Plant): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${nodeRed.pid}/status`, 'utf8'))![1]) * 1024
}
