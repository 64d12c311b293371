/**
 * Drain of a preloaded persistent QoS 1 session from mosquitto into Apache Kafka: `npm run bench`, or for a small run
 * that writes no files `npm run bench -- --quick`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describeMachine } from './machine.ts'
import type { Load, Services } from './measure.ts'
import { type Hot, profileDrain } from './profile.ts'
import { markdown } from './report.ts'
import { type Plan, runRounds } from './rounds.ts'
import { isQuick, publish, results, withServices } from './stage.ts'
import { summarize } from './summary.ts'
import { batches, outbox, reading, stock } from './variants.ts'

const variants = [reading, batches, outbox, stock]
const full: Plan = { rounds: 3, sizes: [272, 1024], warmUp: 10_000, messages: 100_000 }
const quick: Plan = { rounds: 1, sizes: [272], warmUp: 5000, messages: 20_000 }

/** The profiles themselves stay beside the results, for Chrome's developer tools. */
async function runProfiles(services: Services, { sizes, warmUp, messages }: Plan): Promise<Hot[]> {
  const hot: Hot[] = []
  mkdirSync(results, { recursive: true })
  for (const variant of variants.filter((one) => one !== stock)) {
    const load: Load = { payloadBytes: sizes[0]!, warmUp, messages }
    hot.push(await profileDrain(services, variant, load, join(results, `${variant.name}.cpuprofile`)))
  }
  return hot
}

await withServices(async (services) => {
  const plan = isQuick() ? quick : full
  const machine = await describeMachine()
  const rounds = await runRounds(services, variants, plan)
  const hot = await runProfiles(services, plan)
  const date = new Date().toISOString()
  const result = { date, machine, variants, warmUp: plan.warmUp, summaries: summarize(rounds), rounds, hot }
  publish('drain', result, markdown(result))
})
