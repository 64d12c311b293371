/** BigQuery away for a while, and Node-RED killed in the middle: the books of the outbox and of both ways of writing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { balance, balanceLine, settled } from '../ledger/ledger.ts'
import { readDeadLetters, readMessage } from '../ledger/read.ts'
import { deploySubscribed, startLoggingMosquitto } from '../nodes/acceptance-flow.ts'
import { type BigQuery, project, startBigQuery } from '../services/bigquery.ts'
import { type BigQueryFront, startBigQueryFront } from '../services/bigquery-front.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { drainSession, publishNumbered } from '../services/publisher.ts'
import { sized } from './sizes.ts'

const outageMs = sized(10_000, 60_000)
const ratePerSecond = sized(100, 2000)
/** What waits is on the disk; the rest is room for the collector. */
const growthBound = 64 << 20
const batchRecords = 100
const dataset = 'plant'
const clientId = 'nr-loss-bigquery'
const fields = [
  { name: 'n', type: 'INTEGER', mode: 'REQUIRED' },
  { name: 'topic', type: 'STRING', mode: 'REQUIRED' },
  { name: 'id', type: 'STRING' },
]

let bigquery: BigQuery
let front: BigQueryFront
before(async () => {
  bigquery = await startBigQuery()
  front = await startBigQueryFront(bigquery)
  await bigquery.createDataset(dataset)
})
after(async () => {
  await front.close()
  await bigquery.stop()
})

const cases = [
  { delivery: 'outbox', writeMethod: 'storageWrite' },
  { delivery: 'outbox', writeMethod: 'exactlyOnce' },
  { delivery: 'confirm', writeMethod: 'storageWrite' },
] as const

for (const { delivery, writeMethod } of cases) {
  test(`${delivery}, ${writeMethod}: BigQuery away for ${outageMs / 1000} s, Node-RED killed -9 in it and after it: lost 0`, {
    timeout: sized(280_000, 900_000),
  }, async () => {
    const table = `${delivery}_${writeMethod}`
    await bigquery.createTable(dataset, table, fields)
    await using broker = await startLoggingMosquitto({ persistence: true })
    await using nodeRed = await startNodeRed()
    await deploySubscribed(nodeRed, broker, flow(broker, table, { delivery, writeMethod }))
    const stop = new AbortController()
    const publishing = publishNumbered({
      port: broker.port,
      topics: ['plant/a', 'plant/b'],
      count: Number.MAX_SAFE_INTEGER,
      qos: 1,
      ratePerSecond,
      signal: stop.signal,
    })
    const rows = (more: number) => {
      const least = front.storedRows() + more
      return until(() => front.storedRows() >= least, {
        what: `${more} more rows`,
        timeoutMs: 60_000,
        output: () => `${JSON.stringify(nodeRed.status('sink'))}\n${nodeRed.log()}`,
      })
    }
    let growth = 0
    try {
      await rows(2 * ratePerSecond)
      front.refuse()
      await wait(outageMs / 2)
      await nodeRed.kill9()
      await nodeRed.restart()
      await nodeRed.statusIs('sink', ({ text }) => /not reachable/.test(text ?? ''), 60_000)
      // Node-RED needs a minute of such a rate until its memory has the size that it keeps.
      await wait(sized(outageMs / 6, 60_000))
      const before = await residentBytes(nodeRed)
      await wait(outageMs / 3)
      growth = (await residentBytes(nodeRed)) - before
      front.heal()
      await rows(ratePerSecond)
      await nodeRed.kill9()
      await nodeRed.restart()
      await rows(ratePerSecond)
    } finally {
      stop.abort()
    }
    const published = await publishing
    await settled({ progress: front.storedRows, queueIsEmpty: () => isEmpty(nodeRed) })
    await nodeRed.stop()
    const result = balance({
      published,
      confirmed: await stored(table),
      deadLettered: readDeadLetters(join(nodeRed.userDir, 'rowline/dead-letter')),
      held: (await drainSession(broker.port, clientId)).map(readMessage),
    })
    process.stderr.write(`ledger: ${delivery} ${writeMethod}: ${balanceLine(result)}\n`)
    process.stderr.write(`RSS ${Math.round(growth / (1 << 20))} MiB more at the end of the outage\n`)
    assert.ok(growth <= growthBound, `${growth} bytes of growth`)
    assert.deepEqual([result.lost, result.deadLettered, result.confirmed], [0, 0, published.length])
    if (writeMethod === 'exactlyOnce') assert.equal(await copies(table), 0)
  })
}

/** The lowest of a few looks: what stays after the collector has been there. */
async function residentBytes({ pid }: NodeRed): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY
  for (let look = 0; look < 5; look++) {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
    lowest = Math.min(lowest, Number(kilobytes) * 1024)
    await wait(sized(100, 1000))
  }
  return lowest
}

const isEmpty = (nodeRed: NodeRed) => {
  const { fill, text = '' } = nodeRed.status('sink') ?? {}
  return fill === 'green' && !/outbox [1-9]|waiting/.test(text)
}

async function stored(table: string) {
  const rows = await bigquery.query(`SELECT n, topic FROM \`${dataset}.${table}\``)
  return rows.map(({ n, topic }) => ({ number: Number(n), topic: String(topic) }))
}

/** Rows whose outbox id is in the table already. The broker itself may send a message twice, under two ids. */
async function copies(table: string): Promise<number> {
  const [row] = await bigquery.query(`SELECT COUNT(*) - COUNT(DISTINCT id) AS c FROM \`${dataset}.${table}\``)
  return Number(row!.c)
}

function flow(broker: Mosquitto, table: string, sink: { readonly [option: string]: string }): readonly FlowNode[] {
  const place = { z: 'tab' }
  const source = { type: 'mqtt-v3-source', host: '127.0.0.1', port: String(broker.port), clientId }
  return [
    { id: 'tab', type: 'tab', label: 'Loss' },
    { id: 'broker', ...source, reconnectPeriodMs: '200 ms' },
    { id: 'schema', type: 'row-schema', schema: 'n BIGINT NOT NULL, topic STRING NOT NULL' },
    {
      id: 'cloud',
      type: 'google-cloud',
      projectId: project,
      bigqueryEmulator: front.url,
      bigqueryStorageEmulator: front.storage,
    },
    {
      id: 'in',
      type: 'mqtt-v3-in',
      ...place,
      source: 'broker',
      subscriptions: [{ filter: 'plant/#', qos: '1', route: '', to: '' }],
      wires: [['rows'], []],
    },
    { id: 'rows', type: 'row-decoder', ...place, schema: 'schema', wires: [['sink'], []] },
    {
      id: 'sink',
      type: 'bigquery-sink',
      ...place,
      cloud: 'cloud',
      dataset,
      table,
      schema: 'schema',
      columns: [{ name: 'id', value: '{id}' }],
      batchRecords: String(batchRecords),
      requestTimeoutMs: '3 s',
      maxRetryBackoffMs: '2 s',
      ...sink,
      wires: [[], []],
    },
  ]
}
