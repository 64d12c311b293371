import type { Json } from './json-text.ts'
import type { ScalarKind } from './row-schema.ts'

const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** A JSON number as it is written. */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  /** JSON.stringify writes it as it came. */
  toJSON(): unknown {
    return rawJSON(this.text)
  }
}

export type ExactJson = Json<NumberText>
export type Scalar = boolean | number | bigint | string

/** What Flink's JSON format makes of a value that is not null; undefined where it reports an error. */
export const readScalar: { readonly [K in ScalarKind]: (value: ExactJson) => Scalar | undefined } = {
  BIGINT: (value) => readInteger(value, -(2 ** 63), 2 ** 63, 2n ** 63n - 1n),
  INT: (value) => readInteger(value, -(2 ** 31), 2 ** 31 - 1, 2n ** 31n - 1n),
  DOUBLE: readDouble,
  STRING: readString,
  BOOLEAN: readBoolean,
}

/** Number where that is exact, else BigInt. `largest` is the limit for integer texts, `min` and `max` for the others. */
function readInteger(value: ExactJson, min: number, max: number, largest: bigint): number | bigint | undefined {
  const text = value instanceof NumberText ? value.text : value
  if (typeof text !== 'string') return undefined
  const integer = parseInteger(trim(text))
  if (integer !== undefined) return integer >= -largest - 1n && integer <= largest ? narrow(integer) : undefined
  if (typeof value === 'string') return undefined
  const double = Number(text)
  if (double < min || double > max) return undefined
  const cut = BigInt(Math.trunc(double))
  return narrow(cut > largest ? largest : cut)
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

/** What JSON has no number for is text, as Flink's own JSON output has it: "NaN", "Infinity", "-Infinity". */
function readDouble(value: ExactJson): number | string | undefined {
  const text = value instanceof NumberText ? value.text : typeof value === 'string' ? trim(value) : ''
  if (!javaDouble.test(text)) return undefined
  const double = Number(/[fFdD]$/.test(text) ? text.slice(0, -1) : text)
  return Number.isFinite(double) ? double : String(double)
}

/** Numbers keep their text; objects and arrays become JSON without white space. */
function readString(value: ExactJson): string {
  if (typeof value === 'string') return value
  return value instanceof NumberText ? value.text : JSON.stringify(value)
}

/** Only the word true, in any letter case, is true; the numbers 0 and 1 are both false. */
function readBoolean(value: ExactJson): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (value instanceof NumberText) return false
  return typeof value === 'string' ? trim(value).toLowerCase() === 'true' : undefined
}

/** Takes away what Java's `String.trim` takes: everything up to the space character, and nothing above it. */
function trim(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return text.slice(start, end)
}
