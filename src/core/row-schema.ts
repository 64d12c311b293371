/** The types without parts and sizes. */
export type PlainKind =
  | 'BOOLEAN'
  | 'TINYINT'
  | 'SMALLINT'
  | 'INT'
  | 'BIGINT'
  | 'FLOAT'
  | 'DOUBLE'
  | 'STRING'
  | 'BYTES'
  | 'DATE'

/** A type of Flink SQL. `length` is a wish: what is longer or shorter passes, as with Flink's JSON format. */
export type ScalarType =
  /** `format`: what the text of a STRING is; decoding does not look at it. */
  | { readonly kind: PlainKind; readonly format?: 'date-time' }
  | { readonly kind: 'CHAR' | 'VARCHAR' | 'BINARY' | 'VARBINARY'; readonly length: number }
  | { readonly kind: 'DECIMAL'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'TIME' | 'TIMESTAMP' | 'TIMESTAMP_LTZ'; readonly precision: number }

export type ColumnType =
  | ScalarType
  | { readonly kind: 'ARRAY'; readonly element: Item }
  /** Its keys are text. */
  | { readonly kind: 'MAP'; readonly value: Item }
  | { readonly kind: 'ROW'; readonly columns: readonly Column[] }

/** An element of an array or a value of a map. */
export interface Item {
  readonly type: ColumnType
  /** A record in which this is missing or null is rejected. */
  readonly notNull: boolean
}

export interface Column extends Item {
  readonly name: string
  /**
   * Not in the payload: the time, in whole seconds of UTC, that the column of this name counts in milliseconds since
   * 1970. In the outermost row only.
   */
  readonly fromMillis?: string
  /** It may be missing where missing fields are rejected: somebody else fills it. */
  readonly mayMiss?: boolean
}

/**
 * The columns of a row, in the order in which they are written. Names are unique and case-sensitive. Names that look
 * like an array index (`` `1` ``) come first in a row all the same: JavaScript orders the keys of an object that way.
 */
export interface RowSchema {
  readonly columns: readonly Column[]
}

export const isTimestamp = ({ kind }: ColumnType): boolean => kind === 'TIMESTAMP' || kind === 'TIMESTAMP_LTZ'

/** The type itself and all types in it. */
export function typesIn(type: ColumnType): readonly ColumnType[] {
  if (type.kind === 'ROW') return [type, ...type.columns.flatMap((column) => typesIn(column.type))]
  if (type.kind === 'ARRAY') return [type, ...typesIn(type.element.type)]
  return type.kind === 'MAP' ? [type, ...typesIn(type.value.type)] : [type]
}

/** The Flink text of a type, names always quoted; `parseRowSchema` reads that of a ROW back. */
export function formatType(type: ColumnType): string {
  switch (type.kind) {
    case 'ROW':
      return `ROW<${type.columns.map(formatColumn).join(', ')}>`
    case 'ARRAY':
      return `ARRAY<${formatItem(type.element)}>`
    case 'MAP':
      return `MAP<STRING, ${formatItem(type.value)}>`
    case 'DECIMAL':
      return `DECIMAL(${type.precision}, ${type.scale})`
    default:
      return 'length' in type
        ? `${type.kind}(${type.length})`
        : 'precision' in type
          ? `${type.kind}(${type.precision})`
          : type.kind
  }
}

/** The columns as SQL, one a line; `parseRowSchema` reads it back. */
export const formatColumns = (columns: readonly Column[]): string => columns.map(formatColumn).join(',\n')

const formatItem = ({ type, notNull }: Item): string => `${formatType(type)}${notNull ? ' NOT NULL' : ''}`

function formatColumn(column: Column): string {
  const { name, fromMillis } = column
  return fromMillis === undefined
    ? `${quoteName(name)} ${formatItem(column)}`
    : `${quoteName(name)} AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(${quoteName(fromMillis)} AS BIGINT) / 1000))`
}

const quoteName = (name: string): string => `\`${name.replaceAll('`', '``')}\``
