/** Two targets of Google's while things change under them: kills between append and answer, topics, tables, columns. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Balance, balance, balanceLine, settled } from '../ledger/ledger.ts'
import { readDeadLetters, readMessage, readPubsub } from '../ledger/read.ts'
import { deploySubscribed, startLoggingMosquitto } from '../nodes/acceptance-flow.ts'
import { type BigQuery, project, startBigQuery } from '../services/bigquery.ts'
import { type BigQueryFront, startBigQueryFront } from '../services/bigquery-front.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { drainSession, type Numbered } from '../services/publisher.ts'
import { type Pubsub, startPubsub } from '../services/pubsub.ts'
import { startFlood } from './flood.ts'
import { sized } from './sizes.ts'

const ratePerSecond = 200
const batchRecords = 50
const kills = sized(2, 20)
const dataset = 'plant'
const clientId = 'nr-loss-google'
const mqttTopics = ['plant/a', 'plant/b', 'plant/c'] as const
const columns = [
  { name: 'n', type: 'INTEGER', mode: 'REQUIRED' },
  { name: 'topic', type: 'STRING', mode: 'REQUIRED' },
  { name: 'id', type: 'STRING' },
]

let bigquery: BigQuery
let front: BigQueryFront
let pubsub: Pubsub
before(async () => {
  bigquery = await startBigQuery()
  front = await startBigQueryFront(bigquery)
  await bigquery.createDataset(dataset)
  pubsub = await startPubsub()
})
after(async () => {
  await front.close()
  await bigquery.stop()
  await pubsub.stop()
})

interface Targets {
  /** A template; `{topic}` has a topic of its own for each MQTT topic. */
  readonly topic: string
  readonly table: string
  readonly outboxMaxBytes?: string
}

function flow(broker: Mosquitto, { topic, table, outboxMaxBytes = '100 MiB' }: Targets): readonly FlowNode[] {
  const place = { z: 'tab' }
  const source = { host: '127.0.0.1', port: String(broker.port), clientId, reconnectPeriodMs: '200 ms' }
  const subscriptions = [{ filter: 'plant/#', qos: '1', route: '', to: '' }]
  const emulators = {
    pubsubEmulator: pubsub.address,
    bigqueryEmulator: front.url,
    bigqueryStorageEmulator: front.storage,
  }
  const sink = {
    ...place,
    cloud: 'cloud',
    batchRecords: String(batchRecords),
    maxRetryBackoffMs: '500 ms',
    requestTimeoutMs: '3 s',
    outboxMaxBytes,
    wires: [[], []],
  }
  const rows = { dataset, table, schema: 'schema', columns: [{ name: 'id', value: '{id}' }] }
  return [
    { id: 'tab', type: 'tab', label: 'Loss' },
    { id: 'broker', type: 'mqtt-v3-source', ...source },
    { id: 'schema', type: 'row-schema', schema: 'n BIGINT NOT NULL, topic STRING NOT NULL' },
    { id: 'cloud', type: 'google-cloud', projectId: project, ...emulators },
    { id: 'in', type: 'mqtt-v3-in', ...place, source: 'broker', subscriptions, wires: [['rows'], []] },
    { id: 'rows', type: 'row-decoder', ...place, schema: 'schema', wires: [['events', 'table'], []] },
    { id: 'events', type: 'pubsub-sink', ...sink, topic, orderingKey: '{topic}' },
    { id: 'table', type: 'bigquery-sink', ...sink, ...rows, writeMethod: 'exactlyOnce' },
  ]
}

const isEmpty = (nodeRed: NodeRed) =>
  ['events', 'table'].every((id) => {
    const { fill, text = '' } = nodeRed.status(id) ?? {}
    return fill === 'green' && !/outbox [1-9]|waiting/.test(text)
  })

async function tableRows(table: string) {
  const rows = await bigquery.query(`SELECT n, topic, id FROM \`${dataset}.${table}\``)
  return rows.map(({ n, topic, id }) => ({ number: Number(n), topic: String(topic), id: String(id) }))
}

/** Stops Node-RED when nothing is on its way, and reads the books of both targets. */
async function books(
  { nodeRed, broker, published }: { nodeRed: NodeRed; broker: Mosquitto; published: readonly Numbered[] },
  { topics, tables }: { topics: readonly string[]; tables: readonly string[] },
): Promise<{ readonly events: Balance; readonly rows: Balance }> {
  await settled({ progress: front.storedRows, queueIsEmpty: () => isEmpty(nodeRed) })
  await nodeRed.stop()
  const common = {
    published,
    deadLettered: readDeadLetters(join(nodeRed.userDir, 'rowline/dead-letter')),
    held: (await drainSession(broker.port, clientId)).map(readMessage),
  }
  const stored = (await Promise.all(tables.map(tableRows))).flat()
  const events = balance({ ...common, confirmed: topics.flatMap((topic) => readPubsub(pubsub, topic)) })
  const rows = balance({ ...common, confirmed: stored })
  process.stderr.write(`ledger: Pub/Sub: ${balanceLine(events)}\nledger: BigQuery: ${balanceLine(rows)}\n`)
  for (const { lost, deadLettered, held, confirmed } of [events, rows])
    assert.deepEqual(
      { lost, deadLettered, held, confirmed },
      { lost: 0, deadLettered: 0, held: 0, confirmed: published.length },
    )
  assert.equal(events.outOfOrder, 0)
  assert.equal(new Set(stored.map(({ id }) => id)).size, stored.length, 'no row of an outbox is there twice')
  return { events, rows }
}

test(`a topic that is missing, a column that appears, and ${kills} kills between append and answer: lost 0`, {
  timeout: sized(280_000, 1_200_000),
}, async () => {
  const table = 'changing'
  const topics = mqttTopics.map((name) => name.replace('/', '_'))
  const [missing, ...others] = topics as [string, ...string[]]
  for (const topic of others) await pubsub.createTopic(topic)
  await bigquery.createTable(dataset, table, columns)
  await using broker = await startLoggingMosquitto({ persistence: true })
  await using nodeRed = await startNodeRed()
  await deploySubscribed(nodeRed, broker, flow(broker, { topic: '{topic}', table }))
  await using flood = startFlood({ port: broker.port, topics: mqttTopics, qos: 1, ratePerSecond })
  const moreRows = (more: number) => {
    const least = front.storedRows() + more
    const output = () => `${JSON.stringify(nodeRed.status('table'))}\n${nodeRed.log().slice(-3000)}`
    return until(() => front.storedRows() >= least, { what: `${more} more rows`, timeoutMs: 60_000, output })
  }
  const redFor = (id: string, text: RegExp) =>
    nodeRed.statusIs(id, (status) => status.fill === 'red' && text.test(status.text ?? ''), 60_000)
  await moreRows(2 * ratePerSecond)
  await redFor('events', /plant_a|does not exist/)
  for (const topic of others) assert.ok(pubsub.stored(topic).length >= batchRecords, `${topic} went on`)
  for (let kill = 0; kill < kills; kill++) {
    let appends = 0
    front.faults.append = () => {
      if (++appends < 3) return undefined
      void nodeRed.kill9()
      return kill % 2 === 0 ? 'loseReply' : 'silent'
    }
    await until(() => appends >= 3, { what: 'the kill', timeoutMs: 60_000 })
    front.faults.append = undefined
    await nodeRed.restart()
    await moreRows(ratePerSecond)
  }
  // As when somebody has dropped a column, and adds it again: the emulator itself cannot.
  const narrow = { schema: { fields: columns.filter(({ name }) => name !== 'id') } }
  front.faults.rest = (method) => (method === 'GET' ? { status: 200, body: narrow } : undefined)
  front.faults.append = () => ({ code: 3, message: 'extra field id', storageCode: 7 })
  await redFor('table', /column id missing/)
  front.faults.rest = front.faults.append = undefined
  await moreRows(2 * ratePerSecond)
  await pubsub.createTopic(missing)
  await until(() => pubsub.stored(missing).length > ratePerSecond, {
    what: 'the readings that were held',
    timeoutMs: 60_000,
  })
  const published = await flood.stop()
  const { events } = await books({ nodeRed, broker, published }, { topics, tables: [table] })
  // Per kill what an outbox has handed out and not seen confirmed, and what the broker sends again.
  const most = kills * (4 * batchRecords + ratePerSecond)
  assert.ok(events.duplicated <= most, `${events.duplicated} duplicates, at most ${most}`)
})

test('another topic and another table are deployed while both outboxes are full: what waits goes there, lost 0', {
  timeout: 280_000,
}, async () => {
  const [first, second] = ['full-1', 'full-2']
  const tables = ['full_1', 'full_2'] as const
  for (const topic of [first!, second!]) await pubsub.createTopic(topic)
  for (const table of tables) await bigquery.createTable(dataset, table, columns)
  await using broker = await startLoggingMosquitto({ persistence: true })
  await using nodeRed = await startNodeRed()
  const outboxMaxBytes = '1 MiB'
  await deploySubscribed(nodeRed, broker, flow(broker, { topic: first!, table: tables[0], outboxMaxBytes }))
  const filler = 'x'.repeat(2000)
  await using flood = startFlood({
    port: broker.port,
    topics: mqttTopics,
    qos: 1,
    ratePerSecond,
    payload: ({ number, topic }) => JSON.stringify({ n: number, topic, filler }),
  })
  await until(() => pubsub.stored(first!).length > ratePerSecond, { what: 'the first messages', timeoutMs: 60_000 })
  const before = pubsub.stored(first!).length
  await pubsub.fault({ code: 'UNAVAILABLE', count: -1 })
  front.faults.append = () => ({ code: 14, message: 'The service is currently unavailable.' })
  const full = () => nodeRed.log().split('[OUTBOX_FULL]').length > 2
  await until(full, { what: 'both outboxes to be full', timeoutMs: 120_000, output: () => nodeRed.log().slice(-3000) })
  await nodeRed.deploy(flow(broker, { topic: second!, table: tables[1], outboxMaxBytes }))
  await pubsub.heal()
  front.faults.append = undefined
  await until(() => pubsub.stored(second!).length > ratePerSecond, { what: 'the other topic', timeoutMs: 60_000 })
  const published = await flood.stop()
  await books({ nodeRed, broker, published }, { topics: [first!, second!], tables })
  assert.ok(pubsub.stored(first!).length < before + 10 * batchRecords, 'the first topic got nothing more')
})
