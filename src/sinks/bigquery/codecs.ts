import { NumberText } from '../../core/number-text.ts'
import { type Row, toJson, type Value } from '../../core/record.ts'
import type { ColumnType, ScalarType } from '../../core/row-schema.ts'
import { type ProtoWriter, wire } from './proto.ts'
import {
  dateText,
  readBytes,
  readDate,
  readDecimal,
  readDouble,
  readInteger,
  readTime,
  readTimestamp,
  timestampText,
} from './values.ts'

/** The types of columns that are written, in the words of the REST interface. */
export type TableType =
  | 'BOOLEAN'
  | 'INTEGER'
  | 'FLOAT'
  | 'NUMERIC'
  | 'BIGNUMERIC'
  | 'STRING'
  | 'BYTES'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP'
  | 'JSON'
  | 'RECORD'

/** How a value that is not null travels: read, then written to protobuf or shown as JSON for insertAll. */
export interface Codec<T = unknown> {
  /** What the column is created as. */
  readonly type: TableType
  /** As what the column may exist. */
  readonly takes: readonly TableType[]
  /** Of a decimal number: how many digits its values may have before the point and behind it. */
  readonly digits?: { readonly before: number; readonly behind: number }
  readonly proto: ProtoType<T>
  /** Undefined where the value is of another type. */
  read(value: Value): T | undefined
  /** What insertAll takes for it. */
  json(value: T): unknown
}

/** A scalar type of protobuf; `number` is what a descriptor calls it. */
export interface ProtoType<T> {
  readonly number: number
  readonly wire: number
  write(writer: ProtoWriter, value: T): void
}

const int64: ProtoType<number | bigint> = { number: 3, wire: wire.varint, write: (to, value) => to.int64(value) }
const int32: ProtoType<number> = { number: 5, wire: wire.varint, write: (to, value) => to.int64(value) }
const double: ProtoType<number> = { number: 1, wire: wire.fixed64, write: (to, value) => to.double(value) }
const bool: ProtoType<boolean> = { number: 8, wire: wire.varint, write: (to, value) => to.varint(value ? 1 : 0) }
const text: ProtoType<string> = { number: 9, wire: wire.bytes, write: (to, value) => to.text(value) }
const bytes: ProtoType<Uint8Array> = { number: 12, wire: wire.bytes, write: (to, value) => to.bytes(value) }

const same = <T>(value: T): T => value
const ifText = (value: Value) => (typeof value === 'string' ? value : undefined)
const showDouble = (value: number) => (Number.isFinite(value) ? value : String(value))

function codec<T>(
  type: TableType,
  proto: ProtoType<T>,
  read: (value: Value) => T | undefined,
  json: (value: T) => unknown = same,
): Codec {
  // What a codec writes and shows is what it has read itself.
  return { type, takes: [type], proto, read, json } as Codec
}

const integer = (bits: number) => codec('INTEGER', int64, (value) => readInteger(value, bits), String)

/** NUMERIC has 29 digits before the point and 9 behind it. */
function decimal(precision: number, scale: number): Codec {
  const isNumeric = precision - scale <= 29 && scale <= 9
  const made = codec(isNumeric ? 'NUMERIC' : 'BIGNUMERIC', text, (value) => readDecimal(value, precision, scale))
  const digits = { before: precision - scale, behind: scale }
  return { ...made, digits, ...(isNumeric && { takes: ['NUMERIC', 'BIGNUMERIC'] }) }
}

/** An object of columns, from whichever realm: a Function node has its own. */
export const isRow = (value: Value): value is Row =>
  Object.prototype.toString.call(value) === '[object Object]' && !(value instanceof NumberText)

const strings = codec('STRING', text, ifText)
const binary = codec('BYTES', bytes, readBytes, (value) => Buffer.from(value).toString('base64'))
const floats = codec('FLOAT', double, readDouble, showDouble)
const timestamps = codec('TIMESTAMP', int64, readTimestamp, timestampText)

/** What no BigQuery column has is JSON: maps, and arrays of arrays. */
export const jsonOf = {
  MAP: codec('JSON', text, (value) => (isRow(value) ? toJson(value) : undefined)),
  ARRAY: codec('JSON', text, (value) => (Array.isArray(value) ? toJson(value) : undefined)),
}

export function scalarCodec(type: ScalarType): Codec {
  switch (type.kind) {
    case 'BOOLEAN':
      return codec('BOOLEAN', bool, (value) => (typeof value === 'boolean' ? value : undefined))
    case 'TINYINT':
      return integer(8)
    case 'SMALLINT':
      return integer(16)
    case 'INT':
      return integer(32)
    case 'BIGINT':
      return integer(64)
    case 'FLOAT':
    case 'DOUBLE':
      return floats
    case 'DECIMAL':
      return decimal(type.precision, type.scale)
    case 'STRING':
    case 'CHAR':
    case 'VARCHAR':
      return strings
    case 'BYTES':
    case 'BINARY':
    case 'VARBINARY':
      return binary
    case 'DATE':
      return codec('DATE', int32, readDate, dateText)
    case 'TIME':
      return codec('TIME', text, readTime)
    case 'TIMESTAMP':
    case 'TIMESTAMP_LTZ':
      return timestamps
  }
}

/** Undefined for types with columns of their own or repeated ones. */
export function codecOf(type: ColumnType): Codec | undefined {
  if (type.kind === 'ROW') return undefined
  if (type.kind === 'MAP') return jsonOf.MAP
  if (type.kind === 'ARRAY') return type.element.type.kind === 'ARRAY' ? jsonOf.ARRAY : undefined
  return scalarCodec(type)
}

/** What a record says about itself, by the placeholder that stands alone. */
export const metadataCodecs = {
  text: strings,
  integer: integer(64),
  flag: codec('BOOLEAN', bool, (value) => (typeof value === 'boolean' ? value : undefined)),
  /** Of milliseconds since 1970. */
  millis: codec('TIMESTAMP', int64, (value) => (typeof value === 'number' ? value * 1000 : undefined), timestampText),
  /** Of JSON as text. */
  json: codec('JSON', text, ifText),
} as const
