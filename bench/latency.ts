import { setTimeout as wait } from 'node:timers/promises'
import { readTopic, type StoredRecord } from '../test/services/kafka-topics.ts'
import { until } from '../test/services/processes.ts'
import { createSession, publishNumbered } from '../test/services/publisher.ts'
import { startWireProxy, type WireEvent, type WireProxy } from '../test/services/wire-proxy.ts'
import { check, type Found, newPlace, peakRss, readable, rss, type Services } from './measure.ts'
import type { Pipeline, Place, Variant } from './pipeline.ts'
import { deviceTopics, readingNumber, readingPayload } from './readings.ts'
import { type Percentiles, percentiles } from './summary.ts'
import { observeSyncs } from './syncs.ts'

export interface Stream {
  readonly ratePerSecond: number
  readonly payloadBytes: number
  /** Not counted. */
  readonly warmUpSeconds: number
  readonly seconds: number
  /** One hundred if absent. */
  readonly topics?: number
}

export interface Latency extends Found {
  readonly variant: Variant['name']
  readonly ratePerSecond: number
  readonly topics: number
  readonly messages: number
  /** At most so much more than after the warm-up. */
  readonly rssGrowthMiB: number
  /** Milliseconds from the publisher's send to the pipeline's PUBACK. */
  readonly acknowledged: Percentiles
  /** At most so many milliseconds from the publisher's send to Kafka's append: Kafka gives whole ones. */
  readonly stored: Percentiles
  /** Of the pipeline's fdatasyncs, where it makes any. */
  readonly syncs: Percentiles | undefined
}

const settleMs = 1000
const timestampMs = 1

/** A steady stream through a pipeline that is up to date with it. */
export async function latency(services: Services, variant: Variant, stream: Stream): Promise<Latency> {
  const { ratePerSecond, warmUpSeconds, seconds } = stream
  const { broker, brokers, ends } = services
  await using wire = await startWireProxy({ brokerPort: broker.port })
  const own = await newPlace(services)
  const place = { ...own, mqttPort: wire.port }
  await createSession(broker.port, place.clientId, [place.filter])
  const syncs = observeSyncs()
  await using pipeline = await variant.open({ env: syncs.env })
  await pipeline.move(place)
  await connected(wire, pipeline)
  const wallMs = wallClockOffset()
  let warmRss = 0
  const onWarm = () => (warmRss = rss(pipeline.pid!))
  const { published, sentMs } = await publish(broker.port, place, stream, onWarm)
  await readable(ends, place, published.length, pipeline)
  await wait(settleMs)
  const rssGrowthMiB = Math.max(0, peakRss(pipeline.pid!) - warmRss)
  await pipeline.stop()
  const records = await readTopic(brokers, place.kafkaTopic)
  const sinceSent = (atMs: readonly number[]) =>
    percentiles(sentMs.map((sent, i) => atMs[i]! - sent).slice(warmUpSeconds * ratePerSecond))
  return {
    variant: variant.name,
    ratePerSecond,
    topics: new Set(published.map(({ topic }) => topic)).size,
    messages: seconds * ratePerSecond,
    rssGrowthMiB,
    acknowledged: sinceSent(acknowledgedMs(wire.events)),
    stored: sinceSent(storedMs(records, wallMs)),
    syncs: syncs.read(),
    ...(await check(broker, place, published, records)),
  }
}

async function publish(port: number, { kafkaTopic }: Place, stream: Stream, onWarm: () => void) {
  const { ratePerSecond, payloadBytes, warmUpSeconds, seconds } = stream
  const sentMs: number[] = []
  const published = await publishNumbered({
    port,
    topics: deviceTopics(kafkaTopic, stream.topics),
    count: (warmUpSeconds + seconds) * ratePerSecond,
    qos: 1,
    ratePerSecond,
    tickMs: 1,
    payload: ({ number }) => {
      if (number === warmUpSeconds * ratePerSecond) onWarm()
      sentMs[number] = performance.now()
      return readingPayload(number, payloadBytes)
    },
  })
  return { published, sentMs }
}

/** When the n-th message was first appended. */
function storedMs(records: readonly StoredRecord[], wallMs: number): number[] {
  const stored: number[] = []
  for (const { value, timestamp } of records) stored[readingNumber(value!)] ??= timestamp + timestampMs - wallMs
  return stored
}

/** What `performance.now()` lacks to the wall clock now: `performance.timeOrigin` is of a time before the clock was set. */
function wallClockOffset(): number {
  const before = Date.now()
  for (;;) {
    const now = Date.now()
    if (now !== before) return now - performance.now()
  }
}

/** When the n-th message was acknowledged: messages reach a session in the order in which one publisher sends them. */
function acknowledgedMs(events: readonly WireEvent[]): number[] {
  const acknowledged: number[] = []
  const open = new Map<number, number>()
  let arrived = 0
  for (const { type, direction, id, atMs, dup } of events) {
    if (direction === 'toClient' && type === 'publish') {
      if (dup) throw new Error('a message came twice')
      open.set(id!, arrived++)
    } else if (direction === 'toBroker' && type === 'puback') {
      acknowledged[open.get(id!)!] = atMs
      open.delete(id!)
    }
  }
  if (open.size > 0) throw new Error(`${open.size} messages were not acknowledged`)
  return acknowledged
}

async function connected({ events }: WireProxy, { output }: Pipeline): Promise<void> {
  const isReady = () => events.some(({ type, sessionPresent }) => type === 'suback' || sessionPresent)
  await until(isReady, { what: 'the pipeline to connect', timeoutMs: 60_000, output })
}
