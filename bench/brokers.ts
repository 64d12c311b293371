import { startFakeBroker } from '../test/services/fake-broker.ts'
import { startMosquitto } from '../test/services/mosquitto.ts'
import { createSession, drainSession, type Numbered, publishNumbered } from '../test/services/publisher.ts'
import type { Place } from './pipeline.ts'
import { deviceTopics, readingPayload, readMessage } from './readings.ts'

export interface Preload {
  readonly count: number
  readonly payloadBytes: number
}

/** The MQTT broker of a run. */
export interface Broker extends AsyncDisposable {
  readonly port: number
  /** Makes the session of the place, with so many readings in it, and gives them. */
  preload(place: Place, preload: Preload): Promise<readonly Numbered[]>
  /** What it still has for a client that has gone. */
  held(clientId: string): Promise<readonly Numbered[]>
}

export async function startRealBroker(): Promise<Broker> {
  const mosquitto = await startMosquitto({ persistence: true, maxInflight: 0 })
  const { port } = mosquitto
  return {
    port,
    preload: async ({ clientId, filter, kafkaTopic }, { count, payloadBytes }) => {
      await createSession(port, clientId, [filter])
      const payload = ({ number }: Numbered) => readingPayload(number, payloadBytes)
      return publishNumbered({ port, topics: deviceTopics(kafkaTopic), count, qos: 1, payload })
    },
    held: async (clientId) => (await drainSession(port, clientId)).map(readMessage),
    [Symbol.asyncDispose]: () => mosquitto[Symbol.asyncDispose](),
  }
}

/** Holds a window strictly, which mosquitto 2.0.11 does not. */
export async function startStrictBroker(window: number): Promise<Broker> {
  const broker = await startFakeBroker({ window })
  const preloaded = new Map<string, readonly Numbered[]>()
  return {
    port: broker.port,
    preload: async ({ clientId, filter, kafkaTopic }, { count, payloadBytes }) => {
      const session = broker.session(clientId, { [filter]: 1 })
      const topics = deviceTopics(kafkaTopic)
      const readings = Array.from({ length: count }, (_, number) => ({
        number,
        topic: topics[number % topics.length]!,
      }))
      for (const { number, topic } of readings)
        session.offer({ topic, payload: readingPayload(number, payloadBytes), qos: 1 })
      preloaded.set(clientId, readings)
      return readings
    },
    held: async (clientId) => {
      if (broker.violations.length > 0) throw new Error(broker.violations.join('; '))
      return preloaded.get(clientId)!.slice(broker.session(clientId).acknowledged.length)
    },
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
}
