import { Problem } from '../../core/problem.ts'
import { flag, type Meaning, textOf } from '../option.ts'
import { isTable, type Pasted, type PastedTable } from '../pasted.ts'
import { migrationProblems } from '../problems.ts'

export const rows = (column: string) => `mqtt-v3-in.subscriptions[].${column}`
const qualities: { readonly [name: string]: string } = { atmostonce: '0', atleastonce: '1', exactlyonce: '2' }
export const quality = (name: string) => qualities[name.toLowerCase()] ?? name
export const receipt = (reliable: string) =>
  flag(reliable) === 'true' ? 'afterFlow' : flag(reliable) === 'false' ? 'onReceipt' : reliable

export const routes = {
  from: ['from', 'mqtt_topic'],
  to: ['to', 'danube_topic'],
  qos: ['qos'],
  partitions: ['partitions'],
  reliable: ['reliable_dispatch'],
} as const
export const schemas = ['topic', 'subject', 'schema_type', 'schema_file', 'auto_register', 'version_strategy']

/** Where the columns of a route go. */
export const rowPlaces = {
  filter: rows('filter'),
  to: rows('to'),
  qos: rows('qos'),
  partitions: rows('partitions'),
  acknowledge: 'mqtt-v3-in.acknowledge',
}

const field = (table: PastedTable, names: readonly string[]) =>
  textOf(names.map((name) => table[name]).find((value) => value !== undefined) ?? '')

export function readRoutes(value: Pasted): Meaning {
  const tables = tablesOf(value)
  if (tables instanceof Problem) return tables
  const of = (names: readonly string[]) => tables.map((table) => field(table, names))
  const places = rowPlaces
  const reliable = new Set(of(routes.reliable).filter((each) => each !== ''))
  // Of two ways the one that loses nothing.
  const acknowledge = reliable.size > 1 ? 'afterFlow' : [...reliable].map(receipt)[0]
  const set = {
    [places.filter]: of(routes.from),
    [places.to]: of(routes.to),
    [places.qos]: of(routes.qos).map((name) => quality(name || '1')),
    [places.partitions]: of(routes.partitions).map((count) => (count === '0' ? '' : count)),
    ...(acknowledge === undefined ? {} : { [places.acknowledge]: acknowledge }),
  }
  return { set }
}

const formats: { readonly [type: string]: string } = {
  json_schema: 'json-schema',
  string: 'text',
  bytes: 'raw',
  number: 'json',
  avro: 'json',
}

/** What all entries say alike; else they need a node each. */
export function readSchemas(value: Pasted): Meaning {
  const tables = tablesOf(value)
  if (tables instanceof Problem) return tables
  const type = same(tables.map((table) => field(table, ['schema_type']) || 'json_schema'))
  const register = same(tables.map((table) => flag(field(table, ['auto_register']) || 'true')))
  const version = same(tables.map((table) => versionOf(table.version_strategy ?? 'latest')))
  if (type === undefined || register === undefined || version === undefined) return { notice: 'schemasDiffer' }
  const format = formats[type.toLowerCase()]
  if (format === undefined) return migrationProblems.of('schemaType', { type })
  const registry = { 'kafka-sink.autoRegister': register, 'kafka-sink.schemaVersion': version }
  return { set: { 'row-decoder.format': format, ...registry } }
}

function versionOf(strategy: Pasted): string {
  if (!isTable(strategy)) return textOf(strategy)
  return strategy.minimum === undefined ? textOf(strategy.pinned ?? '') : `>=${textOf(strategy.minimum)}`
}

const same = (values: readonly string[]) => (new Set(values).size === 1 ? values[0] : undefined)

function tablesOf(value: Pasted): readonly PastedTable[] | Problem {
  const tables = Array.isArray(value) ? (value as readonly Pasted[]).filter(isTable) : []
  return tables.length > 0 ? tables : migrationProblems.of('tables')
}
