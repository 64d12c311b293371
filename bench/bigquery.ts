/**
 * Microseconds of CPU per row from a JavaScript object to the request of an append, ours beside the official
 * JSONWriter: `npm run bench:bigquery`. Both take turns, and the median round counts. Rows are read by nobody.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, homedir, loadavg } from 'node:os'
import { join } from 'node:path'
import type { Record, Row } from '../src/core/record.ts'
import { parseRowSchema } from '../src/rows/parse-ddl.ts'
import { encodeAppend } from '../src/sinks/bigquery/append.ts'
import { targetsOf } from '../src/sinks/bigquery/columns.ts'
import { describeRows } from '../src/sinks/bigquery/descriptor.ts'
import { createRequestBuilder } from '../src/sinks/bigquery/request.ts'
import type { TableField } from '../src/sinks/bigquery/rest.ts'
import { newTable } from '../src/sinks/bigquery/table.ts'
import { runNpm } from '../test/services/package.ts'

const version = '5.1.2'
const rounds = 9
const rowsPerRound = 30_000
const batch = 500

const schema = parseRowSchema(
  'ts BIGINT, at TIMESTAMP(3), metadata ROW<siteId INT, deviceId INT, unit STRING, location ROW<latitude DOUBLE, longitude DOUBLE>, deviceType STRING>, ok BOOLEAN, samples ARRAY<DOUBLE>, measurement DOUBLE',
)
const rowOf = (n: number): Row => ({
  ts: 1_707_882_120_000 + n,
  at: `2026-11-21 09:00:${String(n % 60).padStart(2, '0')}.123`,
  metadata: {
    siteId: 103,
    deviceId: n,
    unit: 'Amp',
    location: { latitude: -33.9137, longitude: 25.5827 },
    deviceType: 'Hoist_Motor',
  },
  ok: n % 2 === 0,
  samples: [n, n / 2, n / 3],
  measurement: 24 + n / 7,
})
const rows = Array.from({ length: rowsPerRound }, (_, n) => rowOf(n))
const record = (payload: Row): Record => ({
  topic: 'plant/line1',
  payload,
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 1_795_251_600_000,
})

type Run = () => number

/** Validates as well; what it makes is the request as it goes over the wire. Gives its bytes. */
function ours(): Run {
  const { prepare } = createRequestBuilder({ columns: [], writeMethod: 'storageWrite' }, schema)
  const descriptor = describeRows(targetsOf(schema))
  const records = rows.map(record)
  return () => {
    let bytes = 0
    for (let start = 0; start < records.length; start += batch) {
      const requests = records.slice(start, start + batch).map((one) => prepare(one).request)
      const encoded = requests.map(({ row }) => row as Buffer)
      bytes += encodeAppend({
        stream: 'projects/p/datasets/d/tables/t/streams/_default',
        descriptor,
        rows: encoded,
      }).length
    }
    return bytes
  }
}

interface Official {
  readonly adapt: {
    convertBigQuerySchemaToStorageTableSchema(schema: object): object
    convertStorageSchemaToProto2Descriptor(schema: object, name: string): object
  }
  readonly managedwriter: {
    readonly JSONWriter: new (options: object) => { appendRows(rows: readonly object[]): unknown }
  }
}

/** Without the last step, from the request as an object to bytes. It takes dates for timestamps. */
async function official(): Promise<Run> {
  const { adapt, managedwriter } = await load()
  const fields = newTable(targetsOf(schema), {
    createTable: true,
    addColumns: false,
    partitioning: 'none',
    partitionColumn: '',
    clustering: '',
  }).schema?.fields as readonly TableField[]
  const storage = adapt.convertBigQuerySchemaToStorageTableSchema({ fields })
  const protoDescriptor = adapt.convertStorageSchemaToProto2Descriptor(storage, 'root')
  let bytes = 0
  const write = ({ protoRows }: { readonly protoRows: { rows: { serializedRows: readonly Uint8Array[] } } }) => {
    for (const { length } of protoRows.rows.serializedRows) bytes += length
  }
  const connection = { write, onSchemaUpdated: () => ({ off: () => {} }), getStreamId: () => 'x' }
  const writer = new managedwriter.JSONWriter({ connection, protoDescriptor })
  const dated = rows.map((row) => ({ ...row, at: new Date(String(row.at).replace(' ', 'T').concat('Z')) }))
  return () => {
    bytes = 0
    for (let start = 0; start < dated.length; start += batch) writer.appendRows(dated.slice(start, start + batch))
    return bytes
  }
}

async function load(): Promise<Official> {
  const directory = join(homedir(), '.cache/rowline/peers/bigquery-storage')
  if (!existsSync(join(directory, 'node_modules/@google-cloud/bigquery-storage'))) {
    console.log(`installing @google-cloud/bigquery-storage ${version}`)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{"private":true}')
    await runNpm(['install', '--no-audit', '--no-fund', `@google-cloud/bigquery-storage@${version}`], directory)
  }
  return createRequire(join(directory, 'package.json'))('@google-cloud/bigquery-storage') as Official
}

function measure(run: Run): { readonly microsPerRow: number; readonly bytesPerRow: number } {
  const before = process.cpuUsage()
  const bytes = run()
  const { user, system } = process.cpuUsage(before)
  return { microsPerRow: (user + system) / rowsPerRound, bytesPerRow: bytes / rowsPerRound }
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!

const ways: { readonly [name: string]: Run } = { JSONWriter: await official(), Rowline: ours() }
const times: { [name: string]: number[] } = {}
const sizes: { [name: string]: number } = {}
for (const run of Object.values(ways)) run()
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(ways)) {
    const { microsPerRow, bytesPerRow } = measure(run)
    times[name] = [...(times[name] ?? []), microsPerRow]
    sizes[name] = bytesPerRow
  }
}
console.log(
  `${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}, Node ${process.version}; ${rounds} rounds of ${rowsPerRound} rows`,
)
for (const [name, all] of Object.entries(times)) {
  const spread = `${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`
  console.log(`${name}: ${median(all).toFixed(2)} us of CPU per row (${spread}), ${sizes[name]!.toFixed(0)} bytes`)
}
console.log(`ratio ${(median(times.Rowline!) / median(times.JSONWriter!)).toFixed(2)}`)
