import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { readTopic } from '../services/kafka-topics.ts'
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

const hour = 3_600_000

/** in -> "rows", by way of a decoder, and in -> "bytes", each into a Kafka topic of its own. */
function flowOf(run: string, rows: Values = {}) {
  const { id, node, source } = flowBuilder()
  const sink = (name: string, values: Values) =>
    node('kafka-sink', name, { cluster: id('cluster'), delivery: 'confirm', topic: `${run}_${name}`, ...values }, [
      [],
      [],
    ])
  const flow = [
    ...source(broker.port, [{ filter: `${run}/#`, qos: '1' }], ['bytes', 'decoder']),
    node('row-schema', 'schema', { schema: '`timestamp` BIGINT, message STRING' }),
    node('row-decoder', 'decoder', { schema: id('schema') }, [['rows'], []]),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    sink('rows', rows),
    sink('bytes', {}),
  ]
  return { id, flow, stored: (name: string, count: number) => readTopic(kafka.brokers, `${run}_${name}`, { count }) }
}

const unique = () => `t${randomUUID().slice(0, 8)}`

test('C2: what was published is JSON in Kafka, with the time of its column where Kafka keeps that, else of its receipt', async () => {
  const run = unique()
  const { flow, stored } = flowOf(run, { timestampAttribute: 'timestamp' })
  await deploySubscribed(nodeRed, broker, flow)
  const started = Date.now()
  const times = [12345678, started - hour, started + 2 * hour]
  const messages = times.map((timestamp) => ({ timestamp, message: 'test message1' }))
  // As Python writes it: what is not decoded keeps its blanks.
  const text = (message: object) => JSON.stringify(message, undefined, 1)
  await publishAll(
    broker.port,
    messages.map((message) => [`${run}/a/b/c`, text(message)]),
  )
  const rows = await stored('rows', 3)
  assert.deepEqual(
    rows.map(({ value }) => JSON.parse(String(value))),
    messages,
  )
  assert.equal(rows[1]!.timestamp, times[1])
  for (const row of [rows[0]!, rows[2]!]) assert.ok(row.timestamp >= started && row.timestamp <= Date.now())
  assert.deepEqual(
    rows.map(({ headers }) => headers['rowline.timestamp']),
    ['12345678', undefined, String(times[2])],
  )
  const bytes = await stored('bytes', 3)
  assert.deepEqual(
    bytes.map(({ value }) => String(value)),
    messages.map(text),
  )
  for (const { timestamp } of bytes) assert.ok(timestamp >= started && timestamp <= Date.now())
})

test('C6: text that is no JSON is a dead letter, the connection stays up, and the next message is delivered', async () => {
  const run = unique()
  const { id, flow, stored } = flowOf(run)
  await deploySubscribed(nodeRed, broker, flow)
  const [acknowledgements, connections] = [acknowledgementsIn(broker), connectionsIn(broker)]
  await publishAll(broker.port, [
    [`${run}/a/b`, 'hello'],
    [`${run}/a/b`, '{"timestamp":1,"message":"next"}'],
  ])
  const [row] = await stored('rows', 1)
  assert.deepEqual(JSON.parse(String(row!.value)), { timestamp: 1, message: 'next' })
  const [letter] = await waitForDeadLetters(nodeRed, id('decoder'), 1)
  assert.deepEqual([letter!.payload, letter!.topic, letter!.reason], ['hello', `${run}/a/b`, 'json'])
  await acknowledged(broker, acknowledgements + 2)
  assert.equal(connectionsIn(broker), connections)
})
