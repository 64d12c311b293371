import { bigquerySink } from '../../src/sinks/bigquery/sink.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'
import { sinkContract } from '../contract/sink-contract.ts'
import { reading } from '../contract/sink-harness.ts'
import { type BigQuery, startBigQuery } from '../services/bigquery.ts'
import { type BigQueryFront, rowErrorsAnswer, startBigQueryFront } from '../services/bigquery-front.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { bigqueryContext, dataset } from './bigquery-harness.ts'

const poison = 'what the target refuses'

for (const writeMethod of ['storageWrite', 'insertAll'] as const) {
  let bigquery: BigQuery
  let front: BigQueryFront
  const tableOf = (name: string) => `${writeMethod}_${name.replaceAll('-', '_')}`
  const directory = temporaryDirectory('bigquery-contract')

  sinkContract(
    { ...bigquerySink, type: `bigquery-sink (${writeMethod})` },
    {
      start: async () => {
        bigquery = await startBigQuery()
        front = await startBigQueryFront(bigquery)
        await bigquery.createDataset(dataset)
        front.faults.append = ({ rows }) => {
          const bad = rows.flatMap((row, index) => (row.includes(poison) ? [{ index, message: 'too bad' }] : []))
          return bad.length > 0 ? { answer: rowErrorsAnswer(bad) } : undefined
        }
        front.faults.insertRow = (row) =>
          JSON.stringify(row).includes(poison) ? { reason: 'invalid', message: 'too bad' } : undefined
      },
      stop: async () => {
        await front.close()
        await bigquery.stop()
      },
      config: (name) => ({
        cloud: 'c',
        dataset,
        table: tableOf(name),
        writeMethod,
        createTable: true,
        requestTimeoutMs: '15 s',
        columns: [
          { name: 'payload', value: '{payload}' },
          { name: 'mqtt_topic', value: '{topic}' },
        ],
      }),
      get context(): SinkContext {
        return {
          ...bigqueryContext({ at: { url: 'http://127.0.0.1:1', storage: '127.0.0.1:1' }, directory }),
          connection: <C>() =>
            bigqueryContext({ at: front ?? { url: 'http://127.0.0.1:1', storage: '127.0.0.1:1' } }).connection<C>(''),
        }
      },
      readBack: async (name) => {
        const sql = `SELECT TO_JSON_STRING(payload) AS p FROM \`${dataset}.${tableOf(name)}\``
        const rows = await front.alone(() => bigquery.query(sql))
        return rows.map(({ p }) => JSON.parse(String(p)))
      },
      breakTarget: async () => front.refuse(),
      healTarget: async () => {
        front.heal()
        await until(() => isAnswering(front), { what: 'the front', timeoutMs: 30_000 })
      },
      poison: reading(7, { payload: poison }),
    },
  )
}

/** Connections that were kept for later requests are found dead by this one, and not by the sink's. */
const isAnswering = ({ url }: BigQueryFront) =>
  fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
