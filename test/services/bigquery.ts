import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TableField } from '../../src/sinks/bigquery/rest.ts'
import { findProgram, freePort, runCommand, startProcess, until } from './processes.ts'

const packages = ['bqemulator==1.4.0', 'duckdb==1.5.6', 'numpy==2.4.6'] as const
const cache = join(homedir(), '.cache/rowline')
const environment = join(cache, 'bqemulator-1.4.0')
const isReady = join(environment, 'ready')
const launcher = join(import.meta.dirname, 'bigquery/launcher.py')

/** For ever, sometimes, where it is asked while rows are written. */
const askMs = 60_000

export const project = 'rowline-test'

/** bqemulator: BigQuery's REST interface and its Storage Write API before a DuckDB in memory. */
export interface BigQuery extends AsyncDisposable {
  /** `http://127.0.0.1:…`, for REST. */
  readonly url: string
  /** `127.0.0.1:…`, for gRPC. */
  readonly storage: string
  createDataset(dataset: string): Promise<void>
  createTable(dataset: string, table: string, fields: readonly TableField[]): Promise<void>
  deleteTable(dataset: string, table: string): Promise<void>
  /** Runs SQL and gives its rows, each cell as the text of the REST interface. Not while rows are written. */
  query(sql: string): Promise<readonly { readonly [column: string]: unknown }[]>
  stop(): Promise<void>
}

export async function startBigQuery(): Promise<BigQuery> {
  await install()
  const [rest, grpc] = [await freePort(), await freePort()]
  const ports = ['--rest-port', String(rest), '--grpc-port', String(grpc)]
  const emulator = startProcess(
    join(environment, 'bin/python'),
    [launcher, ...ports, '--log-level', 'warning', '--ephemeral'],
    { name: 'bqemulator' },
  )
  const url = `http://127.0.0.1:${rest}`
  const isUp = async () => {
    if (!emulator.isRunning()) throw new Error(`bqemulator ended: ${emulator.output()}`)
    return await fetch(`${url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  await until(isUp, { timeoutMs: 120_000, intervalMs: 100, what: 'bqemulator', output: emulator.output })
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}/bigquery/v2/projects/${project}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(askMs),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? {} : JSON.parse(text)
  }
  const stop = async () => void (await emulator.stop())
  return {
    url,
    storage: `127.0.0.1:${grpc}`,
    createDataset: async (datasetId) => void (await ask('POST', '/datasets', { datasetReference: { datasetId } })),
    createTable: async (datasetId, tableId, fields) => {
      const tableReference = { projectId: project, datasetId, tableId }
      await ask('POST', `/datasets/${datasetId}/tables`, { tableReference, schema: { fields } })
    },
    deleteTable: async (dataset, table) => void (await ask('DELETE', `/datasets/${dataset}/tables/${table}`)),
    query: async (sql) => {
      const request = { query: sql, useLegacySql: false, maxResults: 1_000_000, timeoutMs: 60_000 }
      const answer = (await ask('POST', '/queries', request)) as Answer
      if (!answer.schema) throw new Error(`${sql}: ${JSON.stringify(answer)}`)
      return rowsOf(answer)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Answer {
  readonly schema?: { readonly fields?: readonly TableField[] }
  readonly rows?: readonly Cells[]
}

interface Cells {
  readonly f: readonly { readonly v: unknown }[]
}

function rowsOf({ schema, rows = [] }: Answer): readonly { readonly [column: string]: unknown }[] {
  return rows.map((row) => rowOf(row, schema?.fields ?? []))
}

function rowOf({ f }: Cells, fields: readonly TableField[]): { readonly [column: string]: unknown } {
  return Object.fromEntries(fields.map((field, i) => [field.name, cellOf(f[i]!.v, field)]))
}

function cellOf(value: unknown, field: TableField): unknown {
  if (value === null) return null
  if (field.mode === 'REPEATED')
    return (value as { readonly v: unknown }[]).map(({ v }) => cellOf(v, { ...field, mode: 'NULLABLE' }))
  return field.fields ? rowOf(value as Cells, field.fields) : value
}

async function install(): Promise<void> {
  if (existsSync(isReady)) return
  const python = findProgram('python3', 'python3-venv')
  process.stderr.write(`bigquery: installing ${packages[0]} from PyPI into ${environment} (500 MB, once, 2 minutes)\n`)
  rmSync(environment, { recursive: true, force: true })
  await runCommand(python, ['-m', 'venv', environment])
  await runCommand(join(environment, 'bin/python'), [
    ...['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages],
  ])
  writeFileSync(isReady, '')
}
