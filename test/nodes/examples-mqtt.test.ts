import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import { readings } from '../rows/readings.ts'
import { partitionsOf, readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  importExample,
  publishAll,
  startLoggingMosquitto,
  startServices,
  subscriptionsIn,
  waitForLines,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()
const cluster = { 'kafka-cluster': { brokers: kafka.brokers } }
const address = { 'mqtt-v3-source': { host: '127.0.0.1', port: String(broker.port) } }
const read = async (topic: string, count?: number) =>
  readTopic(kafka.brokers, topic, count === undefined ? {} : { count })

test('A4: example 10, with three brokers and Kafka set, brings three plants into one topic; without one broker the others go on', async () => {
  await using south = await startLoggingMosquitto()
  await using east = await startLoggingMosquitto()
  const ports: { readonly [plant: string]: number } = { North: broker.port, South: south.port, East: east.port }
  const imported = adjust(await importExample(nodeRed, '10 Three plants'), cluster)
  const flow = imported.map((node): FlowNode => {
    if (node.type !== 'mqtt-v3-source') return node
    return { ...node, host: '127.0.0.1', port: String(ports[node.name as string]) }
  })
  const before = (await read('factory_iot')).length
  const brokers = [broker, south, east]
  const subscriptions = brokers.map(subscriptionsIn)
  await nodeRed.deploy(flow)
  await until(() => brokers.every((each, i) => subscriptionsIn(each) > subscriptions[i]!), {
    what: 'all subscriptions',
  })
  const plants = [
    { port: broker.port, topics: ['factory_iot/north/101', 'factory_iot/north/102'] },
    { port: south.port, topics: ['factory_iot/south/103', 'factory_iot/south/104'] },
    { port: east.port, topics: ['factory_iot/east/105', 'factory_iot/east/106'] },
  ]
  const payload = ({ number }: { readonly number: number }) => `{"ts":${number},"measurement":1}`
  const publish = (which: typeof plants) =>
    Promise.all(which.map(({ port, topics }) => publishNumbered({ port, topics, count: 200, qos: 1, payload })))
  const received = async (count: number) => {
    const records = (await read('factory_iot', before + count)).slice(before)
    const byTopic = new Map<string, number[]>()
    for (const { key, value, headers } of records) {
      assert.equal(headers['mqtt.topic'], key)
      byTopic.set(key!, [...(byTopic.get(key!) ?? []), (JSON.parse(String(value)) as { ts: number }).ts])
    }
    return byTopic
  }
  await publish(plants)
  const all = await received(600)
  assert.deepEqual([...all.keys()].sort(), plants.flatMap(({ topics }) => topics).sort())
  for (const [topic, numbers] of all)
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      `${topic} keeps its order`,
    )
  await south.stop()
  const nodeId = (name: string) => flow.find((node) => node.type === 'mqtt-v3-in' && node.name === name)!.id
  await nodeRed.statusIs(nodeId('South'), ({ fill }) => fill === 'yellow')
  await publish(plants.filter(({ port }) => port !== south.port))
  const more = await received(1000)
  assert.deepEqual(
    plants.map(({ topics }) => topics.map((topic) => more.get(topic)!.length)),
    [
      [200, 200],
      [100, 100],
      [200, 200],
    ],
  )
  for (const name of ['North', 'East']) assert.equal((await nodeRed.statusIs(nodeId(name), () => true)).fill, 'green')
})

test('D11: example 11 in three Node-RED: every reading goes to one of them, and each has its share', async () => {
  await using second = await startNodeRed()
  await using third = await startNodeRed()
  const flow = adjust(await importExample(nodeRed, '11 Scale out'), { ...cluster, ...address })
  const before = (await read('sensors')).length
  const logged = broker.log().length
  for (const each of [nodeRed, second, third]) await deploySubscribed(each, broker, flow)
  await publishNumbered({ port: broker.port, topics: ['sensors/a', 'sensors/b/c', 'sensors'], count: 300, qos: 1 })
  const records = (await read('sensors', before + 300)).slice(before)
  const numbers = records.map(({ value }) => (JSON.parse(String(value)) as { n: number }).n)
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 300 }, (_, n) => n),
  )
  const log = broker.log().slice(logged)
  const members = new Set([...log.matchAll(/Received PUBACK from (nr-\w+)/g)].map(([, clientId]) => clientId))
  assert.equal(members.size, 3)
})

test('C1, C2: example 12 makes a Kafka topic of every MQTT topic and leaves the payload as it is', async () => {
  const flow = adjust(await importExample(nodeRed, '12 UNS to Kafka'), { ...cluster, ...address })
  const cases = [
    { topic: 'a/b/c', kafka: 'a_b_c', payload: '{"timestamp": 12345678, "message": "test message1"}' },
    { topic: 'abc', kafka: 'abc', payload: Buffer.from([0, 255, 128, 65, 10]) },
    {
      topic: 'spBv1.0/uns_group/NBIRTH/eon1',
      kafka: 'spBv1.0_uns_group_NBIRTH_eon1',
      payload: Buffer.from([8, 137, 255]),
    },
    { topic: 'test/uns/x', kafka: 'test_uns_x', payload: 'no JSON' },
  ]
  const before = await Promise.all(cases.map(async (each) => (await read(each.kafka)).length))
  await deploySubscribed(nodeRed, broker, flow)
  const acknowledgements = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    ...cases.map(({ topic, payload }) => [topic, payload] as const),
    ['abc/d', 'nobody subscribes to this'],
  ])
  await acknowledged(broker, acknowledgements + cases.length)
  for (const [i, { topic, kafka: target, payload }] of cases.entries()) {
    const [record, ...others] = (await read(target, before[i]! + 1)).slice(before[i])
    assert.deepEqual([record!.key, Buffer.from(record!.value!)], [topic, Buffer.from(payload as string)])
    assert.deepEqual(others, [])
  }
})

test('D1: example 13 sends each reading once, where the first row that matches says', async () => {
  const flow = adjust(await importExample(nodeRed, '13 Routes'), { ...cluster, ...address })
  const expected = [
    { to: 'iot_sensors_zone1', from: ['sensors/humidity/zone1', 'sensors/temp/zone1'], partitions: 4 },
    { to: 'iot_temperature', from: ['sensors/temp/zone2'], partitions: 1 },
    { to: 'iot_device_telemetry', from: ['devices/device001/telemetry'], partitions: 2 },
    { to: 'iot_debug', from: ['debug/app'], partitions: 1 },
  ]
  const before = await Promise.all(expected.map(async ({ to }) => (await read(to)).length))
  for (const protocolVersion of ['4', '5']) {
    const versioned = adjust(flow, { 'mqtt-v3-source': { ...address['mqtt-v3-source'], protocolVersion } })
    await nodeRed.deploy([])
    const subscriptions = subscriptionsIn(broker)
    await nodeRed.deploy(versioned)
    await until(() => subscriptionsIn(broker) > subscriptions, { what: 'the subscriptions' })
    const last = versioned.find(({ type }) => type === 'mqtt-v3-in')!
    await nodeRed.statusIs(last.id, ({ fill }) => fill === 'green')
    // On MQTT 5 the two that overlap are asked for alone, one after the other.
    const asked = protocolVersion === '5' ? 4 : 2
    await until(() => subscriptionsIn(broker) >= subscriptions + asked, { what: 'all subscriptions' })
    // Copies are told apart once the answers have been read, which they have when a message has come after them.
    await publishAll(broker.port, [['debug/ready', '{}']])
    await read('iot_debug', ++before[3]!)
    const acknowledgements = acknowledgementsIn(broker)
    await publishAll(
      broker.port,
      expected.flatMap(({ from }) => from.map((topic) => [topic, `{"v":${protocolVersion}}`] as const)),
    )
    for (const [i, { to, from }] of expected.entries()) {
      const records = (await read(to, before[i]! + from.length)).slice(before[i])
      assert.deepEqual(records.map(({ key }) => key).sort(), from, to)
      before[i] = before[i]! + from.length
    }
    // What is not acknowledged would come again to the next version; debug/app has QoS 0.
    await acknowledged(broker, acknowledgements + 4)
  }
  for (const { to, partitions } of expected) assert.equal(await partitionsOf(kafka.brokers, to), partitions, to)
  const button = (name: string) => flow.find(({ type, ...node }) => type === 'inject' && node.name === name)!.id
  const pumps = (await read('iot_pumps')).length
  const subscriptions = subscriptionsIn(broker)
  await nodeRed.inject(button('Subscribe'))
  await until(() => subscriptionsIn(broker) > subscriptions, { what: 'the subscription by message' })
  await publishAll(broker.port, [['pumps/7/flow', '{"v":1}']])
  const [record] = (await read('iot_pumps', pumps + 1)).slice(pumps)
  assert.equal(record!.key, 'pumps/7/flow')
  await nodeRed.inject(button('What is subscribed?'))
  const answer = '{"topic":"pumps/#","qos":1,"to":"iot_pumps"}'
  const isAnswered = () => JSON.stringify(nodeRed.debugMessages()).replaceAll('\\', '').includes(answer)
  await until(isAnswered, { what: 'the answer', output: () => JSON.stringify(nodeRed.debugMessages()) })
})

test('E1, E2: example 14 brings sources with different schemas into one topic, and one source into three by its content', async () => {
  const version = { 'mqtt-v3-source': { ...address['mqtt-v3-source'], protocolVersion: '5' } }
  const flow = adjust(await importExample(nodeRed, '14 Many sources many topics'), { ...cluster, ...version })
  const topics = ['ingest', 'pressure', 'volume', 'current']
  const earlier = new Map(await Promise.all(topics.map(async (topic) => [topic, (await read(topic)).length] as const)))
  await deploySubscribed(nodeRed, broker, flow)
  const ins = flow.filter(({ type }) => type === 'mqtt-v3-in')
  for (const { id } of ins) await nodeRed.statusIs(id, ({ fill }) => fill === 'green')
  const before = acknowledgementsIn(broker)
  const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'plant=1' }
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 })
  const properties = { userProperties: trace }
  await client.publishAsync('factory_iot/north/1', '{"bar":1.5}', { qos: 1, properties })
  await client.endAsync()
  const other = { metadata: { unit: 'Volt' }, measurement: 1 }
  await publishAll(broker.port, [
    ['factory_iot/south/7', '{"metres":2,"tank":7}'],
    ...readings.map(({ payload }) => ['factory_iot/machines/1', payload] as const),
    ['factory_iot/machines/2', JSON.stringify(other)],
  ])
  await acknowledged(broker, before + 6)
  const read1 = async (topic: string, count: number) =>
    (await read(topic, earlier.get(topic)! + count)).slice(earlier.get(topic))
  const ingested = await read1('ingest', 2)
  const origins = ingested.map(({ headers, value }) => [
    headers.tag,
    headers['source.node'],
    headers['mqtt.topic'],
    headers.traceparent,
    headers.tracestate,
    String(value),
  ])
  assert.deepEqual(origins.sort(), [
    ['north', 'North', 'factory_iot/north/1', trace.traceparent, trace.tracestate, '{"bar":1.5}'],
    ['south', 'South', 'factory_iot/south/7', undefined, undefined, '{"tank":7,"metres":2}'],
  ])
  for (const [i, topic] of topics.slice(1).entries())
    assert.deepEqual(
      (await read1(topic, 1)).map(({ value }) => String(value)),
      [readings[i]!.row],
    )
  const [line] = await waitForLines(nodeRed, 'rowline/other-units.ndjson', 1)
  assert.equal(JSON.parse(line!).topic, 'factory_iot/machines/2')
  assert.equal(acknowledgementsIn(broker), before + 6, 'each once')
})
