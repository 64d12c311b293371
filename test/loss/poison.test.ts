import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic } from '../services/kafka-topics.ts'
import { type Numbered, publishNumbered } from '../services/publisher.ts'
import { pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { type Plant, startPlant, topics } from './plant.ts'
import { sized } from './sizes.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

const count = sized(20_000, 200_000)
const every = 200
/** Between what the topic takes and what the sink lets through, so that Kafka refuses the batch that it is in. */
const largeBytes = 60_000
const topicConfiguration = { 'max.message.bytes': '50000' }

interface Poison {
  readonly node: 'sink' | 'rows'
  readonly reason: string
  readonly code: string
  readonly payload: (message: Numbered) => Buffer
}

const row = ({ number, topic }: Numbered, value: unknown = 1.5, pad = '') =>
  JSON.stringify({ n: number, topic, value, pad })
const tooLarge: Poison = {
  node: 'sink',
  reason: 'too-large',
  code: 'RECORD_REFUSED_SIZE',
  payload: (message) => Buffer.from(row(message, 1.5, 'x'.repeat(largeBytes))),
}
const wrongType: Poison = {
  node: 'rows',
  reason: 'type',
  code: 'ROW_TYPE',
  payload: (message) => Buffer.from(row(message, 'warm')),
}
const notText: Poison = {
  node: 'rows',
  reason: 'json',
  code: 'JSON_INVALID',
  payload: (message) => Buffer.concat([Buffer.from(row(message).slice(0, -2)), Buffer.from([0xff, 0x22, 0x7d])]),
}
/** Sixty of a hundred are refused by Kafka, the others by the decoder. */
const kinds = [tooLarge, wrongType, tooLarge, notText, tooLarge]

const poisonOf = ({ number }: Numbered) => (number % every === 77 ? kinds[Math.floor(number / every) % 5] : undefined)
const payloadOf = (message: Numbered) => poisonOf(message)?.payload(message) ?? Buffer.from(row(message))

interface DeadLetter {
  readonly payload: string
  readonly encoding?: 'base64'
  readonly topic: string
  readonly qos: number
  readonly retain: boolean
  readonly dup: boolean
  readonly receivedAt: number
  readonly reason: string
  readonly error: { readonly code: string; readonly source: string }
}

function deadLettersOf({ nodeRed }: Plant, node: string): readonly DeadLetter[] {
  const file = join(nodeRed.userDir, 'rowline/dead-letter', node, 'rejected.ndjson')
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as DeadLetter)
}

for (const { delivery, output } of [
  { delivery: 'outbox', output: 'reading' },
  { delivery: 'confirm', output: 'batches' },
] as const)
  test(`of ${count} messages exactly the ${count / every} poisonous ones become dead letters, whole (${delivery}, ${output})`, {
    timeout: sized(240_000, 1_800_000),
  }, async () => {
    const properties = {
      schema: { schema: 'n BIGINT, topic STRING, `value` DOUBLE, pad STRING' },
      sink: { batchRecords: '100' },
    }
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos: 1, delivery, properties })
    await createTopic(kafka.brokers, plant.kafkaTopic, 3, topicConfiguration)
    const from = Date.now()
    const flood = { port: plant.broker.port, topics, count, qos: 1, payload: payloadOf } as const
    const published = await publishNumbered(flood)
    const result = await plant.settle(published, kafka.brokers)
    const deadLettered = count / every
    assert.deepEqual(result, { ...clean, deadLettered, confirmed: count - deadLettered })
    for (const node of ['sink', 'rows'] as const) {
      const poisonous = published.filter((message) => poisonOf(message)?.node === node)
      const expected = poisonous.map((message) => expectedOf(message))
      const found = deadLettersOf(plant, node)
      assert.ok(found.every(({ receivedAt }) => receivedAt >= from && receivedAt <= Date.now()))
      const order = (a: { readonly number: number }, b: { readonly number: number }) => a.number - b.number
      assert.deepEqual(found.map(essence).sort(order), expected.sort(order))
    }
    assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
  })

function expectedOf(message: Numbered) {
  const { reason, code, node } = poisonOf(message)!
  const { number, topic } = message
  return { number, payload: payloadOf(message), topic, qos: 1, retain: false, dup: false, reason, code, source: node }
}

function essence({ payload, encoding, topic, qos, retain, dup, reason, error }: DeadLetter) {
  const bytes = Buffer.from(payload, encoding ?? 'utf8')
  const number = Number(/"n":(\d+)/.exec(bytes.toString('latin1'))![1])
  return { number, payload: bytes, topic, qos, retain, dup, reason, code: error.code, source: error.source }
}

const clean = { published: count, acknowledged: count, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }
