import type { Column, ColumnType, RowSchema, ScalarKind } from './row-schema.ts'

const scalars: { readonly [K in ScalarKind]: string } = {
  BIGINT: 'integer',
  INT: 'integer',
  DOUBLE: 'number',
  STRING: 'string',
  BOOLEAN: 'boolean',
}

/**
 * The JSON Schema (draft-07) of the rows that a decoder makes. Only NOT NULL columns are required, and no others are
 * allowed: what schema registries take as compatible is then a new column.
 */
export function toJsonSchema({ columns }: RowSchema): object {
  return { $schema: 'http://json-schema.org/draft-07/schema#', ...objectSchema(columns) }
}

function objectSchema(columns: readonly Column[]): object {
  const required = columns.filter(({ notNull }) => notNull).map(({ name }) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(columns.map((column) => [column.name, columnSchema(column)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}

function columnSchema({ type, notNull }: Column): object {
  const schema = typeSchema(type)
  return notNull ? schema : { oneOf: [{ type: 'null' }, schema] }
}

const typeSchema = (type: ColumnType): object =>
  type.kind === 'ROW' ? objectSchema(type.columns) : { type: scalars[type.kind] }
