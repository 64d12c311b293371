import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createTopic, readTopic } from '../test/services/kafka-topics.ts'
import { type NodeRed, startNodeRed } from '../test/services/node-red.ts'
import { until } from '../test/services/processes.ts'
import { createSession, drainSession, publishNumbered } from '../test/services/publisher.ts'
import type { EndOffsets } from './end-offsets.ts'
import { deviceTopics, readingNumber, readingPayload } from './readings.ts'
import type { Place, Variant } from './variants.ts'

export interface Services {
  readonly mqttPort: number
  readonly brokers: string
  readonly ends: EndOffsets
}

export interface Load {
  readonly payloadBytes: number
  /** Drained before the clock starts, through nodes of their own: code is compiled then, and libraries are loaded. */
  readonly warmUp: number
  readonly messages: number
}

export interface Drain {
  readonly variant: Variant['name']
  readonly payloadBytes: number
  readonly messages: number
  /** From the first to the last record readable in Kafka. */
  readonly ratePerSecond: number
  /** From the request to deploy the flow to the last record readable in Kafka. */
  readonly secondsFromDeploy: number
  /** Of the Node-RED process alone, from the request to deploy the flow to the last acknowledgement. */
  readonly cpuSecondsPer100k: number
  readonly peakRssMiB: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  /** What the broker still has for the session at the end. */
  readonly unacknowledged: number
  readonly loadAverage: number
}

export interface Options {
  readonly env?: { readonly [name: string]: string }
  /** Called when all is ready to drain; what it returns is called when the drain is over. */
  readonly onReady?: () => Promise<() => Promise<void>>
}

const partitions = 6
const acknowledgeMs = 500
const timeoutMs = 120_000

/** Drains one preloaded session in a Node-RED process of its own. */
export async function drain(services: Services, variant: Variant, load: Load, options: Options = {}): Promise<Drain> {
  const { payloadBytes, warmUp, messages } = load
  await using nodeRed = await startNodeRed({
    nodesDir: join(import.meta.dirname, 'nodes'),
    ...(options.env ? { env: options.env } : {}),
  })
  const warm = await preload(services, warmUp, payloadBytes)
  const place = await preload(services, messages, payloadBytes)
  await nodeRed.deploy(variant.flow(warm))
  await until(async () => (await services.ends.total(warm.kafkaTopic)) >= warmUp, {
    what: 'the warm-up',
    timeoutMs,
    output: nodeRed.log,
  })
  const onDrained = await options.onReady?.()
  const loadAverage = loadavg()[0]!
  const measured = await clock(nodeRed, services, place, messages, () => nodeRed.deploy(variant.flow(place)))
  await onDrained?.()
  const peakRssMiB = peakRss(nodeRed.pid)
  await nodeRed.stop()
  const found = await check(services, place, messages)
  return { variant: variant.name, payloadBytes, messages, ...measured, peakRssMiB, ...found, loadAverage }
}

/** A session with so many readings, and an empty Kafka topic. */
async function preload(services: Services, count: number, payloadBytes: number): Promise<Place> {
  const { mqttPort, brokers } = services
  const run = `bench-${randomUUID().slice(0, 8)}`
  const place = { mqttPort, brokers, clientId: run, filter: `${run}/#`, kafkaTopic: run }
  await createTopic(brokers, run, partitions)
  await createSession(mqttPort, run, [place.filter])
  await publishNumbered({
    port: mqttPort,
    topics: deviceTopics(run),
    count,
    qos: 1,
    payload: ({ number }) => readingPayload(number, payloadBytes),
  })
  return place
}

type Measured = Pick<Drain, 'ratePerSecond' | 'secondsFromDeploy' | 'cpuSecondsPer100k'>

async function clock(
  nodeRed: NodeRed,
  { ends }: Services,
  { kafkaTopic }: Place,
  messages: number,
  start: () => Promise<void>,
): Promise<Measured> {
  const cpuBefore = cpuSeconds(nodeRed.pid)
  const deployMs = performance.now()
  await start()
  const readable = async () => ({ records: await ends.total(kafkaTopic), atMs: performance.now() })
  const reached = (records: number) =>
    until(async () => [await readable()].find((sample) => sample.records >= records), {
      what: `${records} records in Kafka`,
      timeoutMs,
      output: nodeRed.log,
    }).then((sample) => sample!)
  const first = await reached(1)
  const last = await reached(messages)
  await wait(acknowledgeMs)
  return {
    ratePerSecond: ((messages - first.records) * 1000) / (last.atMs - first.atMs),
    secondsFromDeploy: (last.atMs - deployMs) / 1000,
    cpuSecondsPer100k: ((cpuSeconds(nodeRed.pid) - cpuBefore) * 100_000) / messages,
  }
}

type Found = Pick<Drain, 'lost' | 'duplicated' | 'outOfOrder' | 'unacknowledged'>

async function check({ mqttPort, brokers }: Services, place: Place, messages: number): Promise<Found> {
  const records = await readTopic(brokers, place.kafkaTopic)
  const seen = new Set<number>()
  const newest = new Map<string, number>()
  let outOfOrder = 0
  for (const { key, value } of records) {
    const number = readingNumber(value!)
    if (number < (newest.get(key!) ?? -1) && !seen.has(number)) outOfOrder++
    else newest.set(key!, number)
    seen.add(number)
  }
  const left = await drainSession(mqttPort, place.clientId)
  return {
    lost: messages - seen.size,
    duplicated: records.length - seen.size,
    outOfOrder,
    unacknowledged: left.length,
  }
}

/** User and system time of all its threads; fields 14 and 15 of proc_pid_stat(5), in 1/100 s on every Linux. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function peakRss(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
