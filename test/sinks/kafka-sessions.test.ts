import assert from 'node:assert/strict'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createKafkaClient } from '../../src/sinks/kafka/choice.ts'
import { keyHashes } from '../../src/sinks/kafka/partitioner.ts'
import type { KafkaRequest } from '../../src/sinks/kafka/request.ts'
import { limitSessions } from '../../src/sinks/kafka/session-limit.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, runKafkaTool, startKafka } from '../services/kafka.ts'
import { createTopic, deleteTopic, readTopic } from '../services/kafka-topics.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { clients, createKafkaSink, forever } from './kafka-harness.ts'

describe('a producer session of kafka-sink', () => {
  let kafka: Kafka
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.stop())

  const numbersIn = async (topic: string) =>
    (await readTopic(kafka.brokers, topic)).map(({ value }) => JSON.parse(String(value)).n)
  const partitionOf = (topic: string) => join(kafka.directory, 'data', `${topic}-0`)

  for (const client of clients) {
    it(`ends before its sequence numbers do, between two writes (${client})`, async () => {
      const topic = `limit-${client}`
      await createTopic(kafka.brokers, topic)
      const options = {
        brokers: [{ host: '127.0.0.1', port: kafka.port }],
        clientId: 'limit',
        connectTimeoutMs: 30_000,
        requestTimeoutMs: 30_000,
        compression: 'none',
        hash: keyHashes.murmur2,
        keepTrying: () => true,
      } as const
      const limited = limitSessions(await createKafkaClient(client, options), 10)
      const { prepare } = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { topic } })
      const send = async (numbers: readonly number[]) =>
        limited.send(numbers.map((n): KafkaRequest => prepare(reading(n)).request))
      for (const numbers of [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9], [10], [11, 12], [13]]) await send(numbers)
      await limited.close()
      assert.deepEqual(
        await numbersIn(topic),
        Array.from({ length: 14 }, (_, n) => n),
      )
      const files = ['--files', join(partitionOf(topic), '00000000000000000000.log')]
      const log = await runKafkaTool('org.apache.kafka.tools.DumpLogSegments', files)
      const producers = [...log.matchAll(/ producerId: (\d+) /g)].map(([, id]) => Number(id))
      const [first, second] = [producers[0]!, producers[2]!]
      assert.notEqual(first, second)
      assert.deepEqual(producers, [first, first, second, second, second])
    })
  }

  for (const client of clients) {
    it(`confirms nothing for a partition that is not there any more (${client})`, async () => {
      const topic = `fewer-${client}`
      const sink = createKafkaSink({
        cluster: { client, brokers: kafka.brokers },
        sink: { topic, deliveryTimeoutMs: '10 min' },
      })
      const batch = (first: number) =>
        Array.from({ length: 60 }, (_, i) => sink.prepare(reading(first + i, { topic: `key${i}` })).request)
      await createTopic(kafka.brokers, topic, 6)
      await sink.open(forever)
      await sink.write(batch(0), forever)
      await deleteTopic(kafka.brokers, topic)
      await createTopic(kafka.brokers, topic, 1)
      const requests = batch(100)
      const soon = AbortSignal.timeout(60_000)
      const isWritten = () =>
        sink.write(requests, soon).then(
          () => true,
          () => false,
        )
      await until(isWritten, { what: 'a write', timeoutMs: 60_000 })
      await sink.close()
      const stored = new Set(await numbersIn(topic))
      assert.deepEqual(
        [...stored].sort(),
        Array.from({ length: 60 }, (_, i) => 100 + i),
      )
    })
  }

  it('ends when a broker has lost what it confirmed last, and writing goes on', async () => {
    const topics = clients.map((client) => `lost-${client}`)
    const copies = temporaryDirectory('kafka-log')
    const sinks = clients.map((client, i) =>
      createKafkaSink({
        cluster: { client, brokers: kafka.brokers },
        sink: { topic: topics[i]!, deliveryTimeoutMs: '10 min' },
      }),
    )
    const write = (n: number) =>
      Promise.all(sinks.map((sink) => sink.write([sink.prepare(reading(n)).request], forever)))
    for (const topic of topics) await createTopic(kafka.brokers, topic)
    for (const sink of sinks) await sink.open(forever)
    await write(0)
    await kafka.kill()
    for (const topic of topics) await cp(partitionOf(topic), join(copies, topic), { recursive: true })
    await kafka.restart()
    await write(1)
    await write(2)
    await kafka.kill()
    for (const topic of topics) {
      await rm(partitionOf(topic), { recursive: true })
      await cp(join(copies, topic), partitionOf(topic), { recursive: true })
    }
    await kafka.restart()
    const soon = AbortSignal.timeout(60_000)
    for (const [i, sink] of sinks.entries()) {
      const request = sink.prepare(reading(3)).request
      const isWritten = () =>
        sink.write([request], soon).then(
          () => true,
          () => false,
        )
      await until(isWritten, { what: `a write by ${clients[i]}`, timeoutMs: 60_000 })
      await sink.close()
      assert.deepEqual(await numbersIn(topics[i]!), [0, 3])
    }
  })
})
