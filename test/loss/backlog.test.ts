import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startFlood } from './flood.ts'
import { startPlant, topics } from './plant.ts'
import { sized } from './sizes.ts'

const kafka = await startKafka()
after(() => kafka.stop())

const queued = sized(50_000, 500_000)
const livePerSecond = 1000

test(`${queued} readings queued while Kafka is down arrive in order, before ${livePerSecond} live ones a second`, {
  timeout: sized(280_000, 1_800_000),
}, async () => {
  const properties = { sink: { retryBackoffMs: '200 ms', maxRetryBackoffMs: '1 s' } }
  await using plant = await startPlant({
    brokers: kafka.brokers,
    output: 'reading',
    qos: 1,
    delivery: 'outbox',
    properties,
  })
  await createTopic(kafka.brokers, plant.kafkaTopic, 3, { 'message.timestamp.type': 'LogAppendTime' })
  await kafka.kill()
  const flood = { port: plant.broker.port, topics, qos: 1 } as const
  const backlog = await publishNumbered({ ...flood, count: queued })
  await until(() => plant.acknowledged() >= queued, { what: 'the backlog', timeoutMs: sized(120_000, 900_000) })
  await using live = startFlood({ ...flood, first: queued, ratePerSecond: livePerSecond })
  await kafka.restart()
  const isLive = ({ text }: { readonly text?: string }) => / outbox \d{1,3}( |$)/.test(text ?? '')
  await plant.nodeRed.statusIs('sink', isLive, sized(120_000, 1_200_000))
  await wait(2000)
  const published = [...backlog, ...(await live.stop())]
  const result = await plant.settle(published, kafka.brokers)
  const count = published.length
  assert.deepEqual({ ...result, duplicated: 0 }, { ...clean, published: count, acknowledged: count, confirmed: count })
  assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
  const perSecond = await drainRate(plant.kafkaTopic)
  const ratio = (perSecond / livePerSecond).toFixed(1)
  process.stderr.write(`drain: ${perSecond.toFixed(0)} records/s beside live traffic, ${ratio} times its rate\n`)
})

/** Of the backlog, from its first record in Kafka to its last; Kafka's own clock. */
async function drainRate(topic: string): Promise<number> {
  const records = await readTopic(kafka.brokers, topic, { timeoutMs: 120_000 })
  const ofBacklog = records.filter(({ value }) => (JSON.parse(String(value)) as { readonly n: number }).n < queued)
  const times = ofBacklog.map(({ timestamp }) => timestamp).sort((a, b) => a - b)
  return (times.length * 1000) / (times.at(-1)! - times[0]!)
}

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }
