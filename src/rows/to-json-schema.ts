import { NumberText } from '../core/number-text.ts'
import { parseJson } from './json-text.ts'
import type { ParsedSchema } from './parse-ddl.ts'
import type { Column, ColumnType, Item, RowSchema } from './row-schema.ts'

/** What a value of the kind is in JSON. Times are text in the decoder's format, which no JSON Schema format is. */
const scalars: { readonly [K in Exclude<ColumnType['kind'], 'ROW' | 'ARRAY' | 'MAP'>]: object } = {
  BOOLEAN: { type: 'boolean' },
  TINYINT: { type: 'integer' },
  SMALLINT: { type: 'integer' },
  INT: { type: 'integer' },
  BIGINT: { type: 'integer' },
  FLOAT: { type: 'number' },
  DOUBLE: { type: 'number' },
  DECIMAL: { type: 'number' },
  CHAR: { type: 'string' },
  VARCHAR: { type: 'string' },
  STRING: { type: 'string' },
  BINARY: { type: 'string', contentEncoding: 'base64' },
  VARBINARY: { type: 'string', contentEncoding: 'base64' },
  BYTES: { type: 'string', contentEncoding: 'base64' },
  DATE: { type: 'string', format: 'date' },
  TIME: { type: 'string' },
  TIMESTAMP: { type: 'string' },
  TIMESTAMP_LTZ: { type: 'string' },
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
    properties: Object.fromEntries(columns.map((column) => [column.name, itemSchema(column)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}

function itemSchema({ type, notNull }: Item): object {
  const schema = typeSchema(type)
  return notNull ? schema : { oneOf: [{ type: 'null' }, schema] }
}

function typeSchema(type: ColumnType): object {
  if (type.kind === 'ROW') return objectSchema(type.columns)
  if (type.kind === 'ARRAY') return { type: 'array', items: itemSchema(type.element) }
  if (type.kind === 'MAP') return { type: 'object', additionalProperties: itemSchema(type.value) }
  return 'format' in type ? { ...scalars[type.kind], format: type.format } : scalars[type.kind]
}

/** The JSON Schema that a schema is written as, or that of its rows. JSON.stringify writes every digit of its numbers. */
export function jsonSchemaOf(schema: ParsedSchema): object {
  if (schema.jsonSchema === undefined) return toJsonSchema(schema)
  const rules = { lenient: false, number: (text: string) => new NumberText(text) }
  return Object(parseJson(schema.jsonSchema.source, rules))
}
