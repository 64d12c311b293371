import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Record } from '../../src/core/record.ts'
import { isUnknownTopic, refusesName } from '../../src/sinks/kafka/errors.ts'
import { keyHashes } from '../../src/sinks/kafka/partitioner.ts'
import { createPlatformaticClient } from '../../src/sinks/kafka/platformatic.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, produceWithJava, startKafka } from '../services/kafka.ts'
import { createTopic, readTopic, reserveTopic } from '../services/kafka-topics.ts'
import { describeForClients, forever } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }
const hour = 3_600_000

describe('kafka-sink: names, keys and times', () => {
  let kafka: Kafka
  before(async () => {
    kafka = await startKafka({ secure: true })
  })
  after(() => kafka.stop())

  describeForClients('with the client', (createKafkaSink) => {
    const topicName = () => `names-${randomUUID()}`
    /** Writes, and says what was rejected and what the sink warned of and counted. */
    const write = async (options: Raw, records: readonly Record[], cluster: Raw = { brokers: kafka.brokers }) => {
      const warnings: string[] = []
      const sink = createKafkaSink({ cluster, sink: options, warn: (text) => warnings.push(text) })
      await sink.open(forever)
      try {
        const requests = records.map((record) => sink.prepare(record).request)
        const { rejected } = await sink.write(requests, forever)
        return { rejected, warnings, counters: sink.counters }
      } finally {
        await sink.close()
      }
    }

    it('puts 2,000 keys into the partitions that the Java client chooses', async () => {
      const [java, ours, other] = [topicName(), topicName(), topicName()]
      for (const topic of [java, ours, other]) await createTopic(kafka.brokers, topic, 6)
      const keys = Array.from({ length: 2000 }, (_, n) => `plant/${n % 7}/ü${n.toString(36)}😀`.slice(n % 9))
      assert.equal(new Set(keys).size, 2000)
      await produceWithJava(
        kafka.brokers,
        java,
        keys.map((key) => ({ key, value: 'x' })),
      )
      const records = keys.map((topic, n) => reading(n, { topic }))
      await write({ topic: ours }, records)
      await write({ topic: other, partitioner: 'consistent' }, records)
      const partitions = async (topic: string) =>
        new Map((await readTopic(kafka.brokers, topic)).map(({ key, partition }) => [key, partition]))
      const chosen = await partitions(java)
      assert.equal(chosen.size, 2000)
      assert.equal(new Set(chosen.values()).size, 6)
      assert.deepEqual(await partitions(ours), chosen)
      const asLibrdkafka = new Map(keys.map((key) => [key, keyHashes.consistent(Buffer.from(key)) % 6]))
      assert.deepEqual(await partitions(other), asLibrdkafka)
    })

    it('hashes keys as the tables of the other clients have it: CRC-32 for "consistent"', () => {
      assert.equal(keyHashes.consistent(Buffer.from('123456789')), 0xcbf43926)
      const hashes = ['21', 'foobar', 'abc', 'a-little-bit-long-string'].map((key) =>
        keyHashes.murmur2(Buffer.from(key)),
      )
      assert.deepEqual(
        hashes,
        [-973932308, -790332482, 479470107, -985981536].map((hash) => hash & 0x7fffffff),
      )
    })

    it('writes to both sides of a collision, and says so once', async () => {
      const run = topicName()
      const { warnings, counters, rejected } = await write(
        {},
        ['/a b', '/a/b', '/a b'].map((end, n) => reading(n, { topic: run + end })),
      )
      const collisions = warnings.filter((text) => !text.includes('has one replica'))
      assert.deepEqual(collisions, [`"${run}/a b" and "${run}/a/b" are both written to the Kafka topic ${run}_a_b`])
      assert.equal(counters?.['topic collisions'], 1)
      assert.deepEqual(rejected, [])
      assert.equal((await readTopic(kafka.brokers, `${run}_a_b`)).length, 3)
    })

    it('rejects the records whose topic Kafka refuses to make beside another, and writes the rest in order', async () => {
      const run = topicName()
      await createTopic(kafka.brokers, `${run}_a.b`)
      const records = ['a.b', 'a_b', 'a.b', 'a_b', 'c'].map((end, n) => reading(n, { topic: `${run}/${end}` }))
      const { rejected } = await write({}, records)
      assert.deepEqual(
        rejected.map(({ index, error }) => [index, error.code, error.reason]),
        [
          [1, 'INVALID_KAFKA_TOPIC', 'invalid-kafka-topic'],
          [3, 'INVALID_KAFKA_TOPIC', 'invalid-kafka-topic'],
        ],
      )
      // kafkajs does not pass on what the broker says of it.
      assert.match(rejected[0]!.error.message, /collides with existing topic|invalid topic/)
      const numbers = (await readTopic(kafka.brokers, `${run}_a.b`)).map(({ value }) => JSON.parse(String(value)).n)
      assert.deepEqual(numbers, [0, 2])
      assert.equal((await readTopic(kafka.brokers, `${run}_c`)).length, 1)
      await assert.rejects(write({ topic: `${run}_a_b` }, [reading(1)]), { disposition: 'config' })
    })

    it('rejects the records for topics that Kafka keeps for itself, makes none of them and writes the rest', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic)
      await readTopic(kafka.brokers, topic)
      const internal = ['__consumer_offsets', '__transaction_state', '__share_group_state', '__cluster_metadata']
      const records = [topic, ...internal, topic].map((to, n) => reading(n, { to }))
      for (const autoCreateTopics of [true, false]) {
        const { rejected } = await write({ autoCreateTopics }, records)
        assert.deepEqual(
          rejected.map(({ index, error }) => [index, error.code]),
          [1, 2, 3, 4].map((index) => [index, 'INVALID_KAFKA_TOPIC']),
        )
        assert.match(rejected[0]!.error.message, /Kafka keeps it for itself/)
      }
      assert.equal((await readTopic(kafka.brokers, topic)).length, 4)
      await assert.rejects(write({ topic: '__consumer_offsets' }, [reading(1)]), { disposition: 'config' })
    })

    it('knows by what Kafka says of it that a topic is internal', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic)
      await readTopic(kafka.brokers, topic)
      const client = await createPlatformaticClient({
        brokers: [{ host: '127.0.0.1', port: kafka.port }],
        clientId: 'internal',
        connectTimeoutMs: 30_000,
        requestTimeoutMs: 30_000,
        compression: 'none',
        hash: keyHashes.murmur2,
        keepTrying: () => false,
      })
      const prepared = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: {} }).prepare(
        reading(1, { to: '__consumer_offsets' }),
      )
      try {
        await assert.rejects(client.partitions('__consumer_offsets'), refusesName)
        await assert.rejects(client.send([prepared.request]), ({ cause }) => isUnknownTopic(cause))
      } finally {
        await client.close()
      }
    })

    it('writes under a cut name with a hash where a name is too long', async () => {
      const run = topicName()
      const topic = `${run}/${'x'.repeat(300)}`
      await write({ onInvalidTopic: 'hash' }, [reading(1, { topic })])
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { onInvalidTopic: 'hash' } })
      const name = sink.prepare(reading(1, { topic })).request.topic
      assert.deepEqual(
        (await readTopic(kafka.brokers, name)).map(({ key }) => key),
        [topic],
      )
    })

    it('deletes a key with a tombstone', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic, 1, { 'cleanup.policy': 'compact' })
      await write({ topic, tombstones: true }, [reading(1, { payload: { n: 1 } }), reading(2, { payload: null })])
      assert.deepEqual(
        (await readTopic(kafka.brokers, topic)).map(({ key, value }) => [key, value && String(value)]),
        [
          ['plant/line1', '{"n":1}'],
          ['plant/line1', null],
        ],
      )
    })

    it('gives a record the time of its column, else that of its receipt with the original in a header', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic, 1, { 'retention.ms': String(48 * hour) })
      const receivedAt = Date.now()
      const times = [receivedAt - hour, new Date(receivedAt - 47 * hour).toISOString(), receivedAt - 49 * hour, 'soon']
      const records = times.map((ts) => reading(1, { payload: { ts }, receivedAt }))
      const { counters } = await write({ topic, timestampAttribute: 'ts' }, records)
      const stored = await readTopic(kafka.brokers, topic)
      assert.deepEqual(
        stored.map(({ timestamp, headers }) => [timestamp, headers['rowline.timestamp']]),
        [
          [times[0], undefined],
          [receivedAt - 47 * hour, undefined],
          [receivedAt, String(times[2])],
          [receivedAt, 'soon'],
        ],
      )
      assert.equal(counters?.['timestamps replaced'], 2)
    })

    it('does not need the right to read the settings of a topic', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic, 1, { 'retention.ms': '-1' })
      await reserveTopic(kafka.brokers, topic, 'bob', ['WRITE', 'DESCRIBE'])
      const receivedAt = Date.now()
      const ages = [6 * 24 * hour, 8 * 24 * hour]
      const cluster = { brokers: kafka.secure.sasl, saslMechanism: 'PLAIN', user: 'bob', password: 'bob-secret' }
      const records = ages.map((age) => reading(1, { payload: { ts: receivedAt - age }, receivedAt }))
      await write({ topic, timestampAttribute: 'ts' }, records, cluster)
      const stored = await readTopic(kafka.brokers, topic)
      assert.deepEqual(
        stored.map(({ timestamp }) => receivedAt - timestamp),
        [ages[0], 0],
      )
    })
  })
})
