import { PipelineError } from '../core/errors.ts'
import type { Row } from '../core/record.ts'
import { readExactly } from './decode-exactly.ts'
import { refuseDepth } from './json-depth.ts'
import { decodeUtf8 } from './json-text.ts'
import { numberQuoter } from './quote-numbers.ts'
import {
  type Column,
  type ColumnType,
  type DecoderOptions,
  type Item,
  isTimestamp,
  type RowSchema,
  type ScalarType,
  typesIn,
} from './row-schema.ts'
import { payloadReader, type ReadScalar } from './scalars.ts'
import { timestampOfMillis } from './times.ts'

/** Undefined: there is no row in it and nothing to complain about. */
export type Decode = (bytes: Uint8Array) => Row | undefined

/**
 * Rows as Flink 1.20 makes them of JSON. An empty payload is skipped. Throws JSON_INVALID, ROW_TYPE or ROW_MISSING.
 *
 * | type | in a row |
 * | --- | --- |
 * | TINYINT, SMALLINT, INT | number |
 * | BIGINT | number; BigInt where it is beyond 2^53 |
 * | FLOAT, DOUBLE | number; the texts NaN, Infinity, -Infinity |
 * | DECIMAL | number; NumberText where a number does not keep every digit |
 * | CHAR, VARCHAR, STRING, DATE, TIME, TIMESTAMP, TIMESTAMP_LTZ | text |
 * | BYTES, BINARY, VARBINARY | bytes, a Buffer in Node.js |
 * | ARRAY, MAP, ROW | array, object |
 *
 * Two ways through: code made for the schema, which takes values that are of their column's type or written as text
 * (at a second try also those that `numberQuoter` makes texts of) and never looks into other fields, and `readExactly`
 * for everything else.
 */
export function compileDecoder(schema: RowSchema, options: DecoderOptions): Decode {
  const assemble = compileAssembler(schema.columns, options)
  const exactly = readExactly(schema, options)
  const needsText = needsNumberText(schema.columns)
  const quote = numberQuoter(schema.columns)
  const again = (text: string) => {
    const quoted = quote?.(text)
    return quoted === undefined || quoted === text ? undefined : assemble(JSON.parse(quoted))
  }
  const decode = (bytes: Uint8Array) => {
    if (bytes.length === 0) return undefined
    const text = decodeUtf8(bytes)
    if (text.length > longText) refuseDepth(text)
    if (needsText?.test(text)) return exactly(text)
    const value = parsed(text)
    return value === undefined ? exactly(text) : (assemble(value) ?? again(text) ?? exactly(text))
  }
  return options.ignoreParseErrors ? skipErrors(decode) : decode
}

/** Undefined where it is no JSON, or JSON that only Flink takes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** In characters: what is shorter cannot be nested deep enough to take time. */
const longText = 100_000

/** What cannot be decoded is skipped. */
export function skipErrors<T>(decode: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T | undefined {
  return (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      if (error instanceof PipelineError) return undefined
      throw error
    }
  }
}

/** Where JSON.parse may have lost what counts: more than 15 digits for a DECIMAL, the `.0` that is wrong in a TINYINT. */
function needsNumberText(columns: readonly Column[]): RegExp | undefined {
  const kinds = new Set(typesIn({ kind: 'ROW', columns }).map(({ kind }) => kind))
  const patterns = [
    ...(kinds.has('DECIMAL') ? ['[^0-9.][0-9.]{16}'] : []),
    ...(kinds.has('TINYINT') || kinds.has('SMALLINT') ? ['[0-9](?:\\.0*(?![0-9])|[eE])'] : []),
  ]
  return patterns.length === 0 ? undefined : new RegExp(patterns.join('|'))
}

/** Whether the value `v` of JSON.parse can be taken as it is, as JavaScript source. The other types are read by calls. */
const usual: { readonly [K in ScalarType['kind']]?: string } = {
  TINYINT: "typeof v === 'number' && (v << 24) >> 24 === v",
  SMALLINT: "typeof v === 'number' && (v << 16) >> 16 === v",
  INT: "typeof v === 'number' && (v | 0) === v",
  BIGINT: 'Number.isSafeInteger(v)',
  DOUBLE: "typeof v === 'number' && v - v === 0",
  STRING: "typeof v === 'string'",
  CHAR: "typeof v === 'string'",
  VARCHAR: "typeof v === 'string'",
  BOOLEAN: "typeof v === 'boolean'",
}
const isObject = "typeof v === 'object' && v !== null && !Array.isArray(v)"
/** Where -0 is the number 0. */
const wholeNumbers: readonly string[] = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT']
/** Where a number is read that JSON.parse made. The other types take it as it is, or by its text alone. */
const readByNumber: readonly string[] = ['FLOAT', 'DECIMAL', 'INT']

/**
 * Gives undefined where a value needs more than this code.
 *
 * Made by `new Function`, for an object literal gives every row one hidden class: 20 ns for the factory reading, where
 * closures that fill an object key by key take 260 ns. Of the schema only column names enter the source, as JSON.
 */
function compileAssembler(columns: readonly Column[], options: DecoderOptions): (parsed: unknown) => Row | undefined {
  const code = new AssemblerCode(options)
  const root = code.row(columns)
  const source = `'use strict'
    let unusual = false
    const optional = v => { unusual ||= v !== null && (v !== undefined || ${options.failOnMissingField}); return null }
    const filled = v => { unusual ||= v != null; return null }
    const required = () => { unusual = true; return null }
    ${code.functions.join('\n')}
    return v => {
      unusual = false
      const row = ${isObject} ? ${root}(v) : required()
      return unusual ? undefined : row
    }`
  const millis = (v: number) => timestampOfMillis(v, options.timestampFormat)
  return new Function('read', 'millis', source)(code.readers, millis)
}

/** Source of functions, named by their place in `functions`. Each takes a parsed value of the right shape. */
class AssemblerCode {
  readonly functions: string[] = []
  readonly readers: ReadScalar[] = []
  readonly #options: DecoderOptions

  constructor(options: DecoderOptions) {
    this.#options = options
  }

  row(columns: readonly Column[]): string {
    const members = columns.map((column) => {
      const key = JSON.stringify(column.name)
      return `${column.name === '__proto__' ? `[${key}]` : key}: ${this.#column(column)}`
    })
    return this.#add((name) => `function ${name}(o) { let v, w; return { ${members.join(',\n')} } }`)
  }

  #column(column: Column): string {
    return column.fromMillis === undefined
      ? `(v = ${source(column.name)}, ${this.#item(column)})`
      : `(v = ${source(column.fromMillis)}, Number.isSafeInteger(v) ? millis(v) : optional(v))`
  }

  /** Source of what becomes of `v`. */
  #item({ type, notNull, mayMiss }: Item & Pick<Column, 'mayMiss'>): string {
    const item = `${this.#reader(type)} : ${mayMiss ? 'filled(v)' : notNull ? 'required()' : 'optional(v)'}`
    return notNull && this.#options.rejectEmptyText ? `v === '' ? required() : ${item}` : item
  }

  #reader(type: ColumnType): string {
    if (type.kind === 'ROW') return `${isObject} ? ${this.row(type.columns)}(v)`
    if (type.kind === 'ARRAY') return `Array.isArray(v) ? ${this.#array(type.element)}(v)`
    if (type.kind === 'MAP') return `${isObject} ? ${this.#map(type.value)}(v)`
    return this.#scalar(type)
  }

  /** Text is read here too. Null (a DECIMAL with too many digits) is left to `readExactly`. */
  #scalar(type: ScalarType): string {
    const { kind } = type
    const read = `read${this.readers.length}`
    this.functions.push(`const ${read} = read[${this.readers.length}]`)
    this.readers.push(payloadReader(type, this.#options))
    const takesNumbers =
      readByNumber.includes(kind) || (this.#options.timestampFormat === 'RFC-3339' && isTimestamp(type))
    const readable = takesNumbers ? "(typeof v === 'string' || typeof v === 'number')" : "typeof v === 'string'"
    const called = `${readable} && (w = ${read}(v)) != null ? w`
    return usual[kind] === undefined
      ? called
      : `${usual[kind]} ? ${wholeNumbers.includes(kind) ? 'v + 0' : 'v'} : ${called}`
  }

  /** In place: nobody else has what JSON.parse just made. */
  #array(element: Item): string {
    const item = this.#item(element)
    return this.#add(
      (name) =>
        `function ${name}(a) { let v, w; for (let i = 0; i < a.length; i++) { v = a[i]; a[i] = ${item} } return a }`,
    )
  }

  #map(value: Item): string {
    const item = this.#item(value)
    return this.#add(
      (name) =>
        `function ${name}(o) { let v, w; for (const key of Object.keys(o)) { v = o[key]; o[key] = ${item} } return o }`,
    )
  }

  #add(source: (name: string) => string): string {
    const name = `make${this.functions.length}`
    this.functions.push(source(name))
    return name
  }
}

/** What every object has of itself is not a field of the payload. */
function source(name: string): string {
  const key = JSON.stringify(name)
  return name in Object.prototype ? `Object.hasOwn(o, ${key}) ? o[${key}] : undefined` : `o[${key}]`
}
