import type { Kafka } from '../test/services/kafka.ts'
import { readTopic } from '../test/services/kafka-topics.ts'
import { until } from '../test/services/processes.ts'
import { createSession, type Numbered, publishNumbered } from '../test/services/publisher.ts'
import { startWireProxy } from '../test/services/wire-proxy.ts'
import { check, type Found, newPlace, readable, type Services } from './measure.ts'
import type { Place, Variant } from './pipeline.ts'
import { deviceTopics, readingNumber, readingPayload } from './readings.ts'

export interface Queue {
  /** Published while Kafka is down. */
  readonly queued: number
  readonly payloadBytes: number
  /** From when Kafka is back. */
  readonly livePerSecond: number
  readonly liveSeconds: number
}

export interface Drained extends Found {
  readonly variant: Variant['name']
  readonly queued: number
  readonly livePerSecond: number
  /** Of what had queued, from its first append in Kafka to its last, by Kafka's clock; live readings come beside it. */
  readonly ratePerSecond: number
}

const timeoutMs = 180_000

/** Kafka is down while readings queue in the outbox; then it is back, and others arrive. */
export async function drainBacklog(services: Services, kafka: Kafka, variant: Variant, queue: Queue): Promise<Drained> {
  const { queued, livePerSecond, liveSeconds } = queue
  const { broker, brokers, ends } = services
  await using wire = await startWireProxy({ brokerPort: broker.port })
  const own = await newPlace(services)
  await createSession(broker.port, own.clientId, [own.filter])
  await using pipeline = await variant.open()
  await pipeline.move({ ...own, mqttPort: wire.port })
  await kafka.kill()
  const backlog = await publish(broker.port, own, { ...queue, count: queued })
  const acknowledged = () => wire.events.filter(({ type }) => type === 'puback').length
  await until(() => acknowledged() >= queued, { what: 'the backlog in the outbox', timeoutMs, output: pipeline.output })
  await kafka.restart()
  const count = livePerSecond * liveSeconds
  const live = await publish(broker.port, own, { ...queue, first: queued, count, ratePerSecond: livePerSecond })
  await readable(ends, own, queued + count, pipeline)
  await pipeline.stop()
  const records = await readTopic(brokers, own.kafkaTopic, { timeoutMs })
  const times = records.filter(({ value }) => readingNumber(value!) < queued).map(({ timestamp }) => timestamp)
  times.sort((a, b) => a - b)
  return {
    variant: variant.name,
    queued,
    livePerSecond,
    ratePerSecond: (times.length * 1000) / (times.at(-1)! - times[0]!),
    ...(await check(broker, own, [...backlog, ...live], records)),
  }
}

interface Part extends Queue {
  readonly first?: number
  readonly count: number
  readonly ratePerSecond?: number
}

function publish(port: number, { kafkaTopic }: Place, { payloadBytes, ...part }: Part): Promise<readonly Numbered[]> {
  const payload = ({ number }: Numbered) => readingPayload(number, payloadBytes)
  return publishNumbered({ ...part, port, topics: deviceTopics(kafkaTopic), qos: 1, payload })
}
