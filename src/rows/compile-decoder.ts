import { PipelineError } from '../core/errors.ts'
import type { Row } from '../core/record.ts'
import { type DecoderOptions, readExactly } from './decode-exactly.ts'
import { decodeUtf8 } from './json-text.ts'
import type { Column, RowSchema, ScalarKind } from './row-schema.ts'

/** Undefined: there is no row in it and nothing to complain about. */
export type Decode = (bytes: Uint8Array) => Row | undefined

/**
 * Rows as Flink 1.20 makes them of JSON. BIGINT beyond 2^53 is BigInt; a DOUBLE that JSON has no number for is text.
 * An empty payload is skipped. Throws JSON_INVALID, ROW_TYPE or ROW_MISSING.
 *
 * Two ways through: code made for the schema, which only knows values that are of their column's type already and
 * never looks into other fields, and `readExactly` for everything else.
 */
export function compileDecoder(schema: RowSchema, options: DecoderOptions): Decode {
  const assemble = compileAssembler(schema.columns, options)
  const exactly = readExactly(schema, options)
  const decode = (bytes: Uint8Array) => {
    if (bytes.length === 0) return undefined
    const text = decodeUtf8(bytes)
    try {
      return assemble(JSON.parse(text))
    } catch (error) {
      if (error !== unusual && !(error instanceof SyntaxError)) throw error
      return exactly(text)
    }
  }
  return options.ignoreParseErrors ? skipErrors(decode) : decode
}

function skipErrors(decode: Decode): Decode {
  return (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      if (error instanceof PipelineError) return undefined
      throw error
    }
  }
}

/** Thrown by the code made for a schema where a value needs more than that code. */
const unusual = Symbol('unusual')

/** Whether the value `v` of JSON.parse can be taken as it is, as JavaScript source. */
const usual: { readonly [K in ScalarKind]: string } = {
  BIGINT: 'Number.isSafeInteger(v)',
  INT: "typeof v === 'number' && (v | 0) === v",
  DOUBLE: "typeof v === 'number' && v - v === 0",
  STRING: "typeof v === 'string'",
  BOOLEAN: "typeof v === 'boolean'",
}
const usualObject = "typeof v === 'object' && v !== null && !Array.isArray(v)"

/**
 * Made by `new Function`, for an object literal gives every row one hidden class: 20 ns for the factory reading, where
 * closures that fill an object key by key take 260 ns. Of the schema only column names enter the source, as JSON.
 */
function compileAssembler(columns: readonly Column[], options: DecoderOptions): (parsed: unknown) => Row {
  const functions: string[] = []
  const root = assembler(columns, functions)
  const source = `'use strict'
    const optional = v => { if (v === null || (v === undefined && ${!options.failOnMissingField})) return null; throw unusual }
    const required = () => { throw unusual }
    ${functions.join('\n')}
    return v => ${usualObject} ? ${root}(v) : required()`
  return new Function('unusual', source)(unusual)
}

/** Adds the source of the function that reads an object with these columns, and returns its name. */
function assembler(columns: readonly Column[], functions: string[]): string {
  const members = columns.map((column) => {
    const key = JSON.stringify(column.name)
    const otherwise = column.notNull ? 'required(v)' : 'optional(v)'
    return `${column.name === '__proto__' ? `[${key}]` : key}: (v = ${source(column.name)}, ${reader(column, functions)} : ${otherwise})`
  })
  const name = `row${functions.length}`
  functions.push(`function ${name}(o) { let v; return { ${members.join(',\n')} } }`)
  return name
}

/** What every object has of itself is not a field of the payload. */
function source(name: string): string {
  const key = JSON.stringify(name)
  return name in Object.prototype ? `Object.hasOwn(o, ${key}) ? o[${key}] : undefined` : `o[${key}]`
}

function reader({ type }: Column, functions: string[]): string {
  if (type.kind === 'ROW') return `${usualObject} ? ${assembler(type.columns, functions)}(v)`
  const { kind } = type
  return `${usual[kind]} ? ${kind === 'BIGINT' || kind === 'INT' ? 'v + 0' : 'v'}`
}
