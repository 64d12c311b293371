import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import type { Numbered } from '../services/publisher.ts'
import { type Plant, startPlant } from './plant.ts'
import { sized } from './sizes.ts'
import { assertComplete } from './verdict.ts'

const outageMs = sized(60_000, 600_000)
const ratePerSecond = sized(300, 100)

/**
 * What the second half of the outage adds to the memory of Node-RED. The outbox keeps at most 16 MB of what waits; the
 * rest is room for the collector, whose heap is between two sizes at any moment.
 */
const growthBound = 64 << 20

/** Large enough for the backlog to be far over the bound: held in memory, it would be seen. */
const payloadBytes = sized(16 << 10, 8 << 10)
const backlogBytes = 2.5 * growthBound

/** One write to Kafka is under way at a time; Kafka may have stored it and died before it said so. */
const batchRecords = 500

const filler = 'x'.repeat(payloadBytes)
const largeReading = ({ number, topic }: Numbered) => JSON.stringify({ n: number, topic, filler })

const kafka = await startKafka()
after(() => kafka.stop())

test(`C6: Kafka killed for ${outageMs / 1000} s at ${ratePerSecond} msg/s, Node-RED killed -9 in the middle: nothing is lost`, {
  timeout: sized(290_000, 1_800_000),
}, async () => {
  await using plant = await startPlant({ brokers: kafka.brokers, output: 'reading', qos: 1, delivery: 'outbox' })
  const publishing = plant.publish({ ratePerSecond, payload: largeReading })
  await acknowledges(plant, 5 * ratePerSecond)
  await kafka.kill()
  const outage = wait(outageMs)
  await acknowledges(plant, (outageMs / 3000) * ratePerSecond)
  await plant.nodeRed.kill9()
  await plant.restart()
  await acknowledges(plant, 10 * ratePerSecond)
  const before = await residentBytes(plant)
  await Promise.all([outage, acknowledges(plant, backlogBytes / payloadBytes)])
  const growth = (await residentBytes(plant)) - before
  process.stderr.write(`RSS ${megabytes(before)} after warm-up, ${megabytes(growth)} more at the end of the outage\n`)
  await kafka.restart()
  await acknowledges(plant, 5 * ratePerSecond)
  const result = await plant.settle(await publishing.stop(), kafka.brokers)
  assertComplete(plant, result)
  assert.ok(result.duplicated <= batchRecords, `${result.duplicated} duplicates`)
  assert.ok(growth <= growthBound, `${growth} bytes of growth`)
})

/** Waits for so many more PUBACKs: they go on while Kafka is down. */
async function acknowledges(plant: Plant, messages: number): Promise<void> {
  const start = plant.acknowledged()
  await until(() => plant.acknowledged() >= start + messages, {
    what: `${messages} PUBACKs`,
    timeoutMs: 2 * outageMs,
    intervalMs: 200,
    output: () => `${plant.acknowledged() - start} so far\n${plant.nodeRed.log()}`,
  })
}

/** The lowest of five looks, a second apart: what stays after the collector has been there. */
async function residentBytes({ nodeRed }: Plant): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${nodeRed.pid}/status`, 'utf8'))!
    lowest = Math.min(lowest, Number(kilobytes) * 1024)
    await wait(1000)
  }
  return lowest
}

const megabytes = (bytes: number) => `${(bytes / (1 << 20)).toFixed(1)} MB`
