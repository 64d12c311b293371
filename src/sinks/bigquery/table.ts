import { PipelineError } from '../../core/errors.ts'
import type { Codec } from './codecs.ts'
import type { Target } from './columns.ts'
import type { BigQuerySinkConfig } from './config.ts'
import { classifyRest, RestError } from './errors.ts'
import type { Table, TableField, TableRest } from './rest.ts'

export type TableOptions = Pick<
  BigQuerySinkConfig,
  'createTable' | 'addColumns' | 'partitioning' | 'partitionColumn' | 'clustering'
>

/**
 * Resolves when the table has every column that is written, in a type that takes its values; creates it, or adds
 * columns, where the options say so. Rejects with a PipelineError, among them TABLE_MISMATCH, which names the column.
 */
export async function prepareTable(
  rest: TableRest,
  { targets, options, name }: { targets: readonly Target[]; options: TableOptions; name: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    const table = await existing(rest, options.createTable ? newTable(targets, options) : undefined, signal)
    const fields = table.schema?.fields ?? []
    const added = options.addColumns ? withColumns(fields, targets) : fields
    const problem = mismatch(added, targets)
    if (problem !== undefined) throw new PipelineError('TABLE_MISMATCH', { target: name, problem })
    if (added !== fields) await rest.patch({ schema: { fields: added } }, table.etag, signal)
  } catch (error) {
    throw classifyRest(error, name)
  }
}

async function existing(rest: TableRest, wanted: Table | undefined, signal: AbortSignal): Promise<Table> {
  try {
    return await rest.read(signal)
  } catch (error) {
    if (!wanted || !(error instanceof RestError) || error.status !== 404) throw error
  }
  await rest.create(wanted, signal).catch((error: unknown) => {
    if (!(error instanceof RestError) || error.status !== 409) throw error
  })
  return rest.read(signal)
}

/** The table that suits the columns. */
export function newTable(targets: readonly Target[], options: TableOptions): Table {
  const { partitioning, partitionColumn, clustering } = options
  const type = partitioning.endsWith('hour') ? 'HOUR' : 'DAY'
  const isByColumn = partitioning.startsWith('column')
  return {
    schema: { fields: targets.map(fieldOf) },
    ...(partitioning !== 'none' && { timePartitioning: { type, ...(isByColumn && { field: partitionColumn }) } }),
    ...(clustering !== '' && { clustering: { fields: namesIn(clustering) } }),
  }
}

export const namesIn = (list: string): readonly string[] => list.split(',').map((name) => name.trim())

function fieldOf(target: Target): TableField {
  const { name, type, mode, columns } = target
  return { name, type, mode, ...(columns && { fields: columns.map(fieldOf) }) }
}

/** The same list where nothing is missing. New columns are nullable: rows that are there have no value. */
function withColumns(fields: readonly TableField[], targets: readonly Target[]): readonly TableField[] {
  const grown = fields.map((field) => {
    const { columns } = targets.find((target) => isNamed(field, target)) ?? {}
    if (!columns || !field.fields) return field
    const inner = withColumns(field.fields, columns)
    return inner === field.fields ? field : { ...field, fields: inner }
  })
  const missing = targets.filter((target) => !fields.some((field) => isNamed(field, target)))
  if (missing.length === 0 && grown.every((field, i) => field === fields[i])) return fields
  return [...grown, ...missing.map((target) => nullable(fieldOf(target)))]
}

function nullable(field: TableField): TableField {
  return { ...field, mode: field.mode === 'REPEATED' ? 'REPEATED' : 'NULLABLE' }
}

const isNamed = ({ name }: TableField, target: Target) => name.toLowerCase() === target.name.toLowerCase()

/** Why these columns cannot be written into that table: of the first one that does not fit. */
export function mismatch(fields: readonly TableField[], targets: readonly Target[], path = ''): string | undefined {
  for (const target of targets) {
    const field = fields.find((one) => isNamed(one, target))
    const name = path + target.name
    const problem = field ? unlike(field, target, name) : `column ${name} missing`
    if (problem !== undefined) return problem
  }
  const unfilled = fields.find((field) => isRequired(field) && !targets.some((target) => isNamed(field, target)))
  return unfilled && `column ${path}${unfilled.name} is REQUIRED there, and the sink does not fill it`
}

const isRequired = ({ mode }: TableField) => mode === 'REQUIRED'

function unlike(field: TableField, target: Target, name: string): string | undefined {
  const type = legacyNames[field.type] ?? field.type
  if (!(target.takes as readonly string[]).includes(type))
    return `column ${name} is ${type} there and ${target.type} here`
  if ((field.mode === 'REPEATED') !== (target.mode === 'REPEATED'))
    return `column ${name} is ${field.mode ?? 'NULLABLE'} there and ${target.mode} here`
  const digits = target.codec?.digits
  if (digits && field.precision !== undefined && isNarrower(field, digits))
    return `column ${name} is ${type}(${field.precision}, ${field.scale ?? 0}) there and ${target.expected} here: it has no room for all digits`
  if (isRequired(field) && target.mode !== 'REQUIRED')
    return `column ${name} is REQUIRED there and may be null here: say NOT NULL in the row schema`
  return target.columns && mismatch(field.fields ?? [], target.columns, `${name}.`)
}

/** BigQuery rounds what has more digits behind the point than its column, without a word. */
function isNarrower({ precision, scale = '0' }: TableField, { before, behind }: NonNullable<Codec['digits']>): boolean {
  return Number(scale) < behind || Number(precision) - Number(scale) < before
}

const legacyNames: { readonly [sqlName: string]: string } = {
  BOOL: 'BOOLEAN',
  INT64: 'INTEGER',
  FLOAT64: 'FLOAT',
  STRUCT: 'RECORD',
  DECIMAL: 'NUMERIC',
  BIGDECIMAL: 'BIGNUMERIC',
}
