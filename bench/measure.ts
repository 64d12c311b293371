import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { balance } from '../test/ledger/ledger.ts'
import { createTopic, readTopic, type StoredRecord } from '../test/services/kafka-topics.ts'
import { until } from '../test/services/processes.ts'
import type { Numbered } from '../test/services/publisher.ts'
import type { Broker } from './brokers.ts'
import type { EndOffsets } from './end-offsets.ts'
import type { OpenOptions, Pipeline, Place, Variant } from './pipeline.ts'
import { readingNumber } from './readings.ts'

export interface Services {
  readonly broker: Broker
  /** Kafka. */
  readonly brokers: string
  /** Where the pipelines find Kafka, if not there. */
  readonly proxied?: string
  readonly ends: EndOffsets
}

export interface Load {
  readonly payloadBytes: number
  /** Drained before the clock starts, through nodes of their own: code is compiled then, and libraries are loaded. */
  readonly warmUp: number
  readonly messages: number
}

export interface Found {
  /** Neither in Kafka nor with the broker. */
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  /** What the broker still has for the session at the end. */
  readonly unacknowledged: number
}

export interface Drain extends Found {
  readonly variant: Variant['name']
  readonly payloadBytes: number
  readonly messages: number
  /** From the first append in Kafka to the last, by Kafka's clock: when it is asked does not matter. */
  readonly ratePerSecond: number
  /** From the request to deploy the flow, or the start of the program, to the last record readable in Kafka. */
  readonly secondsFromDeploy: number
  /** Of the pipeline's process alone, over the same time and until the last acknowledgement. */
  readonly cpuSecondsPer100k: number
  readonly peakRssMiB: number
  readonly loadAverage: number
}

export interface Options extends OpenOptions {
  /** Called when all is ready to drain; what it returns is called when the drain is over. */
  readonly onReady?: () => Promise<() => Promise<void>>
}

const partitions = 6
const acknowledgeMs = 500
const timeoutMs = 180_000

/** Drains one preloaded session in a process of its own. */
export async function drain(services: Services, variant: Variant, load: Load, options: Options = {}): Promise<Drain> {
  const { payloadBytes, warmUp, messages } = load
  const { broker, ends } = services
  await using pipeline = await variant.open(options)
  if (variant.warmsUp && warmUp > 0) {
    const warm = await newPlace(services)
    await broker.preload(warm, { count: warmUp, payloadBytes })
    await pipeline.move(warm)
    await readable(ends, warm, warmUp, pipeline)
  }
  const place = await newPlace(services)
  const published = await broker.preload(place, { count: messages, payloadBytes })
  const onDrained = await options.onReady?.()
  const loadAverage = loadavg()[0]!
  const measured = await clock(pipeline, ends, place, messages)
  await onDrained?.()
  const peakRssMiB = peakRss(pipeline.pid!)
  await pipeline.stop()
  const records = await readTopic(services.brokers, place.kafkaTopic, { timeoutMs })
  const ratePerSecond = appendRate(records)
  const found = await check(broker, place, published, records)
  return {
    variant: variant.name,
    payloadBytes,
    messages,
    ratePerSecond,
    ...measured,
    peakRssMiB,
    ...found,
    loadAverage,
  }
}

/** An empty Kafka topic that notes when records are appended, and names for all that belongs to it. */
export async function newPlace({ broker, brokers, proxied = brokers }: Services): Promise<Place> {
  const run = `bench-${randomUUID().slice(0, 8)}`
  await createTopic(brokers, run, partitions, { 'message.timestamp.type': 'LogAppendTime' })
  return { mqttPort: broker.port, brokers: proxied, clientId: run, filter: `${run}/#`, kafkaTopic: run }
}

/** Resolves when the topic has so many records. */
export async function readable(ends: EndOffsets, { kafkaTopic }: Place, records: number, { output }: Pipeline) {
  const what = `${records} records in Kafka`
  await until(async () => (await ends.total(kafkaTopic)) >= records, { what, timeoutMs, output })
}

type Measured = Pick<Drain, 'secondsFromDeploy' | 'cpuSecondsPer100k'>

async function clock(pipeline: Pipeline, ends: EndOffsets, place: Place, messages: number): Promise<Measured> {
  const cpuBefore = cpuSeconds(pipeline)
  const startMs = performance.now()
  await pipeline.move(place)
  await readable(ends, place, messages, pipeline)
  const secondsFromDeploy = (performance.now() - startMs) / 1000
  await wait(acknowledgeMs)
  return { secondsFromDeploy, cpuSecondsPer100k: ((cpuSeconds(pipeline) - cpuBefore) * 100_000) / messages }
}

/** What was appended in the first millisecond is no part of the time that is counted. */
function appendRate(records: readonly StoredRecord[]): number {
  let first = Infinity
  let last = 0
  for (const { timestamp } of records) {
    first = Math.min(first, timestamp)
    last = Math.max(last, timestamp)
  }
  const later = records.filter(({ timestamp }) => timestamp > first)
  return (later.length * 1000) / (last - first)
}

/** What a pipeline that has ended has made of what was published; `records` are all that Kafka has. */
export async function check(
  broker: Broker,
  { clientId }: Place,
  published: readonly Numbered[],
  records: readonly StoredRecord[],
): Promise<Found> {
  const confirmed = records.map(({ key, value }) => ({ topic: key!, number: readingNumber(value!) }))
  const held = await broker.held(clientId)
  const { lost, duplicated, outOfOrder } = balance({ published, confirmed, deadLettered: [], held })
  return { lost, duplicated, outOfOrder, unacknowledged: held.length }
}

/** User and system time of all its threads; fields 14 and 15 of proc_pid_stat(5), in 1/100 s on every Linux. */
export function cpuSeconds({ pid }: Pick<Pipeline, 'pid'>): number {
  if (pid === undefined) return 0
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export const peakRss = (pid: number): number => statusMiB(pid, 'VmHWM')
export const rss = (pid: number): number => statusMiB(pid, 'VmRSS')

function statusMiB(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) / 1024
}
