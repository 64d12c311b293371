/** F1, F6, F7 and F8 of the acceptance scenarios, as far as BigQuery goes. */
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { TableField } from '../../src/sinks/bigquery/rest.ts'
import { sized } from '../loss/sizes.ts'
import { type BigQuery, project, startBigQuery } from '../services/bigquery.ts'
import { type BigQueryFront, rowErrorsAnswer, startBigQueryFront } from '../services/bigquery-front.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { type Pubsub, startPubsub } from '../services/pubsub.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  importExample,
  publishAll,
  startLoggingMosquitto,
  waitForDeadLetters,
} from './acceptance-flow.ts'

const dataset = 'plant'
const topic = 'FCTS/FAE/SAF/SolvExtract/SX_PLS_FLOW.PV'
const payload = (value: number, sensor = 'SX-FIT-101') =>
  `{"site_code":"SAF","sensor_id":"${sensor}","timestamp":"2025-07-01T12:00:00Z","value":${value}}`

const fields: readonly TableField[] = [
  { name: 'site_code', type: 'STRING' },
  { name: 'sensor_id', type: 'STRING' },
  { name: 'pi_tag', type: 'STRING' },
  { name: 'timestamp', type: 'TIMESTAMP' },
  { name: 'value', type: 'FLOAT' },
  { name: 'mqtt_topic', type: 'STRING' },
  { name: 'ingested_at', type: 'TIMESTAMP' },
]

let bigquery: BigQuery
let front: BigQueryFront
let pubsub: Pubsub
let broker: Mosquitto
let nodeRed: NodeRed
before(async () => {
  bigquery = await startBigQuery()
  front = await startBigQueryFront(bigquery)
  await bigquery.createDataset(dataset)
  pubsub = await startPubsub({ topics: ['kpis-f6'] })
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
  await pubsub[Symbol.asyncDispose]()
  await front.close()
  await bigquery.stop()
})

afterEach(() => {
  front.faults.append = undefined
  front.faults.rest = undefined
})

const flow = (table: string, sink: { readonly [option: string]: unknown }): readonly FlowNode[] => [
  { id: 'tab', type: 'tab', label: 'KPIs' },
  { id: 'source', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(broker.port), reconnectPeriodMs: '200 ms' },
  {
    id: 'schema',
    type: 'row-schema',
    schema:
      'site_code STRING NOT NULL, sensor_id STRING NOT NULL, pi_tag STRING NOT NULL, `timestamp` TIMESTAMP_LTZ(3) NOT NULL, `value` DOUBLE NOT NULL',
  },
  {
    id: 'cloud',
    type: 'google-cloud',
    projectId: project,
    bigqueryEmulator: front.url,
    bigqueryStorageEmulator: front.storage,
    pubsubEmulator: pubsub.address,
  },
  {
    id: 'in',
    type: 'mqtt-v3-in',
    z: 'tab',
    source: 'source',
    subscriptions: [{ filter: `${table}/FCTS/#`, qos: '1', route: '', to: '' }],
    wires: [['rows'], []],
  },
  {
    id: 'rows',
    type: 'row-decoder',
    z: 'tab',
    schema: 'schema',
    topicPattern: `${table}/FCTS/FAE/{site_code}/SolvExtract/{pi_tag}`,
    timestampFormat: 'RFC-3339',
    wires: [['sink'], []],
  },
  {
    id: 'sink',
    type: 'bigquery-sink',
    z: 'tab',
    cloud: 'cloud',
    dataset,
    table,
    schema: 'schema',
    columns: [
      { name: 'mqtt_topic', value: '{topic}' },
      { name: 'ingested_at', value: '{receivedAt}' },
    ],
    requestTimeoutMs: '15 s',
    wires: [[], []],
    ...sink,
  },
]

const rowsOf = (table: string, columns = '*') => bigquery.query(`SELECT ${columns} FROM \`${dataset}.${table}\``)

/** Writes are over when so many rows more than `before` are stored. */
async function rowsAfter(table: string, before: number, count: number) {
  await until(() => front.storedRows() >= before + count, {
    what: `${count} rows`,
    timeoutMs: 60_000,
    output: () =>
      `${front.storedRows() - before} are stored, ${JSON.stringify(nodeRed.status('sink'))} ${nodeRed.log()}`,
  })
  return rowsOf(table)
}

for (const [delivery, writeMethod] of [
  ['confirm', 'storageWrite'],
  ['outbox', 'exactlyOnce'],
  ['confirm', 'insertAll'],
] as const) {
  test(`F1: with ${delivery} and ${writeMethod} a KPI becomes one row, and is acknowledged`, async () => {
    const table = `f1_${writeMethod}`
    await bigquery.createTable(dataset, table, fields)
    await deploySubscribed(nodeRed, broker, flow(table, { delivery, writeMethod }))
    const [before, rowsBefore] = [acknowledgementsIn(broker), front.storedRows()]
    const now = Date.now()
    await publishAll(broker.port, [[`${table}/${topic}`, payload(412.75)]])
    await acknowledged(broker, before + 1)
    const [row, ...more] = await rowsAfter(table, rowsBefore, 1)
    assert.equal(more.length, 0)
    const { ingested_at: ingestedAt, ...rest } = row!
    assert.deepEqual(rest, {
      site_code: 'SAF',
      sensor_id: 'SX-FIT-101',
      pi_tag: 'SX_PLS_FLOW.PV',
      timestamp: String(Date.parse('2025-07-01T12:00:00Z') * 1000),
      value: '412.75',
      mqtt_topic: `${table}/${topic}`,
    })
    assert.ok(Math.abs(Number(ingestedAt) / 1000 - now) < 5000, 'ingested_at is the time of receipt')
  })
}

test('F4: in LOCAL a reading is logged and acknowledged, and BigQuery is not even asked', async () => {
  const table = 'f4'
  await deploySubscribed(nodeRed, broker, flow(table, { environment: 'LOCAL' }))
  await nodeRed.statusIs('sink', ({ text }) => /^dry-run \(LOCAL\)/.test(text ?? ''))
  let asked = 0
  front.faults.rest = () => {
    asked++
    return undefined
  }
  const [before, rowsBefore] = [acknowledgementsIn(broker), front.storedRows()]
  await publishAll(broker.port, [[`${table}/${topic}`, payload(1)]])
  await acknowledged(broker, before + 1)
  await nodeRed.statusIs('sink', ({ text }) => /1 logged/.test(text ?? ''))
  assert.deepEqual([asked, front.storedRows()], [0, rowsBefore])
})

const outageMs = sized(10_000, 60_000)

test(`F6: BigQuery answers 503 for ${outageMs / 1000} s, Pub/Sub works: nothing is acknowledged, then each reading is there once`, {
  timeout: 280_000,
}, async () => {
  const table = 'f6'
  await bigquery.createTable(dataset, table, fields)
  const nodes = flow(table, { delivery: 'confirm', maxRetryBackoffMs: '2 s' }).map((node) =>
    node.id === 'rows' ? { ...node, wires: [['sink', 'events'], []] } : node,
  )
  const events = { id: 'events', type: 'pubsub-sink', z: 'tab', cloud: 'cloud', topic: 'kpis-f6', delivery: 'confirm' }
  await deploySubscribed(nodeRed, broker, [...nodes, { ...events, wires: [[], []] }])
  const before = acknowledgementsIn(broker)
  front.faults.append = () => ({ code: 14, message: 'The service is currently unavailable.' })
  await publishAll(
    broker.port,
    Array.from({ length: 15 }, (_, n) => [`${table}/${topic}`, payload(n)] as const),
  )
  await nodeRed.statusIs(
    'sink',
    ({ fill, text = '' }) => fill === 'yellow' && /^not reachable.* · \d+ waiting/.test(text),
  )
  await wait(outageMs)
  assert.equal(acknowledgementsIn(broker), before)
  assert.equal(pubsub.stored('kpis-f6').length, 15, JSON.stringify(nodeRed.status('events')))
  front.faults.append = undefined
  await acknowledged(broker, before + 15)
  assert.equal(pubsub.stored('kpis-f6').length, 15)
  const values = (await rowsOf(table)).map(({ value }) => Number(value)).sort((a, b) => a - b)
  assert.deepEqual(
    values,
    Array.from({ length: 15 }, (_, n) => n),
  )
})

test('F7: a missing column is red at deploy, and its readings are written within 60 s of its appearance', {
  timeout: 280_000,
}, async () => {
  const table = 'f7'
  await bigquery.createTable(
    dataset,
    table,
    fields.filter(({ name }) => name !== 'pi_tag'),
  )
  await deploySubscribed(nodeRed, broker, flow(table, { delivery: 'outbox' }))
  const status = await nodeRed.statusIs('sink', ({ fill }) => fill === 'red')
  assert.match(status.text ?? '', /column pi_tag missing/)
  const [before, rowsBefore] = [acknowledgementsIn(broker), front.storedRows()]
  await publishAll(broker.port, [[`${table}/${topic}`, payload(1)]])
  await acknowledged(broker, before + 1)
  assert.deepEqual([nodeRed.status('sink')?.fill, front.storedRows()], ['red', rowsBefore])
  // bqemulator breaks a table to which a column is added.
  await bigquery.deleteTable(dataset, table)
  await bigquery.createTable(dataset, table, fields)
  const [row] = await rowsAfter(table, rowsBefore, 1)
  assert.equal(row!.pi_tag, 'SX_PLS_FLOW.PV')
  await nodeRed.statusIs('sink', ({ fill }) => fill === 'green')
})

test('F8: BigQuery refuses 1 of 500: 499 are stored, 1 is a dead letter with the reason of BigQuery', async () => {
  const table = 'f8'
  await bigquery.createTable(dataset, table, fields)
  await deploySubscribed(nodeRed, broker, flow(table, { delivery: 'outbox' }))
  const [before, rowsBefore] = [acknowledgementsIn(broker), front.storedRows()]
  front.faults.append = ({ rows }) => {
    const index = rows.findIndex((row) => row.includes('POISON'))
    return index < 0 ? undefined : { answer: rowErrorsAnswer([{ index, message: 'Field value: too odd for us' }]) }
  }
  await publishAll(
    broker.port,
    Array.from({ length: 500 }, (_, n) => [`${table}/${topic}`, payload(n, n === 123 ? 'POISON' : undefined)] as const),
  )
  await acknowledged(broker, before + 500)
  const rows = await rowsAfter(table, rowsBefore, 499)
  assert.deepEqual(
    rows.map(({ value }) => Number(value)).sort((a, b) => a - b),
    Array.from({ length: 500 }, (_, n) => n).filter((n) => n !== 123),
  )
  const [letter] = await waitForDeadLetters(nodeRed, 'sink', 1)
  assert.match(letter!.error.message, /Field value: too odd for us/)
  assert.deepEqual([letter!.reason, letter!.payload], ['invalid', payload(123, 'POISON')])
})

for (const [name, env] of [
  [
    '07 Plant KPIs to PubSub and BigQuery',
    {
      MQTT_TOPIC: 'FCTS/FAE/+/SolvExtract/+',
      GCP_PROJECT_ID: project,
      PUBSUB_TOPIC: 'kpis',
      BIGQUERY_DATASET: dataset,
      BIGQUERY_TABLE: 'example_07',
      APP_ENV: 'PRD',
    },
  ],
  ['08 Local development', {}],
] as const)
  test(`example ${name}: with broker and emulators, a reading becomes a row of the table it creates`, async () => {
    const address = { MQTT_BROKER: '127.0.0.1', MQTT_PORT: String(broker.port) }
    await using plant = await startNodeRed({ env: { ...address, ...env } })
    const emulators = {
      bigqueryEmulator: front.url,
      bigqueryStorageEmulator: front.storage,
      pubsubEmulator: '127.0.0.1:1',
    }
    const isSet = 'MQTT_TOPIC' in env
    const flow = adjust(await importExample(plant, name), {
      'google-cloud': { ...emulators, ...(!isSet && { projectId: project }) },
      ...(!isSet && { 'mqtt-v3-source': { host: '127.0.0.1', port: String(broker.port) } }),
    })
    const rowsBefore = front.storedRows()
    await deploySubscribed(plant, broker, flow)
    await publishAll(broker.port, [[topic, payload(412.75)]])
    const [row] = await rowsAfter(isSet ? 'example_07' : 'kpis', rowsBefore, 1)
    const { ingested_at: ingestedAt, timestamp, ...rest } = row!
    assert.deepEqual(rest, {
      site_code: 'SAF',
      sensor_id: 'SX-FIT-101',
      pi_tag: 'SX_PLS_FLOW.PV',
      value: '412.75',
      mqtt_topic: topic,
    })
    assert.deepEqual([Number(timestamp) > 0, Number(ingestedAt) > 0], [true, true])
  })

for (const delivery of ['confirm', 'outbox'])
  test(`F1: example 07 with ${delivery} and both targets: one message, one row, and the reading is acknowledged when it is safe for both`, async () => {
    const [events, table] = [`kpis-07-${delivery}`, `both_${delivery}`]
    await pubsub.createTopic(events)
    const variables = { PUBSUB_TOPIC: events, BIGQUERY_DATASET: dataset, BIGQUERY_TABLE: table, APP_ENV: 'PRD' }
    const mqtt = { MQTT_BROKER: '127.0.0.1', MQTT_PORT: String(broker.port), MQTT_TOPIC: 'FCTS/FAE/+/SolvExtract/+' }
    await using plant = await startNodeRed({ env: { ...mqtt, ...variables, GCP_PROJECT_ID: project } })
    const flow = adjust(await importExample(plant, '07 Plant KPIs to PubSub and BigQuery'), {
      'google-cloud': {
        bigqueryEmulator: front.url,
        bigqueryStorageEmulator: front.storage,
        pubsubEmulator: pubsub.address,
      },
      'pubsub-sink': { delivery },
      'bigquery-sink': { delivery },
    })
    await deploySubscribed(plant, broker, flow)
    const [before, rowsBefore] = [acknowledgementsIn(broker), front.storedRows()]
    await pubsub.fault({ topic: events, code: 'UNAVAILABLE', count: -1 })
    await publishAll(broker.port, [[topic, payload(412.75)]])
    const rows = await rowsAfter(table, rowsBefore, 1)
    await (delivery === 'outbox' ? acknowledged(broker, before + 1) : wait(1000))
    assert.equal(acknowledgementsIn(broker), before + (delivery === 'outbox' ? 1 : 0))
    assert.deepEqual(pubsub.stored(events), [])
    await pubsub.heal()
    await acknowledged(broker, before + 1)
    await until(() => pubsub.stored(events).length > 0, { what: 'the message', timeoutMs: 60_000 })
    await wait(500)
    assert.deepEqual(
      [rows, await rowsOf(table)].map((each) => each.map(({ value, site_code: site }) => [value, site])),
      [[['412.75', 'SAF']], [['412.75', 'SAF']]],
    )
    assert.deepEqual(
      pubsub.stored(events).map(({ data, orderingKey }) => [JSON.parse(String(data)).value, orderingKey]),
      [[412.75, 'SAF']],
    )
  })
