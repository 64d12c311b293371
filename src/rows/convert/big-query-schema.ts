import type { Column, ColumnType, Item, ScalarType } from '../row-schema.ts'

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
  TIMESTAMP: 'TIMESTAMP',
  TIMESTAMP_LTZ: 'TIMESTAMP',
}

/** The columns of a BigQuery table that holds the rows: those that the bigquery sink makes and takes. */
export function toBigQuerySchema(columns: readonly Column[]): BigQuerySchema {
  const notices: string[] = []
  return { fields: columns.map((column) => field(column.name, column, [], notices)), notices }
}

function field(name: string, item: Item, path: readonly string[], notices: string[]): BigQueryField {
  const here = [...path, name]
  const place = here.join('.')
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,299}$/.test(name)) notices.push(`${place}: BigQuery does not take this name`)
  return { name, ...shape(item, here, notices) }
}

function shape({ type, notNull }: Item, path: readonly string[], notices: string[]): Shape {
  const mode = notNull ? 'REQUIRED' : 'NULLABLE'
  if (type.kind === 'ROW') {
    return { type: 'RECORD', mode, fields: type.columns.map((column) => field(column.name, column, path, notices)) }
  }
  if (type.kind === 'ARRAY' && type.element.type.kind === 'ARRAY') {
    notices.push(`${path.join('.')}: a list of lists is JSON there`)
    return { type: 'JSON', mode }
  }
  if (type.kind === 'ARRAY') return repeated(type.element, path, notices)
  if (type.kind === 'MAP') {
    notices.push(`${path.join('.')}: a MAP is JSON there`)
    return { type: 'JSON', mode }
  }
  return { ...scalar(type, path, notices), mode }
}

/** Neither a list nor what is in it can be null. */
function repeated(element: Item, path: readonly string[], notices: string[]): Shape {
  if (!element.notNull) notices.push(`${path.join('.')}: BigQuery takes no null in a list`)
  return { ...shape({ ...element, notNull: false }, path, notices), mode: 'REPEATED' }
}

function scalar(type: ScalarType, path: readonly string[], notices: string[]): Omit<Shape, 'mode'> {
  if (type.kind === 'DECIMAL') return decimal(type.precision, type.scale)
  if ('format' in type)
    notices.push(`${path.join('.')}: text there; as TIMESTAMP_LTZ(3) in the row schema it is a TIMESTAMP`)
  if ('precision' in type && type.precision > 6 && type.kind !== 'TIME')
    notices.push(`${path.join('.')}: BigQuery keeps six digits of the second`)
  return { type: types[(type satisfies ColumnType).kind] }
}

/** DECIMAL has at most 38 digits, so that BIGNUMERIC holds what NUMERIC does not. */
const decimal = (precision: number, scale: number): Omit<Shape, 'mode'> => ({
  type: scale <= 9 && precision - scale <= 29 ? 'NUMERIC' : 'BIGNUMERIC',
  precision: String(precision),
  scale: String(scale),
})
