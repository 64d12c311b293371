import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { expandEnvironment } from '../../src/config/environment.ts'
import { parseFields } from '../../src/config/fields.ts'
import { slotsOf, withIds } from '../../src/config/table-references.ts'
import { readings } from '../rows/readings.ts'
import { sensorReading } from '../rows/sensor-schema.ts'
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
  linesOf,
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
  '04 Flink table',
  '05 JSON Schema with dead letters',
  '06 Sparkplug B',
  '07 Plant KPIs to PubSub and BigQuery',
  '08 Local development',
  '09 Bridge two brokers',
  '10 Three plants',
  '11 Scale out',
  '12 UNS to Kafka',
  '13 Routes',
  '14 Many sources many topics',
  '15 Rows on a wall',
]
/** Examples that take everything from the environment, and what it may say. */
const environments: { readonly [name: string]: { readonly [variable: string]: string } } = {
  '07 Plant KPIs to PubSub and BigQuery': {
    MQTT_BROKER: 'localhost',
    MQTT_PORT: '1883',
    MQTT_TOPIC: 'FCTS/FAE/+/SolvExtract/+',
    GCP_PROJECT_ID: 'plant-data-4711',
    PUBSUB_TOPIC: 'kpis',
    BIGQUERY_DATASET: 'plant',
    BIGQUERY_TABLE: 'kpis',
    APP_ENV: 'DEV',
  },
}
const address = () => ({ host: '127.0.0.1', port: String(broker.port) })
const committed = (name: string) =>
  JSON.parse(readFileSync(join(projectDirectory, 'examples', `${name}.json`), 'utf8')) as readonly FlowNode[]

/** What the variables of a flow stand in: not in comments. */
const own = (flow: readonly FlowNode[]) => flow.filter(({ type }) => type !== 'comment')

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
    const environment = environments[name] ?? {}
    const variables = new Set(JSON.stringify(own(flow)).match(/(?<=\$\{)[A-Z_]+(?=\})/g))
    variables.delete('ROWLINE_FILES')
    assert.deepEqual([...variables].sort(), Object.keys(environment).sort(), 'what has to be set is said')
    for (const { id: _id, type, z: _z, x: _x, y: _y, wires: _wires, name: _name, ...all } of flow) {
      const { inputs, outputs, ...values } = all
      const declaration = declarations.find((candidate) => candidate.type === type)
      if (!declaration) continue
      const visible = Object.entries(declaration.fields).filter(([, { kind }]) => kind !== 'secret')
      const slots = slotsOf(declaration.fields).filter(({ name }) => name in values)
      assert.deepEqual(
        Object.keys(values),
        [...visible.map(([field]) => field), ...slots.map(({ name }) => name)],
        type,
      )
      for (const slot of slots)
        assert.ok(
          flow.some((node) => node.id === values[slot.name] && node.type === slot.nodeType),
          slot.name,
        )
      const expanded = expandEnvironment(withIds(declaration.fields, values), (variable) => environment[variable])
      const { config, problems } = parseFields(declaration.fields, expanded.values)
      assert.deepEqual(problems, [], type)
      assert.deepEqual(declaration.check?.(config!) ?? [], [], type)
      const { controlled } = declaration
      const isControlled = controlled !== undefined && values[controlled.by] === true
      const ports = isControlled ? [1, declaration.outputs.length + controlled.outputs.length] : [undefined, undefined]
      assert.deepEqual([inputs, outputs], ports, type)
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

test('example 04, with broker and Kafka set, writes what Flink would have read from the table', async () => {
  const flow = adjust(await importExample(nodeRed, names[3]!), {
    'mqtt-v3-source': address(),
    'kafka-cluster': { brokers: kafka.brokers },
  })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const earlier = await readTopic(kafka.brokers, 'factory_iot_north_101')
  const topic = 'factory_iot/north/101'
  await publishAll(broker.port, [...readings.map(({ payload }) => [topic, payload] as const), [topic, '{"ts":"noon"}']])
  await acknowledged(broker, before + readings.length + 1)
  const records = await readTopic(kafka.brokers, 'factory_iot_north_101', { count: earlier.length + readings.length })
  assert.deepEqual(
    records.slice(earlier.length).map(({ key, value }) => [key, value?.toString()]),
    readings.map(({ row }) => [topic, row]),
  )
  const [deadLetter] = await waitForDeadLetters(nodeRed, nodeOf(flow, 'row-decoder').id, 1)
  assert.equal(deadLetter!.error.message, 'At /ts: expected BIGINT, found "noon"')
})

test('D6: example 05 keeps what fits its route, and refuses the rest with every path that fails', async () => {
  const flow = adjust(await importExample(nodeRed, names[4]!), { 'mqtt-v3-source': address() })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const device = '{"device_id":"d1","battery_level":12.5,"firmware_version":"1.2.3","serial":9007199254740993}'
  const fitting = [
    ['sensors/temp/zone1', JSON.stringify(sensorReading), JSON.stringify(sensorReading)],
    ['devices/d1/telemetry', device, device],
    ['debug/test', 'any text, 21 °C', '"any text, 21 °C"'],
    ['other/x', 'anything', undefined],
  ] as const
  const sensorTypes = '"temperature", "humidity", "pressure", "light", "motion"'
  const refused = [
    [
      'sensors/temp/zone1',
      '{"value":23.5}',
      'at /device_id: is missing; at /sensor_type: is missing; at /timestamp: is missing',
    ],
    [
      'sensors/temp/zone1',
      JSON.stringify({ ...sensorReading, sensor_type: 'INVALID_TYPE' }),
      `at /sensor_type: must be one of ${sensorTypes}, found "INVALID_TYPE"`,
    ],
    [
      'sensors/temp/zone1',
      JSON.stringify({ ...sensorReading, colour: 1, timestamp: 'now' }),
      'at /colour: is not allowed; at /timestamp: must be of the format date-time, found "now"',
    ],
    [
      'devices/d1/telemetry',
      '{"device_id":"d1","battery_level":"not-a-number"}',
      'at /battery_level: must be number, found "not-a-number"',
    ],
    [
      'devices/d1/telemetry',
      '{"device_id":"d1","battery_level":1,"firmware_version":"1.2"}',
      'at /firmware_version: must match the pattern ^\\d+\\.\\d+\\.\\d+$, found "1.2"',
    ],
  ] as const
  await publishAll(
    broker.port,
    [...fitting, ...refused].map(([topic, payload]) => [topic, payload]),
  )
  await publishAll(broker.port, [
    ['sensors/temp/zone1', ''],
    ['sensors/temp/zone1', '{'],
  ])
  await acknowledged(broker, before + fitting.length + refused.length + 2)
  const checked = (await waitForLines(nodeRed, 'rowline/checked.ndjson', fitting.length)).map((line) =>
    JSON.parse(line),
  )
  assert.deepEqual(
    checked.map(({ topic }) => topic),
    fitting.map(([topic]) => topic),
  )
  const lines = linesOf(nodeRed, 'rowline/checked.ndjson')
  for (const [i, [, , payload]] of fitting.entries())
    if (payload !== undefined) assert.ok(lines[i]!.includes(payload), lines[i])
  const letters = (await waitForLines(nodeRed, 'rowline/refused.ndjson', refused.length + 2)).map((line) =>
    JSON.parse(line),
  )
  assert.deepEqual(
    letters
      .slice(0, refused.length)
      .map(({ topic, payload, reason, error }) => [topic, payload, reason, error.code, error.message]),
    refused.map(([topic, payload, problem]) => [
      topic,
      payload,
      'schema',
      'SCHEMA_MISMATCH',
      `The payload does not fit the JSON Schema: ${problem}`,
    ]),
  )
  assert.deepEqual(
    letters.slice(refused.length).map(({ payload, reason }) => [payload, reason]),
    [
      ['', 'json'],
      ['{', 'json'],
    ],
  )
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
