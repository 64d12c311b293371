import { PipelineError } from '../core/errors.ts'
import { NumberText } from '../core/number-text.ts'
import type { Row, Value } from '../core/record.ts'
import { excerpt } from './excerpt.ts'
import { type JsonObject, parseJson, setOwn } from './json-text.ts'
import {
  type Column,
  type ColumnType,
  type DecoderOptions,
  formatType,
  type Item,
  isTimestamp,
  type RowSchema,
} from './row-schema.ts'
import { type ExactJson, payloadReader } from './scalars.ts'
import { timestampOfMillis } from './times.ts'

type Fields = JsonObject<NumberText>
/** The reader of a value at a place; undefined where the value has the wrong type. */
type Convert = (value: ExactJson, at: Place) => Value | undefined

/** Where a value stands: the way up to the document, put together only when something is wrong there. */
interface Place {
  readonly key: string | number
  readonly in: Place | undefined
}

/**
 * Decodes with the text of every number known, and knows all conversions between JSON values and columns. Takes what
 * Flink takes: control characters in strings, and anything behind the first object.
 * With `ignoreParseErrors` it still throws where there can be no row: the caller skips the record.
 */
export function readExactly(schema: RowSchema, options: DecoderOptions): (text: string) => Row {
  const readRow = rowReader(schema.columns, options)
  const rules = { lenient: true, number: (text: string) => new NumberText(text) }
  return (text) => {
    const value = parseJson(text, rules)
    return isObject(value) ? readRow(value, undefined) : wrongType(undefined, 'ROW', value)
  }
}

function rowReader(
  columns: readonly Column[],
  options: DecoderOptions,
): (fields: Fields, at: Place | undefined) => Row {
  const readers = columns
    .filter(({ fromMillis }) => fromMillis === undefined)
    .map((column) => ({ name: column.name, read: itemReader(column, options) }))
  const empty = columns.map(({ name }) => name)
  const computed = columns.filter(({ fromMillis }) => fromMillis !== undefined)
  return (fields, at) => {
    const row: { [column: string]: Value } = {}
    if (computed.length > 0) for (const name of empty) setOwn(row, name, null)
    for (const { name, read } of readers) {
      const value = name in Object.prototype && !Object.hasOwn(fields, name) ? undefined : fields[name]
      setOwn(row, name, read(value, { key: name, in: at }))
    }
    for (const { name, fromMillis } of computed) {
      const millis = row[fromMillis!]
      if (typeof millis === 'number') setOwn(row, name, timestampOfMillis(millis, options.timestampFormat))
    }
    return row
  }
}

/** Reads a column, an element or a value of a map; undefined is a missing field. */
function itemReader(
  { type, notNull, mayMiss: isFilled }: Item & Pick<Column, 'mayMiss'>,
  options: DecoderOptions,
): (value: ExactJson | undefined, at: Place) => Value {
  const convert = converter(type, options)
  const mayMiss = isFilled || (!notNull && !options.failOnMissingField)
  const mayBeWrong = !notNull && options.ignoreParseErrors
  const expected = `${formatExpected(type)}${notNull ? ' NOT NULL' : ''}`
  const isInstant = options.timestampFormat === 'RFC-3339' && isTimestamp(type)
  return (value, at) => {
    if (value === undefined) return mayMiss ? null : missing(at, 'missing')
    if (notNull && value === null) missing(at, 'null')
    if (notNull && value === '' && options.rejectEmptyText) missing(at, 'empty')
    const converted = value === null ? null : convert(value, at)
    if (converted === undefined ? mayBeWrong : converted !== null || !notNull) return converted ?? null
    return isInstant && (typeof value === 'string' || isNumber(value))
      ? wrongTime(at, value)
      : wrongType(at, expected, value)
  }
}

function converter(type: ColumnType, options: DecoderOptions): Convert {
  switch (type.kind) {
    case 'ROW': {
      const readRow = rowReader(type.columns, options)
      return (value, at) => (isObject(value) ? readRow(value, at) : undefined)
    }
    case 'ARRAY': {
      const read = itemReader(type.element, options)
      return (value, at) => (Array.isArray(value) ? readArray(value, at, read) : undefined)
    }
    case 'MAP': {
      const read = itemReader(type.value, options)
      return (value, at) => (isObject(value) ? readMap(value, at, read) : undefined)
    }
    default:
      return payloadReader(type, options)
  }
}

type ReadItem = (value: ExactJson, at: Place) => Value

/** In place, as nobody else has what was just parsed: large ones are not copied. */
function readArray(array: ExactJson[], at: Place, read: ReadItem): readonly Value[] {
  const values = array as Value[]
  for (let key = 0; key < array.length; key++) values[key] = read(array[key]!, { key, in: at })
  return values
}

function readMap(fields: Fields, at: Place, read: ReadItem): Row {
  const values = fields as { [key: string]: Value }
  for (const key of Object.keys(fields)) values[key] = read(fields[key]!, { key, in: at })
  return values
}

function isObject(value: ExactJson): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)
}

const formatExpected = (type: ColumnType): string =>
  type.kind === 'ROW' || type.kind === 'ARRAY' || type.kind === 'MAP' ? type.kind : formatType(type)

const isNumber = (value: ExactJson): boolean => typeof value === 'number' || value instanceof NumberText

function missing(at: Place, state: 'missing' | 'null' | 'empty'): never {
  throw new PipelineError('ROW_MISSING', { pointer: pointerTo(at), state })
}

function wrongTime(at: Place, value: ExactJson): never {
  throw new PipelineError('TIMESTAMP_INVALID', { pointer: pointerTo(at), found: excerpt(value) })
}

function wrongType(at: Place | undefined, expected: string, value: ExactJson): never {
  const pointer = at === undefined ? 'the top level' : pointerTo(at)
  throw new PipelineError('ROW_TYPE', { pointer, expected, found: excerpt(value) })
}

/** RFC 6901; what is very long is shortened. */
function pointerTo(at: Place): string {
  let pointer = ''
  for (let place: Place | undefined = at; place !== undefined; place = place.in) {
    const key = String(place.key).slice(0, 100)
    pointer = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${pointer}`
  }
  return pointer
}
