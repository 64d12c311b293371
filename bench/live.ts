/**
 * Live streams through the outbox: `npm run bench:live`, or for a small run that writes no files
 * `npm run bench:live -- --quick`. Latency at a high rate with few and with many topics, and how fast a backlog drains
 * beside live readings.
 */
import { type Drained, drainBacklog, type Queue } from './backlog.ts'
import { startRealBroker } from './brokers.ts'
import { type Latency, latency, type Stream } from './latency.ts'
import { type LiveResult, markdown } from './live-report.ts'
import { describeMachine } from './machine.ts'
import type { Variant } from './pipeline.ts'
import { inTurn } from './rounds.ts'
import { isQuick, publish, withKafka } from './stage.ts'
import { outbox, promptBatches, promptOutbox, readingOutbox } from './variants.ts'

interface LivePlan {
  readonly rounds: number
  readonly streams: readonly Stream[]
  readonly queue: Queue
}

const stream = { payloadBytes: 1024, warmUpSeconds: 5, seconds: 10 } as const
const plan: LivePlan = isQuick()
  ? {
      rounds: 1,
      streams: [{ ratePerSecond: 1000, payloadBytes: 272, warmUpSeconds: 1, seconds: 3, topics: 1000 }],
      queue: { queued: 5000, payloadBytes: 272, livePerSecond: 200, liveSeconds: 5 },
    }
  : {
      rounds: 1,
      streams: [
        { ...stream, ratePerSecond: 2000, topics: 100 },
        { ...stream, ratePerSecond: 10_000, topics: 100 },
        { ...stream, ratePerSecond: 10_000, topics: 10_000 },
      ],
      queue: { queued: 50_000, payloadBytes: 272, livePerSecond: 1000, liveSeconds: 10 },
    }

const prompt = [promptBatches, promptOutbox]
const queueing = [outbox, readingOutbox]
const latencies: Latency[] = []
const backlogs: Drained[] = []
const failures: string[] = []

async function measure<T>(found: T[], what: string, run: () => Promise<T>): Promise<void> {
  try {
    found.push(await run())
    console.log(`${what}: ${JSON.stringify(found.at(-1))}`)
  } catch (error) {
    failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    console.log(`failed: ${failures.at(-1)}`)
  }
}

const machine = await describeMachine()
await using broker = await startRealBroker()
await withKafka(async (kafka, ends) => {
  const services = { broker, brokers: kafka.brokers, ends }
  const inRounds = async (variants: readonly Variant[], run: (variant: Variant) => Promise<void>) => {
    for (let round = 0; round < plan.rounds; round++) for (const variant of inTurn(variants, round)) await run(variant)
  }
  for (const one of plan.streams)
    await inRounds(prompt, (variant) =>
      measure(latencies, `${variant.name}, ${one.ratePerSecond}/s`, () => latency(services, variant, one)),
    )
  await inRounds(queueing, (variant) =>
    measure(backlogs, `${variant.name}, backlog`, () => drainBacklog(services, kafka, variant, plan.queue)),
  )
})
const variants = [...prompt, ...queueing]
const result: LiveResult = { date: new Date().toISOString(), machine, variants, latencies, backlogs, failures }
publish('live', result, markdown(result))
