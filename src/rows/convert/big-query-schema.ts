import { type Column, type ColumnType, formatType, type Item, type ScalarType } from '../row-schema.ts'

/** A field of a table in BigQuery's JSON form, as `bq mk --schema` and the API take it. */
export interface BigQueryField {
  readonly name: string
  readonly type: string
  readonly mode: 'NULLABLE' | 'REQUIRED' | 'REPEATED'
  readonly fields?: readonly BigQueryField[]
  readonly precision?: string
  readonly scale?: string
}

export interface BigQuerySchema {
  readonly fields: readonly BigQueryField[]
  /** Sentences about what BigQuery holds in another way, or not at all. */
  readonly notices: readonly string[]
}

type Shape = Omit<BigQueryField, 'name'>

const types: { readonly [kind in Exclude<ScalarType['kind'], 'DECIMAL'>]: string } = {
  BOOLEAN: 'BOOLEAN',
  TINYINT: 'INTEGER',
  SMALLINT: 'INTEGER',
  INT: 'INTEGER',
  BIGINT: 'INTEGER',
  FLOAT: 'FLOAT',
  DOUBLE: 'FLOAT',
  STRING: 'STRING',
  CHAR: 'STRING',
  VARCHAR: 'STRING',
  BYTES: 'BYTES',
  BINARY: 'BYTES',
  VARBINARY: 'BYTES',
  DATE: 'DATE',
  TIME: 'TIME',
  TIMESTAMP: 'DATETIME',
  TIMESTAMP_LTZ: 'TIMESTAMP',
}

/** The columns of a BigQuery table that holds the rows. */
export function toBigQuerySchema(columns: readonly Column[]): BigQuerySchema {
  const notices: string[] = []
  return { fields: columns.map((column) => field(column.name, column, [], notices)), notices }
}

function field(name: string, item: Item, path: readonly string[], notices: string[]): BigQueryField {
  const here = [...path, name]
  const place = here.join('.')
  if (!/^[\p{L}_][\p{L}\p{N}_ &%=+:'<>#|-]{0,299}$/u.test(name))
    notices.push(`${place}: BigQuery does not take this name`)
  return { name, ...shape(item, here, notices) }
}

function shape({ type, notNull }: Item, path: readonly string[], notices: string[]): Shape {
  const mode = notNull ? 'REQUIRED' : 'NULLABLE'
  if (type.kind === 'ROW') {
    return { type: 'RECORD', mode, fields: type.columns.map((column) => field(column.name, column, path, notices)) }
  }
  if (type.kind === 'ARRAY') return repeated(type.element, path, notices)
  if (type.kind === 'MAP') {
    const key: BigQueryField = { name: 'key', type: 'STRING', mode: 'REQUIRED' }
    notices.push(`${path.join('.')}: a MAP is a list of records with key and value there`)
    return { type: 'RECORD', mode: 'REPEATED', fields: [key, field('value', type.value, path, notices)] }
  }
  return { ...scalar(type, path, notices), mode }
}

/** Lists of lists need a record in between, and neither a list nor what is in it can be null. */
function repeated(element: Item, path: readonly string[], notices: string[]): Shape {
  if (!element.notNull) notices.push(`${path.join('.')}: BigQuery takes no null in a list`)
  const inner = shape({ ...element, notNull: false }, path, notices)
  if (inner.mode !== 'REPEATED') return { ...inner, mode: 'REPEATED' }
  notices.push(`${path.join('.')}: a list of lists is a list of records with the field element there`)
  return { type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'element', ...inner }] }
}

function scalar(type: ScalarType, path: readonly string[], notices: string[]): Omit<Shape, 'mode'> {
  if (type.kind === 'DECIMAL') return decimal(type.precision, type.scale, path, notices)
  if ('format' in type) return { type: 'TIMESTAMP' }
  if ('precision' in type && type.precision > 6 && type.kind !== 'TIME')
    notices.push(`${path.join('.')}: BigQuery keeps six digits of the second`)
  return { type: types[(type satisfies ColumnType).kind] }
}

function decimal(precision: number, scale: number, path: readonly string[], notices: string[]): Omit<Shape, 'mode'> {
  const size = { precision: String(precision), scale: String(scale) }
  if (scale <= 9 && precision - scale <= 29) return { type: 'NUMERIC', ...size }
  if (scale <= 38 && precision - scale <= 38) return { type: 'BIGNUMERIC', ...size }
  notices.push(`${path.join('.')}: ${formatType({ kind: 'DECIMAL', precision, scale })} is text there`)
  return { type: 'STRING' }
}
