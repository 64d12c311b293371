/** The types without parts. More of them, and types with parts of their own (`DECIMAL(p, s)`), join ColumnType. */
export type ScalarKind = 'BIGINT' | 'INT' | 'DOUBLE' | 'STRING' | 'BOOLEAN'

export type ColumnType = { readonly kind: ScalarKind } | { readonly kind: 'ROW'; readonly columns: readonly Column[] }

export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** A record in which this column is missing or null is rejected. */
  readonly notNull: boolean
}

/**
 * The columns of a row, in the order in which they are written. Names are unique and case-sensitive. Names that look
 * like an array index (`` `1` ``) come first in a row all the same: JavaScript orders the keys of an object that way.
 */
export interface RowSchema {
  readonly columns: readonly Column[]
}

/** The Flink text of a type, names always quoted; `parseRowSchema` reads that of a ROW back. */
export function formatType(type: ColumnType): string {
  return type.kind === 'ROW' ? `ROW<${type.columns.map(formatColumn).join(', ')}>` : type.kind
}

function formatColumn({ name, type, notNull }: Column): string {
  return `\`${name.replaceAll('`', '``')}\` ${formatType(type)}${notNull ? ' NOT NULL' : ''}`
}
