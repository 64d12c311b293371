/**
 * `outbox` against `confirm`: `node bench/delivery.ts`, or for a small run that writes no files
 * `node bench/delivery.ts --quick`. Once with a broker that sends without a limit, once with one that strictly holds a
 * window of 20 messages, and a Kafka that answers 20 ms late.
 */
import { startTcpProxy } from '../test/services/tcp-proxy.ts'
import { startStrictBroker } from './brokers.ts'
import { type DeliveryResult, markdown, type Observed } from './delivery-report.ts'
import { describeMachine } from './machine.ts'
import type { Services } from './measure.ts'
import { drain } from './measure.ts'
import type { Variant } from './pipeline.ts'
import { inTurn, type Plan } from './rounds.ts'
import { isQuick, publish, withKafka, withServices } from './stage.ts'
import { observeSyncs } from './syncs.ts'
import { batches, outbox, promptConfirm, promptOutbox, reading, readingOutbox } from './variants.ts'

const window = 20
const lateMs = 20

const free: Plan = isQuick()
  ? { rounds: 1, sizes: [272], warmUp: 5000, messages: 20_000 }
  : { rounds: 3, sizes: [272, 1024], warmUp: 10_000, messages: 100_000 }
const narrow: Plan = isQuick()
  ? { rounds: 1, sizes: [272], warmUp: 1000, messages: 3000 }
  : { rounds: 3, sizes: [272], warmUp: 5000, messages: 20_000 }

async function run(services: Services, variants: readonly Variant[], plan: Plan): Promise<Observed[][]> {
  const rounds: Observed[][] = []
  const { sizes, ...load } = plan
  for (let round = 0; round < plan.rounds; round++) {
    const found: Observed[] = []
    for (const payloadBytes of sizes)
      for (const variant of inTurn(variants, round)) {
        const syncs = observeSyncs()
        const drained = await drain(services, variant, { ...load, payloadBytes }, { env: syncs.env })
        found.push({ ...drained, syncs: syncs.read() })
        console.log(`round ${round + 1}: ${JSON.stringify(found.at(-1))}`)
      }
    rounds.push(found)
  }
  return rounds
}

const unlimited = [batches, outbox, reading, readingOutbox]
const limited = [promptConfirm, promptOutbox]
const machine = await describeMachine()
const found: { unlimited: Observed[][]; limited: Observed[][] } = { unlimited: [], limited: [] }
await withServices(async (services) => {
  found.unlimited = await run(services, unlimited, free)
})
await withKafka(
  async ({ brokers, proxied }, ends) => {
    await using broker = await startStrictBroker(window)
    const proxy = await startTcpProxy({ target: proxied.port, port: proxied.advertisedPort, replyDelayMs: lateMs })
    const services = { broker, brokers, proxied: `127.0.0.1:${proxy.port}`, ends }
    try {
      found.limited = await run(services, limited, narrow)
    } finally {
      await proxy.close()
    }
  },
  { proxied: true },
)
const date = new Date().toISOString()
const result: DeliveryResult = { date, machine, window, lateMs, variants: [...unlimited, ...limited], ...found }
publish('delivery', result, markdown(result))
