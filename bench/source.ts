/**
 * Drain of a preloaded persistent QoS 1 session into a flow that does nothing else, against rumqttc with manual acks,
 * plain and over TLS; and what a strict window lets through: `npm run bench:source`, or for a small run that writes no
 * files `npm run bench:source -- --quick`.
 */
import { randomUUID } from 'node:crypto'
import { loadavg } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../test/services/fake-broker.ts'
import { type Mosquitto, startMosquitto } from '../test/services/mosquitto.ts'
import { until } from '../test/services/processes.ts'
import { createSession, drainSession, type Numbered, publishNumbered } from '../test/services/publisher.ts'
import { batches, type Drainer, type DrainerKind, installRumqttc, readings, type Session, slow } from './drainers.ts'
import { describeMachine } from './machine.ts'
import { cpuSeconds, peakRss } from './measure.ts'
import { deviceTopics, readingPayload } from './readings.ts'
import { inTurn } from './rounds.ts'
import { type Found, markdown, type Throughput } from './source-report.ts'
import { isQuick, publish } from './stage.ts'

const payloadBytes = 1024
const acknowledgeMs = 1000
const timeoutMs = 180_000

interface Plan {
  readonly rounds: number
  readonly warmUp: number
  readonly messages: number
  /** What a strict window is measured with: its size, and how long the flow takes. */
  readonly windows: readonly { readonly window: number; readonly flowMs: number }[]
}

const full: Plan = {
  rounds: 3,
  warmUp: 20_000,
  messages: 150_000,
  windows: [
    { window: 20, flowMs: 5 },
    { window: 100, flowMs: 5 },
    { window: 20, flowMs: 50 },
    { window: 1000, flowMs: 50 },
  ],
}
const quick: Plan = { rounds: 1, warmUp: 5000, messages: 20_000, windows: full.windows.slice(0, 1) }

/** Resolves with when the first and the last message were there. */
async function drained(drainer: Drainer, { clientId }: Session): Promise<readonly [firstMs: number, lastMs: number]> {
  const pattern = new RegExp(`drained ${clientId} ([\\d.]+) ([\\d.]+)`)
  const found = () => pattern.exec(drainer.output())
  const match = await until(found, { what: `${clientId} to be drained`, timeoutMs, output: drainer.output })
  return [Number(match![1]), Number(match![2])]
}

async function preload(broker: Mosquitto, messages: number, isSecure: boolean): Promise<Session> {
  const run = `bench-${randomUUID().slice(0, 8)}`
  const filter = `${run}/#`
  await createSession(broker.port, run, [filter])
  const payload = ({ number }: Numbered) => readingPayload(number, payloadBytes)
  await publishNumbered({ port: broker.port, topics: deviceTopics(run), count: messages, qos: 1, payload })
  const port = isSecure ? broker.tlsPort : broker.port
  return { port, clientId: run, filter, messages, ...(isSecure ? { caFile: broker.certificates!.caFile } : {}) }
}

async function drain(broker: Mosquitto, kind: DrainerKind, isSecure: boolean, plan: Plan): Promise<Found> {
  await using drainer = await kind.open()
  if (kind.warmsUp) {
    const warm = await preload(broker, plan.warmUp, isSecure)
    await drainer.drain(warm)
    await drained(drainer, warm)
  }
  const session = await preload(broker, plan.messages, isSecure)
  const loadAverage = loadavg()[0]!
  const [before, brokerBefore] = [cpuSeconds(drainer), cpuSeconds(broker)]
  await drainer.drain(session)
  const [firstMs, lastMs] = await drained(drainer, session)
  await wait(acknowledgeMs)
  const per100k = (seconds: number) => (seconds * 100_000) / plan.messages
  const figures = {
    ratePerSecond: ((plan.messages - 1) * 1000) / (lastMs - firstMs),
    cpuSecondsPer100k: per100k(cpuSeconds(drainer) - before),
    brokerCpuSecondsPer100k: per100k(cpuSeconds(broker) - brokerBefore),
    peakRssMiB: peakRss(drainer.pid!),
  }
  await drainer.stop()
  const unacknowledged = (await drainSession(broker.port, session.clientId)).length
  return { kind: kind.name, title: kind.title, isSecure, ...figures, unacknowledged, loadAverage }
}

/** How much a broker that holds this window strictly gets rid of, with a flow that takes so long. */
async function throughput({ window, flowMs }: Plan['windows'][number]): Promise<Throughput> {
  await using broker = await startFakeBroker({ window })
  await using drainer = await slow(flowMs).open()
  const allowed = (window * 1000) / flowMs
  const measure = async (messages: number) => {
    const run = `bench-${randomUUID().slice(0, 8)}`
    const waiting = broker.session(run, { [`${run}/#`]: 1 })
    for (let number = 0; number < messages; number++)
      waiting.offer({ topic: `${run}/device`, payload: readingPayload(number, payloadBytes), qos: 1 })
    const session = { port: broker.port, clientId: run, filter: `${run}/#`, messages }
    await drainer.drain(session)
    const [firstMs, lastMs] = await drained(drainer, session)
    return ((messages - 1) * 1000) / (lastMs - firstMs)
  }
  await measure(2000)
  return { window, flowMs, allowed, ratePerSecond: await measure(Math.min(20_000, Math.ceil(3 * allowed))) }
}

async function measureAll(plan: Plan): Promise<void> {
  const machine = await describeMachine()
  const { kind: rumqttc, versions } = await installRumqttc()
  const runs = [batches, readings, rumqttc].flatMap((kind) => [false, true].map((isSecure) => ({ kind, isSecure })))
  const rounds: Found[][] = []
  for (let round = 0; round < plan.rounds; round++) {
    await using broker = await startMosquitto({ tls: true, maxInflight: 0 })
    const found: Found[] = []
    for (const { kind, isSecure } of inTurn(runs, round)) {
      found.push(await drain(broker, kind, isSecure, plan))
      console.log(`round ${round + 1}: ${JSON.stringify(found.at(-1))}`)
    }
    rounds.push(found)
  }
  const throughputs: Throughput[] = []
  for (const window of plan.windows) throughputs.push(await throughput(window))
  const { warmUp, messages } = plan
  const result = { date: new Date().toISOString(), machine, versions, warmUp, messages, rounds, throughputs }
  publish('source', result, markdown(result))
}

await measureAll(isQuick() ? quick : full)
