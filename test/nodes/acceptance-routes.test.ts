import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { partitionsOf, readTopic } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  type FlowBuilder,
  flowBuilder,
  linesOf,
  publishAll,
  startServices,
  type Values,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()

/** The table of D1, its targets behind a prefix that no other test run has used. */
const routes = (prefix: string) => [
  { filter: 'sensors/+/zone1', qos: '1', to: `${prefix}iot_sensors_zone1`, partitions: '4' },
  { filter: 'devices/+/telemetry', qos: '1', to: `${prefix}iot_device_telemetry`, partitions: '2' },
  { filter: 'sensors/temp/#', qos: '1', to: `${prefix}iot_temperature` },
  { filter: 'debug/#', qos: '0', to: `${prefix}iot_debug` },
]
const topics = [
  'sensors/temp/zone1',
  'sensors/temp/zone2',
  'sensors/humidity/zone1',
  'devices/device001/telemetry',
  'debug/app',
]

function routed(builder: FlowBuilder, subscriptions: readonly Values[], settings: Values = {}) {
  const { id, node, source } = builder
  return [
    ...source(broker.port, subscriptions, ['kafka'], settings),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    node('kafka-sink', 'kafka', { cluster: id('cluster') }, [[], []]),
  ]
}

for (const output of ['reading', 'batches']) {
  test(`D1: the first row that matches gives a reading its topic, partitions and QoS, each once (${output})`, async () => {
    const prefix = `t${randomUUID().slice(0, 8)}_`
    await deploySubscribed(nodeRed, broker, routed(flowBuilder(), routes(prefix), { output }))
    const before = acknowledgementsIn(broker)
    await publishAll(
      broker.port,
      topics.map((topic) => [topic, `{"from":"${topic}"}`]),
    )
    await acknowledged(broker, before + 4)
    const expected = [
      { to: 'iot_sensors_zone1', from: ['sensors/humidity/zone1', 'sensors/temp/zone1'], partitions: 4 },
      { to: 'iot_temperature', from: ['sensors/temp/zone2'], partitions: 1 },
      { to: 'iot_device_telemetry', from: ['devices/device001/telemetry'], partitions: 2 },
      { to: 'iot_debug', from: ['debug/app'], partitions: 1, qos: '0' },
    ]
    for (const { to, from, partitions, qos = '1' } of expected) {
      const records = await readTopic(kafka.brokers, prefix + to, { count: from.length })
      assert.deepEqual(records.map(({ key }) => key).sort(), from, to)
      assert.deepEqual(
        records.map(({ headers }) => headers['mqtt.qos']),
        from.map(() => qos),
      )
      assert.equal(await partitionsOf(kafka.brokers, prefix + to), partitions, to)
    }
  })
}

test('D1: a reading that no row with a target matches is a dead letter, and the others are not held up', async () => {
  const prefix = `t${randomUUID().slice(0, 8)}_`
  const builder = flowBuilder()
  await deploySubscribed(nodeRed, broker, routed(builder, [...routes(prefix), { filter: 'sensors/#', qos: '1' }]))
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    ['sensors/pressure/factory1', '{"value":1}'],
    ['sensors/temp/zone2', '{"value":2}'],
  ])
  const deadLetters = await waitForDeadLetters(nodeRed, builder.id('in'), 1)
  assert.deepEqual(
    deadLetters.map(({ topic, payload, reason, error }) => ({ topic, payload, reason, code: error.code })),
    [{ topic: 'sensors/pressure/factory1', payload: '{"value":1}', reason: 'unrouted', code: 'UNROUTED' }],
  )
  assert.equal((await readTopic(kafka.brokers, `${prefix}iot_temperature`, { count: 1 })).length, 1)
  const { text } = await nodeRed.statusIs(builder.id('in'), (status) => status.text?.includes('rejected') ?? false)
  assert.match(text!, /1 rejected/)
  await until(() => acknowledgementsIn(broker) >= before + 2, { what: 'both acknowledgements' })
})

test('D1: an unrouted reading leaves output 2 where that is wired, and takes the default route where there is one', async () => {
  const { id, node, source } = flowBuilder()
  const rejected = `${id('rejected')}.ndjson`
  const rows = `${id('rows')}.ndjson`
  const subscriptions = [
    { filter: 'plant/known', qos: '1', route: 'known' },
    { filter: 'plant/#', qos: '1' },
  ]
  const flow = (defaultRoute: string) => [
    ...source(broker.port, subscriptions, ['sink'], { defaultRoute }, ['second']),
    node('file-sink', 'sink', { path: rows, content: 'record' }, [[], []]),
    node('file-sink', 'second', { path: rejected, content: 'record' }, [[], []]),
  ]
  const routesIn = async (path: string, count: number) =>
    (await waitForLines(nodeRed, path, count)).map((line) => {
      const { topic, route } = JSON.parse(line)
      return { topic, route }
    })
  await deploySubscribed(nodeRed, broker, flow(''))
  const messages = ['plant/known', 'plant/other'].map((topic) => [topic, '{}'] as const)
  await publishAll(broker.port, messages)
  assert.deepEqual(await routesIn(rejected, 1), [{ topic: 'plant/other', route: undefined }])
  await nodeRed.deploy(flow('rest'))
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
  await publishAll(broker.port, messages)
  assert.deepEqual(await routesIn(rows, 3), [
    { topic: 'plant/known', route: 'known' },
    { topic: 'plant/known', route: 'known' },
    { topic: 'plant/other', route: 'rest' },
  ])
  assert.equal(linesOf(nodeRed, rejected).length, 1)
  assert.deepEqual(linesOf(nodeRed, `rowline/dead-letter/${id('in')}/rejected.ndjson`), [])
})

test('D2: sensors/# also takes the topic sensors, and + takes one level only', async () => {
  const { id, node, source } = flowBuilder()
  const path = `${id('rows')}.ndjson`
  const subscriptions = [
    { filter: 'sensors/#', qos: '1', route: 'all' },
    { filter: 'machines/+', qos: '1', route: 'one' },
  ]
  const sink = node('file-sink', 'sink', { path, content: 'record' }, [[], []])
  await deploySubscribed(nodeRed, broker, [...source(broker.port, subscriptions, ['sink']), sink])
  const before = acknowledgementsIn(broker)
  const sent = ['sensors', 'sensors/a/b', 'machines', 'machines/1', 'machines/1/2', 'sensorsx']
  await publishAll(
    broker.port,
    sent.map((topic) => [topic, '{}']),
  )
  await acknowledged(broker, before + 3)
  assert.deepEqual(
    (await waitForLines(nodeRed, path, 3)).map((line) => JSON.parse(line).topic),
    ['sensors', 'sensors/a/b', 'machines/1'],
  )
})
