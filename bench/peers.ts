/**
 * Ours, the stock flow and every peer that can be installed here, in one run: `npm run bench:peers`, or for a small run
 * that writes no files `npm run bench:peers -- --quick`. The peers go to `~/.cache/rowline/peers`.
 */
import { type Crashes, type Survival, survive } from './kills.ts'
import { type Latency, latency, type Stream } from './latency.ts'
import { describeMachine } from './machine.ts'
import type { Services } from './measure.ts'
import { installPeers } from './peers/install.ts'
import { markdown } from './peers-report.ts'
import type { Variant } from './pipeline.ts'
import { inTurn, type Plan, runRounds } from './rounds.ts'
import { isQuick, publish, withServices } from './stage.ts'
import { summarize } from './summary.ts'
import { oneLine } from './tables.ts'
import { batches, outbox, promptConfirm, promptOutbox, readingOutbox, stock } from './variants.ts'

interface PeersPlan {
  readonly drains: Plan
  readonly crashRounds: number
  readonly crashes: Crashes
  readonly latencyRounds: number
  readonly stream: Stream
}

const full: PeersPlan = {
  drains: { rounds: 3, sizes: [272, 1024], warmUp: 10_000, messages: 100_000 },
  crashRounds: 2,
  crashes: { kills: 3, ratePerSecond: 1000, payloadBytes: 272 },
  latencyRounds: 2,
  stream: { ratePerSecond: 2000, payloadBytes: 272, warmUpSeconds: 4, seconds: 8 },
}
const quick: PeersPlan = {
  drains: { rounds: 1, sizes: [272], warmUp: 5000, messages: 20_000 },
  crashRounds: 1,
  crashes: { kills: 1, ratePerSecond: 500, payloadBytes: 272 },
  latencyRounds: 1,
  stream: { ratePerSecond: 500, payloadBytes: 272, warmUpSeconds: 1, seconds: 3 },
}

const failures: string[] = []
function onFailure(what: string, error: unknown): void {
  failures.push(`${what}: ${oneLine(error)}`)
  console.log(`failed: ${what}: ${error instanceof Error ? error.message : String(error)}`)
}

/** One round after the other, as far as it succeeds. */
async function inRounds<T>(
  what: string,
  rounds: number,
  variants: readonly Variant[],
  run: (variant: Variant) => Promise<T>,
): Promise<T[]> {
  const found: T[] = []
  for (let round = 0; round < rounds; round++)
    for (const variant of inTurn(variants, round)) {
      try {
        const result = await run(variant)
        found.push(result)
        console.log(`${what}, round ${round + 1}: ${JSON.stringify(result)}`)
      } catch (error) {
        onFailure(`${what} of ${variant.name}`, error)
      }
    }
  return found
}

async function measureAll(services: Services, plan: PeersPlan): Promise<void> {
  const machine = await describeMachine()
  const peers = await installPeers()
  const ours = [batches, outbox, readingOutbox]
  const variants = [...ours, stock, ...peers.variants]
  const prompt = [promptConfirm, promptOutbox, stock, ...peers.variants]
  const rounds = await runRounds(services, variants, plan.drains, { onFailure })
  const survivals: Survival[] = await inRounds('kill -9', plan.crashRounds, variants, (variant) =>
    survive(services, variant, plan.crashes),
  )
  const latencies: Latency[] = await inRounds('latency', plan.latencyRounds, prompt, (variant) =>
    latency(services, variant, plan.stream),
  )
  const result = {
    date: new Date().toISOString(),
    machine,
    versions: peers.versions,
    variants: [...variants, promptConfirm, promptOutbox],
    summaries: summarize(rounds),
    rounds,
    survivals,
    latencies,
    failures,
  }
  publish('peers', result, markdown(result))
}

await withServices((services) => measureAll(services, isQuick() ? quick : full))
