import { NumberText } from '../core/number-text.ts'
import type { Value } from '../core/record.ts'
import { readBase64 } from './base64.ts'
import { readDecimal } from './decimal.ts'
import type { Json } from './json-text.ts'
import { readEpochMillis, readRfc3339 } from './rfc3339.ts'
import type { DecoderOptions, ScalarType, TimestampFormat } from './row-schema.ts'
import { readDate, readTime, timestampReader } from './times.ts'

/** JSON whose numbers have the text they came with. */
export type ExactJson = Json<NumberText>
/** What Flink's JSON format makes of a value that is not null; undefined where it reports an error. */
export type ReadScalar = (value: ExactJson) => Value | undefined

/** The way of reading one type in a payload. */
export function payloadReader(type: ScalarType, { timestampFormat, coerceNumbers }: DecoderOptions): ReadScalar {
  const read = scalarReader(type, timestampFormat)
  return coerceNumbers === false && numbers.includes(type.kind) ? numbersAlone(read) : read
}

const numbers: readonly string[] = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL']

function numbersAlone(read: ReadScalar): ReadScalar {
  return (value) => {
    const number = typeof value === 'string' ? undefined : read(value)
    return typeof number === 'string' ? undefined : number
  }
}

/** The way of reading one type, text as numbers too. */
export function scalarReader(type: ScalarType, timestampFormat: TimestampFormat): ReadScalar {
  switch (type.kind) {
    case 'BOOLEAN':
      return readBoolean
    case 'TINYINT':
      return (value) => readText(value, (text) => readShort(text, 0x80))
    case 'SMALLINT':
      return (value) => readText(value, (text) => readShort(text, 0x8000))
    case 'INT':
      return (value) => readInteger(value, int)
    case 'BIGINT':
      return (value) => readInteger(value, bigint)
    case 'FLOAT':
      return (value) => ifDouble(value, shortestFloat)
    case 'DOUBLE':
      return (value) => ifDouble(value, (double) => double)
    case 'DECIMAL':
      return (value) => readText(value, (text) => readDecimal(text, type.precision, type.scale))
    case 'STRING':
    case 'CHAR':
    case 'VARCHAR':
      return readString
    case 'BYTES':
    case 'BINARY':
    case 'VARBINARY':
      return (value) => ifString(value, readBase64)
    case 'DATE':
      return (value) => ifString(value, readDate)
    case 'TIME':
      return (value) => ifString(value, readTime)
    case 'TIMESTAMP':
    case 'TIMESTAMP_LTZ': {
      const utc = type.kind === 'TIMESTAMP_LTZ'
      if (timestampFormat === 'RFC-3339') return instantReader(utc ? 'Z' : '')
      const read = timestampReader(timestampFormat, utc)
      return (value) => ifString(value, read)
    }
  }
}

function instantReader(zone: string): ReadScalar {
  return (value) => {
    const number = numberText(value)
    const time =
      number !== undefined
        ? readEpochMillis(Number(number))
        : typeof value === 'string'
          ? readRfc3339(value)
          : undefined
    return time === undefined ? undefined : time + zone
  }
}

const ifString = <T>(value: ExactJson, read: (text: string) => T): T | undefined =>
  typeof value === 'string' ? read(value) : undefined

/** The text of a string without the white space around it, or of a number. */
function readText<T>(value: ExactJson, read: (text: string) => T): T | undefined {
  if (typeof value === 'string') return read(trim(value))
  const text = numberText(value)
  return text === undefined ? undefined : read(text)
}

function numberText(value: ExactJson): string | undefined {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  return value instanceof NumberText ? value.text : undefined
}

/** The limits of a type: `smallest` and `largest` are those of integer texts, `min` and `max` those of other numbers. */
interface Limits {
  readonly smallest: bigint
  readonly largest: bigint
  readonly min: number
  readonly max: number
}
const int: Limits = { smallest: -(2n ** 31n), largest: 2n ** 31n - 1n, min: -(2 ** 31), max: 2 ** 31 - 1 }
const bigint: Limits = { smallest: -(2n ** 63n), largest: 2n ** 63n - 1n, min: -(2 ** 63), max: 2 ** 63 }

/** Number where that is exact, else BigInt. */
function readInteger(value: ExactJson, { smallest, largest, min, max }: Limits): number | bigint | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value + 0
  const text = typeof value === 'string' ? trim(value) : numberText(value)
  if (text === undefined) return undefined
  const integer = parseInteger(text)
  if (integer !== undefined) return integer >= smallest && integer <= largest ? narrow(integer) : undefined
  if (typeof value === 'string') return undefined
  const double = Number(text)
  if (double < min || double > max) return undefined
  const cut = BigInt(Math.trunc(double))
  return narrow(cut > largest ? largest : cut)
}

/** TINYINT and SMALLINT take whole numbers alone: 1.5 is wrong, where INT cuts it. */
function readShort(text: string, limit: number): number | undefined {
  const integer = parseInteger(text)
  return integer !== undefined && integer >= -limit && integer < limit ? Number(integer) : undefined
}

/** A decimal integer with an optional sign; one of more than 19 digits cannot be in any range and is cut to 20. */
function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)0*((?:[1-9][0-9]*)?)$/.exec(text)
  if (match === null || text === match[1]) return undefined
  const size = BigInt(match[2]!.slice(0, 20))
  return match[1] === '-' ? -size : size
}

export function narrow(integer: bigint): number | bigint {
  const number = Number(integer)
  return Number.isSafeInteger(number) ? number : integer
}

const javaDouble = /^[+-]?(?:NaN|Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)$/

/** Numbers, and texts that Java takes for one. */
function ifDouble(value: ExactJson, make: (double: number) => number): number | string | undefined {
  if (typeof value === 'number') return orText(make(value))
  if (value instanceof NumberText) return orText(make(Number(value.text)))
  if (typeof value !== 'string') return undefined
  const text = trim(value)
  if (!javaDouble.test(text)) return undefined
  return orText(make(Number(/[fFdD]$/.test(text) ? text.slice(0, -1) : text)))
}

/** What JSON has no number for is text, as Flink's own JSON output has it: "NaN", "Infinity", "-Infinity". */
export const orText = (double: number): number | string => (Number.isFinite(double) ? double : String(double))

const smallestNormalFloat = 2 ** -126
/** Up to here every whole number is a 32-bit value. */
const wholeFloats = 2 ** 24

/** The shortest number that means the same 32-bit value: 33.333, not 33.33300018310547. */
export function shortestFloat(double: number): number {
  if (Number.isInteger(double) && Math.abs(double) <= wholeFloats) return double
  const float = Math.fround(double)
  if (!Number.isFinite(float)) return float
  const rounded = Math.abs(float) < 1_000_000 ? roundToSix(float) : Number.NaN
  if (Math.fround(rounded) === float) return rounded
  const fewest = Math.abs(float) < smallestNormalFloat ? 1 : 6
  for (let digits = fewest; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits))
    if (Math.fround(short) === float) return short
  }
  return Number(float.toPrecision(9))
}

/** Below a million: with at most six digits, which no two 32-bit values share. The way by text finds the same number. */
function roundToSix(float: number): number {
  const size = Math.abs(float)
  const scale = size < 100 ? 10_000 : size < 10_000 ? 100 : 1
  return Math.round(float * scale) / scale
}

/** Numbers keep their text; objects and arrays become JSON without white space. */
function readString(value: ExactJson): string {
  if (typeof value === 'string') return value
  return numberText(value) ?? compact(value)
}

function compact(value: ExactJson): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof NumberText) return value.text
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${compact(inner)}`)
    .join(',')}}`
}

/** Only the word true, in any letter case, is true; the numbers 0 and 1 are both false. */
function readBoolean(value: ExactJson): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value === 'string') return trim(value).toLowerCase() === 'true'
  return numberText(value) === undefined ? undefined : false
}

/** Takes away what Java's `String.trim` takes: everything up to the space character, and nothing above it. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}
