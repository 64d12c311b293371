import { PipelineError } from '../core/errors.ts'
import type { Row, Value } from '../core/record.ts'
import { type JsonObject, parseJson, setOwn } from './json-text.ts'
import type { Column, RowSchema } from './row-schema.ts'
import { type ExactJson, NumberText, readScalar } from './scalars.ts'

/** At most one of them is true. */
export interface DecoderOptions {
  /** A missing field rejects the record instead of being null. */
  readonly failOnMissingField: boolean
  /** A value of the wrong type becomes null and a payload that is no row is skipped, instead of being rejected. */
  readonly ignoreParseErrors: boolean
}

type Fields = JsonObject<NumberText>
type Read<T> = (value: ExactJson | undefined) => T

/**
 * Decodes with the text of every number known, and knows all conversions between JSON values and columns. Takes what
 * Flink takes: control characters in strings, and anything behind the first object.
 * With `ignoreParseErrors` it still throws where there can be no row: the caller skips the record.
 */
export function readExactly(schema: RowSchema, options: DecoderOptions): (text: string) => Row {
  const readRow = rowReader(schema.columns, '', options)
  const rules = { lenient: true, number: (text: string) => new NumberText(text) }
  return (text) => {
    const value = parseJson(text, rules)
    return isObject(value) ? readRow(value) : wrongType('the top level', 'ROW', value)
  }
}

function rowReader(columns: readonly Column[], pointer: string, options: DecoderOptions): (fields: Fields) => Row {
  const readers = columns.map((column) => ({
    name: column.name,
    read: columnReader(column, `${pointer}/${escapePointer(column.name)}`, options),
  }))
  return (fields) => {
    const row: { [column: string]: Value } = {}
    for (const { name, read } of readers) {
      setOwn(row, name, read(Object.hasOwn(fields, name) ? fields[name] : undefined))
    }
    return row
  }
}

function columnReader(column: Column, pointer: string, options: DecoderOptions): Read<Value> {
  const convert = converter(column, pointer, options)
  const { notNull } = column
  const expected = `${column.type.kind}${notNull ? ' NOT NULL' : ''}`
  return (value) => {
    if (value === undefined && (notNull || options.failOnMissingField))
      throw new PipelineError('ROW_MISSING', { pointer })
    const converted = value === undefined || value === null ? null : (convert(value) ?? null)
    if (converted !== null || (!notNull && (options.ignoreParseErrors || value === undefined || value === null))) {
      return converted
    }
    return wrongType(pointer, expected, value as ExactJson)
  }
}

function converter(
  { type }: Column,
  pointer: string,
  options: DecoderOptions,
): (value: ExactJson) => Value | undefined {
  if (type.kind !== 'ROW') return readScalar[type.kind]
  const readRow = rowReader(type.columns, pointer, options)
  return (value) => (isObject(value) ? readRow(value) : undefined)
}

function isObject(value: ExactJson): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)
}

function wrongType(pointer: string, expected: string, value: ExactJson): never {
  throw new PipelineError('ROW_TYPE', { pointer, expected, found: shorten(JSON.stringify(value)) })
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 59)}…` : text)
const escapePointer = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1')
