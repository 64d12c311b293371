/**
 * Drain of a preloaded persistent QoS 1 session from mosquitto into Apache Kafka: `npm run bench`, or for a small run
 * that writes no files `npm run bench -- --quick`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '../test/services/kafka.ts'
import { startMosquitto } from '../test/services/mosquitto.ts'
import { connectEndOffsets } from './end-offsets.ts'
import { describeMachine } from './machine.ts'
import { type Drain, drain, type Load, type Services } from './measure.ts'
import { type Hot, profileDrain } from './profile.ts'
import { markdown } from './report.ts'
import { summarize } from './summary.ts'
import { variants } from './variants.ts'

interface Plan {
  readonly rounds: number
  readonly sizes: readonly number[]
  readonly warmUp: number
  readonly messages: number
}

const full: Plan = {
  rounds: 3,
  sizes: [272, 1024],
  warmUp: 10_000,
  messages: 100_000,
}
const quick: Plan = {
  rounds: 1,
  sizes: [272],
  warmUp: 5000,
  messages: 20_000,
}
const results = join(import.meta.dirname, 'results')

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
  const plan = values.quick ? quick : full
  const mosquitto = await startMosquitto({ persistence: true, maxInflight: 0 })
  const kafka = await startKafka()
  try {
    const machine = await describeMachine()
    await using ends = await connectEndOffsets(kafka.brokers)
    const services = { mqttPort: mosquitto.port, brokers: kafka.brokers, ends }
    const rounds = await runRounds(services, plan)
    const summaries = summarize(rounds)
    mkdirSync(results, { recursive: true })
    const hot = await runProfiles(services, plan)
    const date = new Date().toISOString()
    const result = { date, machine, warmUp: plan.warmUp, summaries, rounds, hot }
    const text = markdown(result)
    console.log(`\n${text}`)
    if (values.quick) return
    writeFileSync(join(results, 'drain.json'), `${JSON.stringify(result, null, 2)}\n`)
    writeFileSync(join(results, 'drain.md'), text)
  } finally {
    await mosquitto.kill()
    await kafka.stop()
  }
}

/** The variants of one round follow each other, so that they meet the same machine; who begins changes by round. */
async function runRounds(services: Services, { rounds, sizes, warmUp, messages }: Plan): Promise<Drain[][]> {
  const found: Drain[][] = []
  for (let round = 0; round < rounds; round++) {
    const drains: Drain[] = []
    for (const payloadBytes of sizes)
      for (const variant of variants.map((_, i) => variants[(i + round) % variants.length]!)) {
        const drained = await drain(services, variant, { payloadBytes, warmUp, messages })
        drains.push(drained)
        console.log(progress(round, drained))
      }
    found.push(drains)
  }
  return found
}

function progress(round: number, { variant, payloadBytes, ratePerSecond, cpuSecondsPer100k, ...rest }: Drain): string {
  const { lost, duplicated, outOfOrder, unacknowledged } = rest
  const faults = `lost ${lost}, duplicated ${duplicated}, out of order ${outOfOrder}, not acknowledged ${unacknowledged}`
  const figures = `${Math.round(ratePerSecond)}/s, ${cpuSecondsPer100k.toFixed(2)} CPU s / 100k`
  return `round ${round + 1}: ${variant} ${payloadBytes} B: ${figures}, ${faults}`
}

/** The profiles themselves stay beside the results, for Chrome's developer tools. */
async function runProfiles(services: Services, { sizes, warmUp, messages }: Plan): Promise<Hot[]> {
  const hot: Hot[] = []
  for (const variant of variants.filter(({ name }) => name !== 'stock')) {
    const load: Load = { payloadBytes: sizes[0]!, warmUp, messages }
    hot.push(await profileDrain(services, variant, load, join(results, `${variant.name}.cpuprofile`)))
  }
  return hot
}

await main()
