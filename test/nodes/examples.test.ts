import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { parseFields } from '../../src/config/fields.ts'
import { readings } from '../rows/readings.ts'
import { readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, startNodeRed } from '../services/node-red.ts'
import { projectDirectory, readPackage } from '../services/package.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  connectionsIn,
  deploySubscribed,
  importExample,
  nodeOf,
  publishAll,
  startLoggingMosquitto,
  startServices,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()

const names = [
  '01 First rows',
  '02 MQTT to Kafka',
  '03 Dead letters and replay',
  '06 Sparkplug B',
  '09 Bridge two brokers',
  '10 Three plants',
  '11 Scale out',
  '12 UNS to Kafka',
  '13 Routes',
]
const address = () => ({ host: '127.0.0.1', port: String(broker.port) })
const committed = (name: string) =>
  JSON.parse(readFileSync(join(projectDirectory, 'examples', `${name}.json`), 'utf8')) as readonly FlowNode[]

test('Import → Examples shows every example of the package', async () => {
  const response = await nodeRed.request(`/library/examples/flows/${readPackage().name}`)
  assert.deepEqual(
    await response.json(),
    names.map((fn) => ({ fn })),
  )
  assert.deepEqual(
    readdirSync(join(projectDirectory, 'examples')),
    names.map((name) => `${name}.json`),
  )
})

test('an example sets every option of its nodes and no other, without a problem, a credential or a variable', () => {
  for (const name of names) {
    const flow = committed(name)
    assert.equal(flow.filter(({ type }) => type === 'tab').length, 1, name)
    assert.ok(flow.some(({ type }) => type === 'comment'))
    const variables = new Set(JSON.stringify(flow).match(/\$\{[A-Z_]+\}/g))
    variables.delete('${ROWLINE_FILES}')
    assert.deepEqual([...variables], [], 'an example works without setting the environment')
    for (const { id: _id, type, z: _z, x: _x, y: _y, wires: _wires, name: _name, ...values } of flow) {
      const declaration = declarations.find((candidate) => candidate.type === type)
      if (!declaration) continue
      const visible = Object.entries(declaration.fields).filter(([, { kind }]) => kind !== 'secret')
      assert.deepEqual(
        Object.keys(values),
        visible.map(([field]) => field),
        type,
      )
      const { config, problems } = parseFields(declaration.fields, values)
      assert.deepEqual(problems, [], type)
      assert.deepEqual(declaration.check?.(config!) ?? [], [], type)
    }
  }
})

test('the nodes of all examples have different ids, so that all can be imported into one Node-RED', () => {
  const ids = names.flatMap((name) => committed(name).map(({ id }) => id))
  assert.equal(new Set(ids).size, ids.length)
})

test('example 01: with the broker set, readings become rows in the file, and what is no reading a dead letter', async () => {
  const flow = adjust(await importExample(nodeRed, names[0]!), { 'mqtt-v3-source': address() })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    ...readings.map(({ payload }) => ['factory_iot/north/101', payload] as const),
    ['factory_iot/south/102', 'out of order'],
  ])
  assert.deepEqual(
    await waitForLines(nodeRed, 'rowline/rows.ndjson', readings.length),
    readings.map(({ row }) => row),
  )
  const [deadLetter] = await waitForDeadLetters(nodeRed, nodeOf(flow, 'row-decoder').id, 1)
  assert.equal(deadLetter!.payload, 'out of order')
  assert.equal(deadLetter!.reason, 'json')
  await acknowledged(broker, before + readings.length + 1)
  const shown = () => {
    const all = nodeRed.debugMessages() as readonly { readonly id: string; readonly msg: string }[]
    return all.filter(({ id }) => id === nodeOf(flow, 'debug').id).map(({ msg }) => JSON.parse(msg))
  }
  await until(() => shown().length >= readings.length, { what: 'the rows in the debug sidebar' })
  assert.deepEqual(
    shown(),
    readings.map(({ row }) => JSON.parse(row)),
  )
})

test('A2: example 02, with broker and Kafka set, writes the rows of the table in the order of the DDL', async () => {
  const flow = adjust(await importExample(nodeRed, names[1]!), {
    'mqtt-v3-source': address(),
    'kafka-cluster': { brokers: kafka.brokers },
  })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const earlier = await readTopic(kafka.brokers, 'factory_iot_north_101')
  const topic = 'factory_iot/north/101'
  const nulls = '"siteId":null,"deviceId":null,"sensorId":null,"unit":null,"ts_human":null,"location":null,"deviceType"'
  const cases = [
    ...readings,
    { payload: '{}', row: '{"ts":null,"metadata":null,"measurement":null}' },
    { payload: '{"ts":1,"metadata":null}', row: '{"ts":1,"metadata":null,"measurement":null}' },
    { payload: '{"measurement":2.5,"x":{"y":1},"ts":1}', row: '{"ts":1,"metadata":null,"measurement":2.5}' },
    { payload: '{"TS":1,"metadata":{"siteid":1}}', row: `{"ts":null,"metadata":{${nulls}:null},"measurement":null}` },
    { payload: '', row: undefined },
    { payload: '{"ts":9}', row: '{"ts":9,"metadata":null,"measurement":null}' },
  ]
  await publishAll(
    broker.port,
    cases.map(({ payload }) => [topic, payload]),
  )
  await acknowledged(broker, before + cases.length)
  const count = earlier.length + cases.filter(({ row }) => row !== undefined).length
  const records = (await readTopic(kafka.brokers, 'factory_iot_north_101', { count })).slice(earlier.length)
  assert.deepEqual(
    records.map(({ value }) => value?.toString()),
    cases.flatMap(({ row }) => row ?? []),
  )
  for (const { key, headers } of records) {
    const { 'rowline.id': recordId, ...mqtt } = headers
    assert.equal(key, topic)
    assert.match(recordId!, /^[0-9a-f]{16}-\d+$/)
    assert.deepEqual(mqtt, {
      'mqtt.topic': topic,
      'mqtt.qos': '1',
      'mqtt.retain': 'false',
      'mqtt.dup': 'false',
      source: 'mqtt',
    })
  }
  assert.equal(new Set(records.map(({ headers }) => headers['rowline.id'])).size, records.length)
  const decoder = await nodeRed.statusIs(
    nodeOf(flow, 'row-decoder').id,
    ({ text }) => text?.includes('skipped') ?? false,
  )
  assert.match(decoder.text!, /1 skipped/)
  assert.ok(!decoder.text!.includes('rejected'))
})

test('two Node-RED instances that import the same example keep different client ids', async () => {
  await using alone = await startLoggingMosquitto()
  await using other = await startNodeRed()
  const flow = adjust(await importExample(nodeRed, names[0]!), {
    'mqtt-v3-source': { host: '127.0.0.1', port: String(alone.port) },
  })
  await deploySubscribed(nodeRed, alone, flow)
  await deploySubscribed(other, alone, flow)
  const clientIds = [...alone.log().matchAll(/ as (nr-\w+)/g)].map(([, clientId]) => clientId)
  assert.equal(clientIds.length, 2)
  assert.equal(new Set(clientIds).size, 2)
  await publishAll(alone.port, [['factory_iot/north/101', readings[0].payload]])
  await acknowledged(alone, 2)
  assert.equal(connectionsIn(alone), 2, 'neither has thrown the other out')
})
