import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startLoggingMosquitto,
} from './acceptance-flow.ts'

let broker: Mosquitto
let kafka: Awaited<ReturnType<typeof sharedKafka>>
let nodeRed: NodeRed

before(async () => {
  kafka = await sharedKafka()
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
  await kafka.stop()
})

const unique = () => `t${randomUUID().slice(0, 8)}`

for (const { delivery, output } of [
  { delivery: 'confirm', output: 'reading' },
  { delivery: 'outbox', output: 'reading' },
  { delivery: 'outbox', output: 'batches' },
]) {
  test(`E1: sources with different schemas share a topic, each record tells its origin (${delivery}, ${output})`, async () => {
    const run = unique()
    const { id, node, source } = flowBuilder()
    const headers = [
      { name: 'source.node', value: '{node}' },
      { name: 'rowline.route', value: '{route}' },
      { name: 'plant', value: '{tag}' },
    ]
    const north = [{ filter: `${run}/north/#`, qos: '1', route: 'pressures' }]
    const south = [{ filter: `${run}/south/#`, qos: '1' }]
    const flow = [
      ...source(broker.port, north, ['decodeNorth'], { name: 'North', tag: 'plant 1', output }),
      node('mqtt-v3-in', 'in2', { source: id('broker'), subscriptions: south, output }, [['decodeSouth'], []]),
      node('row-schema', 'pressure', { schema: 'bar DOUBLE' }),
      node('row-schema', 'level', { schema: 'metres DOUBLE, tank INT' }),
      node('row-decoder', 'decodeNorth', { schema: id('pressure') }, [['sink'], []]),
      node('row-decoder', 'decodeSouth', { schema: id('level') }, [['sink'], []]),
      node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
      node('kafka-sink', 'sink', { cluster: id('cluster'), topic: `${run}_ingest`, delivery, headers }, [[], []]),
    ]
    await deploySubscribed(nodeRed, broker, flow)
    await publishAll(broker.port, [
      [`${run}/north/1`, '{"bar":1.5}'],
      [`${run}/south/7`, '{"tank":7,"metres":2}'],
    ])
    const records = await readTopic(kafka.brokers, `${run}_ingest`, { count: 2 })
    const origins = records.map(({ headers: { 'rowline.id': recordId, ...rest }, value }) => {
      assert.equal(recordId !== undefined, delivery === 'outbox')
      return [rest, String(value)]
    })
    const mqtt = { 'mqtt.qos': '1', 'mqtt.retain': 'false', 'mqtt.dup': 'false', source: 'mqtt' }
    assert.deepEqual(
      new Map(origins.map((origin) => [(origin[0] as typeof mqtt & { 'mqtt.topic': string })['mqtt.topic'], origin])),
      new Map([
        [
          `${run}/north/1`,
          [
            {
              ...mqtt,
              'mqtt.topic': `${run}/north/1`,
              'source.node': 'North',
              'rowline.route': 'pressures',
              plant: 'plant 1',
            },
            '{"bar":1.5}',
          ],
        ],
        [
          `${run}/south/7`,
          [{ ...mqtt, 'mqtt.topic': `${run}/south/7`, 'source.node': id('in2') }, '{"metres":2,"tank":7}'],
        ],
      ]),
    )
  })
}

test('E2: one source feeds three topics by content; each message is acknowledged once, after all its targets', async () => {
  const run = unique()
  const { id, node, source } = flowBuilder()
  const units = ['BAR', 'Liter', 'Amp']
  const router = {
    property: 'payload.metadata.unit',
    propertyType: 'msg',
    rules: [...units.map((v) => ({ t: 'eq', v, vt: 'str' })), { t: 'eq', v: 'Amp', vt: 'str' }],
    checkall: 'true',
    repair: false,
    outputs: 4,
  }
  const sinks = [...units, 'alarms']
  const flow = [
    ...source(broker.port, [{ filter: `${run}/#`, qos: '1' }], ['decode']),
    node('row-schema', 'schema', { schema: 'metadata ROW<unit STRING>, measurement DOUBLE' }),
    node('row-decoder', 'decode', { schema: id('schema') }, [['router'], []]),
    node(
      'switch',
      'router',
      router,
      sinks.map((name) => [name]),
    ),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    ...sinks.map((name) => {
      const autoCreateTopics = name !== 'alarms'
      const options = { topic: `${run}_${name}`, delivery: 'confirm', autoCreateTopics, maxRetryBackoffMs: '500 ms' }
      return node('kafka-sink', name, { cluster: id('cluster'), ...options }, [[], []])
    }),
  ]
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const messages = units.map((unit, n) => `{"metadata":{"unit":"${unit}"},"measurement":${n}}`)
  await publishAll(
    broker.port,
    messages.map((message, n) => [`${run}/${n}`, message]),
  )
  for (const [n, unit] of units.entries()) {
    const records = await readTopic(kafka.brokers, `${run}_${unit}`, { count: 1 })
    assert.deepEqual(
      records.map(({ value }) => String(value)),
      [messages[n]],
    )
  }
  await acknowledged(broker, before + 2)
  await nodeRed.statusIs(id('alarms'), ({ fill }) => fill === 'red')
  await wait(1000)
  assert.equal(acknowledgementsIn(broker), before + 2, 'the third waits for its second target')
  await createTopic(kafka.brokers, `${run}_alarms`)
  await acknowledged(broker, before + 3)
  assert.equal((await readTopic(kafka.brokers, `${run}_alarms`, { count: 1 })).length, 1)
  assert.equal((await readTopic(kafka.brokers, `${run}_Amp`)).length, 1)
  assert.equal(acknowledgementsIn(broker), before + 3)
})
