import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { createTopic, partitionsOf, readTopic, type StoredRecord } from '../services/kafka-topics.ts'
import type { FlowNode } from '../services/node-red.ts'
import {
  acknowledged,
  acknowledgementsIn,
  connectionsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startServices,
  type Values,
  waitForDeadLetters,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()

interface KafkaFlow {
  readonly flow: readonly FlowNode[]
  readonly id: (name: string) => string
}

/** in -> one kafka-sink for each of `sinks`, without a decoder. */
function kafkaFlow(subscriptions: readonly Values[], sinks: readonly Values[], settings: Values = {}): KafkaFlow {
  const { id, node, source } = flowBuilder()
  const names = sinks.map((_, i) => `kafka${i}`)
  const flow = [
    ...source(broker.port, subscriptions, names, settings),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    ...sinks.map((values, i) =>
      node('kafka-sink', names[i]!, { cluster: id('cluster'), delivery: 'confirm', ...values }, [[], []]),
    ),
  ]
  return { flow, id }
}

/** A level of topic names that no other test run has used. */
const unique = () => `t${randomUUID().slice(0, 8)}`
const on = (...filters: readonly string[]) => filters.map((filter) => ({ filter, qos: '1' }))
const text = ({ value }: StoredRecord) => value!.toString()

for (const separator of ['_', '.']) {
  test(`C1: MQTT topics become Kafka topics with "${separator}" for the slashes, byte for byte, keyed by topic`, async () => {
    const run = unique()
    const filters = on(`${run}/#`, `${run}abc`, `spBv1.0/${run}/#`)
    const { flow } = kafkaFlow(filters, [{ topicSeparator: separator }])
    await deploySubscribed(nodeRed, broker, flow)
    const before = acknowledgementsIn(broker)
    const table = [
      [`${run}/b/c`, [run, 'b', 'c']],
      [`${run}abc`, [`${run}abc`]],
      [`spBv1.0/${run}/NBIRTH/eon1`, ['spBv1.0', run, 'NBIRTH', 'eon1']],
      [`${run}/test/uns/a.b-c_d`, [run, 'test', 'uns', 'a.b-c_d']],
      [`${run}/ü😀/x y`, [run, '__', 'x_y']],
      [`${run}//x/`, [run, '', 'x', '']],
    ] as const
    const payload = Buffer.from([0, 255, 128, 65, 10])
    await publishAll(
      broker.port,
      table.map(([topic]) => [topic, payload]),
    )
    await acknowledged(broker, before + table.length)
    for (const [topic, levels] of table) {
      const records = await readTopic(kafka.brokers, levels.join(separator))
      assert.deepEqual(
        records.map(({ key, value }) => ({ key, value })),
        [{ key: topic, value: payload }],
      )
    }
  })
}

test('C1: two MQTT topics that become one Kafka topic are both delivered, told apart by their key', async () => {
  const run = unique()
  const { flow } = kafkaFlow(on(`${run}/#`), [{}])
  await deploySubscribed(nodeRed, broker, flow)
  const topics = [`${run}/a b`, `${run}/a/b`]
  await publishAll(
    broker.port,
    topics.map((topic) => [topic, topic]),
  )
  const records = await readTopic(kafka.brokers, `${run}_a_b`, { count: 2 })
  assert.deepEqual(
    records.map((record) => [record.key, record.headers['mqtt.topic'], text(record)]),
    topics.map((topic) => [topic, topic, topic]),
  )
})

test('C1: what cannot be a Kafka topic or is too large for it is a dead letter, and the connection stays up', async () => {
  const run = unique()
  const { flow, id } = kafkaFlow(on(`${run}/#`, '.', '..'), [{}])
  await deploySubscribed(nodeRed, broker, flow)
  const [before, connections] = [acknowledgementsIn(broker), connectionsIn(broker)]
  const [longest, tooLong] = [249, 250].map((length) => `${run}/${'x'.repeat(length - run.length - 1)}`)
  const refused = [
    { topic: tooLong!, payload: 'one letter too many', reason: 'invalid-kafka-topic' },
    { topic: '.', payload: 'dot', reason: 'invalid-kafka-topic' },
    { topic: '..', payload: 'dots', reason: 'invalid-kafka-topic' },
    { topic: `${run}/${'y'.repeat(65_000)}`, payload: '65 kB', reason: 'invalid-kafka-topic' },
    { topic: `${run}/large`, payload: 'z'.repeat(5_000_000), reason: 'too-large' },
  ]
  await publishAll(broker.port, [...refused.map(({ topic, payload }) => [topic, payload] as const), [longest!, 'fits']])
  await acknowledged(broker, before + refused.length + 1)
  const deadLetters = await waitForDeadLetters(nodeRed, id('kafka0'), refused.length)
  assert.deepEqual(
    deadLetters.map(({ topic, payload, reason }) => ({ topic, payload, reason })),
    refused,
  )
  assert.match(deadLetters.at(-1)!.error.message, /over the limit of 1048576 bytes/)
  assert.deepEqual((await readTopic(kafka.brokers, longest!.replaceAll('/', '_'))).map(text), ['fits'])
  assert.equal(connectionsIn(broker), connections)
})

test('C1: a missing topic is created with the partitions of the subscription, else with those of the sink', async () => {
  const run = unique()
  const subscriptions = [
    { filter: `${run}/many`, qos: '1', partitions: '4' },
    { filter: `${run}/some`, qos: '1' },
  ]
  const { flow } = kafkaFlow(subscriptions, [{ partitions: '2', replication: '1' }])
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    [`${run}/many`, '1'],
    [`${run}/some`, '2'],
  ])
  await acknowledged(broker, before + 2)
  assert.equal(await partitionsOf(kafka.brokers, `${run}_many`), 4)
  assert.equal(await partitionsOf(kafka.brokers, `${run}_some`), 2)
})

test('C1: with autoCreateTopics off a missing topic turns the sink red and holds everything until it is created', async () => {
  const run = unique()
  const { flow, id } = kafkaFlow(on(`${run}/#`), [{ autoCreateTopics: false, maxRetryBackoffMs: '500 ms' }])
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  await publishAll(
    broker.port,
    ['1', '2', '3'].map((payload) => [`${run}/line`, payload]),
  )
  const status = await nodeRed.statusIs(id('kafka0'), ({ fill }) => fill === 'red')
  assert.match(status.text!, new RegExp(`${run}_line.*does not exist`))
  await wait(1500)
  assert.equal(acknowledgementsIn(broker), before)
  await createTopic(kafka.brokers, `${run}_line`)
  assert.deepEqual((await readTopic(kafka.brokers, `${run}_line`, { count: 3 })).map(text), ['1', '2', '3'])
  await acknowledged(broker, before + 3)
  await nodeRed.statusIs(id('kafka0'), ({ fill }) => fill === 'green')
})

const topicOf = (run: string) => `${run}/factory1/temperature`
const payload = '{"value": 23.5, "unit": "C"}'
const headersOf = (topic: string) => ({
  'mqtt.topic': topic,
  'mqtt.qos': '1',
  'mqtt.retain': 'false',
  'mqtt.dup': 'false',
  source: 'mqtt',
})

test('D4: the payload is byte-exact, the five headers say what MQTT said, the key is the topic', async () => {
  const run = unique()
  const { flow } = kafkaFlow(on(`${run}/#`), [{ topic: `${run}_iot_sensors` }])
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [[topicOf(run), payload]])
  await publishAll(broker.port, [[topicOf(run), payload]], { qos: 0 })
  const [first, second] = await readTopic(kafka.brokers, `${run}_iot_sensors`, { count: 2 })
  assert.equal(text(first!), payload)
  assert.equal(first!.key, topicOf(run))
  assert.deepEqual(first!.headers, headersOf(topicOf(run)))
  assert.deepEqual(second!.headers, { ...headersOf(topicOf(run)), 'mqtt.qos': '0' })
  assert.ok(Math.abs(Date.now() - first!.timestamp) < 60_000)
})

test('D4: a retained message is marked as such when it comes with the subscription', async () => {
  const run = unique()
  const { flow } = kafkaFlow(on(`${run}/#`), [{}])
  await publishAll(broker.port, [[topicOf(run), payload]], { retain: true })
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [[topicOf(run), payload]], { retain: true })
  const records = await readTopic(kafka.brokers, topicOf(run).replaceAll('/', '_'), { count: 2 })
  assert.deepEqual(
    records.map(({ headers }) => headers['mqtt.retain']),
    ['true', 'false'],
  )
})

test('D4: without metadata there are no headers but still the key, and no key where its template is empty', async () => {
  const run = unique()
  const sinks = [
    { topic: `${run}_key`, includeMetadata: false },
    { topic: `${run}_bare`, includeMetadata: false, keyTemplate: '' },
    { topic: `${run}_route`, keyTemplate: '{route}-{filter}' },
  ]
  const { flow } = kafkaFlow([{ filter: `${run}/+/temperature`, qos: '1', route: 'zone1' }], sinks)
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [[topicOf(run), payload]])
  const stored = await Promise.all(sinks.map(({ topic }) => readTopic(kafka.brokers, topic, { count: 1 })))
  assert.deepEqual(
    stored.map(([record]) => [record!.key, record!.headers, text(record!)]),
    [
      [topicOf(run), {}, payload],
      [null, {}, payload],
      [`zone1-${run}/any/temperature`, headersOf(topicOf(run)), payload],
    ],
  )
})
