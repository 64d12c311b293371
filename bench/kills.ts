import { setTimeout as wait } from 'node:timers/promises'
import { settled } from '../test/ledger/ledger.ts'
import { readTopic } from '../test/services/kafka-topics.ts'
import { createSession, publishNumbered } from '../test/services/publisher.ts'
import { check, type Found, newPlace, readable, type Services } from './measure.ts'
import type { Place, Variant } from './pipeline.ts'
import { deviceTopics, readingPayload } from './readings.ts'

export interface Crashes {
  readonly kills: number
  readonly ratePerSecond: number
  readonly payloadBytes: number
}

export interface Survival extends Found {
  readonly variant: Variant['name']
  readonly kills: number
  readonly published: number
}

/** From the first record readable after a start, when the pipeline works off what has queued, to the next kill. */
const longestRunMs = 2000
const quietMs = 6000

/** Kills the pipeline at random moments of a live stream, lets it finish, and reads the books. */
export async function survive(services: Services, variant: Variant, crashes: Crashes): Promise<Survival> {
  const { broker, brokers, ends } = services
  const place = await newPlace(services)
  await createSession(broker.port, place.clientId, [place.filter])
  await using pipeline = await variant.open()
  await pipeline.move(place)
  const enough = new AbortController()
  const publishing = publish(broker.port, place, crashes, enough.signal)
  const total = () => ends.total(place.kafkaTopic)
  try {
    for (let kill = 0; kill <= crashes.kills; kill++) {
      if (kill > 0) {
        await pipeline.kill9()
        await pipeline.restart()
      }
      await readable(ends, place, (await total()) + 1, pipeline)
      await wait(Math.random() * longestRunMs)
    }
  } finally {
    enough.abort()
  }
  const published = await publishing
  await settled({ progress: total, queueIsEmpty: () => true, quietMs })
  await pipeline.stop()
  const found = await check(broker, place, published, await readTopic(brokers, place.kafkaTopic))
  return { variant: variant.name, kills: crashes.kills, published: published.length, ...found }
}

const publish = (port: number, { kafkaTopic }: Place, { ratePerSecond, payloadBytes }: Crashes, signal: AbortSignal) =>
  publishNumbered({
    port,
    topics: deviceTopics(kafkaTopic),
    count: Infinity,
    qos: 1,
    ratePerSecond,
    payload: ({ number }) => readingPayload(number, payloadBytes),
    signal,
  })
