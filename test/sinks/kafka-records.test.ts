import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Record } from '../../src/core/record.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, sharedKafka } from '../services/kafka.ts'
import { createTopic, partitionsOf, readTopic } from '../services/kafka-topics.ts'
import { describeForClients, forever } from './kafka-harness.ts'

describe('kafka-sink writes records', () => {
  let kafka: Pick<Kafka, 'brokers' | 'stop'>
  before(async () => {
    kafka = await sharedKafka()
  })
  after(() => kafka.stop())

  describeForClients('with the client', (createKafkaSink) => {
    const topicName = () => `records-${randomUUID()}`
    const write = async (sinkOptions: { readonly [option: string]: unknown }, records: readonly Record[]) => {
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: sinkOptions })
      await sink.open(forever)
      try {
        const requests = records.map((record) => sink.prepare(record).request)
        await sink.write(requests, forever)
      } finally {
        await sink.close()
      }
    }

    it('that a consumer sees with value, key, exactly five headers and the time of receipt', async () => {
      const to = topicName()
      const payload = Buffer.from('{"value": 23.5, "unit": "C"}')
      await write({}, [reading(1, { topic: 'sensors/factory1/temperature', payload, to, receivedAt: 1795262837460 })])
      const [record] = await readTopic(kafka.brokers, to)
      assert.deepEqual(record, {
        partition: 0,
        offset: 0,
        timestamp: 1795262837460,
        key: 'sensors/factory1/temperature',
        value: payload,
        headers: {
          'mqtt.topic': 'sensors/factory1/temperature',
          'mqtt.qos': '1',
          'mqtt.retain': 'false',
          'mqtt.dup': 'false',
          source: 'mqtt',
        },
      })
    })

    it('that keep every byte of a binary payload', async () => {
      const to = topicName()
      await write({ includeMetadata: false }, [reading(1, { to, payload: Buffer.from('00ff80410a', 'hex') })])
      const [record] = await readTopic(kafka.brokers, to)
      assert.equal(record?.value?.toString('hex'), '00ff80410a')
      assert.deepEqual(record?.headers, {})
    })

    it('without key to all partitions', async () => {
      const topic = topicName()
      await createTopic(kafka.brokers, topic, 3)
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { topic, keyTemplate: '{route}' } })
      await sink.open(forever)
      for (let n = 0; n < 6; n++) await sink.write([sink.prepare(reading(n)).request], forever)
      await sink.close()
      const stored = await readTopic(kafka.brokers, topic)
      assert.deepEqual(
        stored.map(({ partition, key }) => [partition, key]),
        [0, 0, 1, 1, 2, 2].map((partition) => [partition, null]),
      )
    })

    it('to topics it creates with the partitions of the record, else its own', async () => {
      const [zone, device] = [topicName(), topicName()]
      await write({ partitions: 3 }, [reading(1, { to: zone, partitions: 4 }), reading(2, { to: device })])
      assert.deepEqual([await partitionsOf(kafka.brokers, zone), await partitionsOf(kafka.brokers, device)], [4, 3])
      assert.equal((await readTopic(kafka.brokers, device)).length, 1)
    })

    it('to a topic that appears later, without being opened again', async () => {
      const to = topicName()
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { autoCreateTopics: false } })
      await sink.open(forever)
      const requests = [sink.prepare(reading(1, { to })).request]
      for (let attempt = 0; attempt < 2; attempt++) {
        await assert.rejects(sink.write(requests, forever), {
          code: 'TARGET_MISSING',
          disposition: 'config',
          message: `The Kafka topic ${to} does not exist. Create it, or switch on its creation where the sink offers that.`,
        })
      }
      await createTopic(kafka.brokers, to)
      await sink.write(requests, forever)
      assert.equal((await readTopic(kafka.brokers, to)).length, 1)
      await sink.close()
    })

    it('of one write to several topics', async () => {
      const names = [topicName(), topicName(), topicName()]
      await write(
        {},
        Array.from({ length: 30 }, (_, n) => reading(n, { to: names[n % 3]! })),
      )
      for (const [i, name] of names.entries()) {
        const numbers = (await readTopic(kafka.brokers, name)).map(({ value }) => JSON.parse(String(value)).n)
        assert.deepEqual(
          numbers,
          Array.from({ length: 10 }, (_, n) => n * 3 + i),
        )
      }
    })
  })
})
