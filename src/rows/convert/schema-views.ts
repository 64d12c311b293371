import type { ParsedSchema } from '../parse-ddl.ts'
import { type Column, type ColumnType, formatColumns, formatType } from '../row-schema.ts'
import { jsonSchemaOf } from '../to-json-schema.ts'
import { toBigQuerySchema } from './big-query-schema.ts'

/** The ways in which a schema can be shown. */
export const schemaViews = ['columns', 'sql', 'json-schema', 'big-query'] as const
export type SchemaView = (typeof schemaViews)[number]

export interface Shown {
  readonly text: string
  /** Sentences about what the view does not say as the schema does. */
  readonly notices: readonly string[]
}

export function showSchema(schema: ParsedSchema, view: SchemaView): Shown {
  const { columns } = schema
  const computed = columns.filter(({ fromMillis }) => fromMillis !== undefined)
  switch (view) {
    case 'columns':
      return { text: tree(columns, ''), notices: [] }
    case 'sql':
      return { text: formatColumns(columns), notices: [] }
    case 'json-schema':
      return {
        text: JSON.stringify(jsonSchemaOf(schema), null, 2),
        notices: computed.map(({ name }) => `${name}: is computed, and is text in the row`),
      }
    case 'big-query': {
      const { fields, notices } = toBigQuerySchema(columns)
      return { text: JSON.stringify(fields, null, 2), notices }
    }
  }
}

/** One line for each column, what is in a ROW, a list or a map below it: `metadata: ROW (7 fields)`. */
function tree(columns: readonly Column[], indent: string): string {
  return columns
    .map(({ name, type, notNull }) => {
      const inner = columnsIn(type)
      const below = inner.length === 0 ? '' : `\n${tree(inner, `${indent}  `)}`
      return `${indent}${name}: ${brief(type)}${notNull ? ' NOT NULL' : ''}${below}`
    })
    .join('\n')
}

function columnsIn(type: ColumnType): readonly Column[] {
  if (type.kind === 'ROW') return type.columns
  if (type.kind === 'ARRAY') return columnsIn(type.element.type)
  return type.kind === 'MAP' ? columnsIn(type.value.type) : []
}

function brief(type: ColumnType): string {
  if (type.kind === 'ROW') return `ROW (${type.columns.length} ${type.columns.length === 1 ? 'field' : 'fields'})`
  if (type.kind === 'ARRAY') return `ARRAY of ${brief(type.element.type)}`
  return type.kind === 'MAP' ? `MAP of ${brief(type.value.type)}` : formatType(type)
}

/** Values for the fields of `row-schema` that write the schema another way; undefined where that cannot hold it. */
export function writeSchema(schema: ParsedSchema, view: SchemaView): { readonly [field: string]: unknown } | undefined {
  const { columns } = schema
  if (columns.length === 0 || view === 'big-query') return undefined
  if (view === 'sql') return { writtenAs: 'sql', schema: formatColumns(columns) }
  if (columns.some(({ fromMillis }) => fromMillis !== undefined)) return undefined
  if (view === 'json-schema') return { writtenAs: 'json-schema', jsonSchema: showSchema(schema, view).text }
  const rows = columns.map(({ name, type, notNull }) => ({ name, type: formatType(type), required: notNull }))
  return { writtenAs: 'columns', columns: rows }
}
