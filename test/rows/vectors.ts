import { PipelineError } from '../../src/core/errors.ts'
import { type Row, toJson } from '../../src/core/record.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import type { TimestampFormat } from '../../src/rows/row-schema.ts'

/** Measured on Flink 1.20.1: what its JSON format makes of one payload in three modes. Runs in browsers too. */
export interface Vector {
  readonly id: string
  readonly type: string
  readonly timestampFormat: TimestampFormat
  readonly input?: string
  readonly inputBase64?: string
  readonly [mode: string]: Answer | string | undefined
}
type Answer = { readonly row: string } | { readonly error: true } | { readonly skip: true }

export const modes = {
  default: { failOnMissingField: false, ignoreParseErrors: false },
  ignoreParseErrors: { failOnMissingField: false, ignoreParseErrors: true },
  failOnMissingField: { failOnMissingField: true, ignoreParseErrors: false },
}
export type Mode = keyof typeof modes

export const readVectors = (jsonLines: string): readonly Vector[] =>
  jsonLines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** A sentence for each vector that gives something else than Flink. */
export function mismatches(vectors: readonly Vector[], mode: Mode): readonly string[] {
  return vectors.flatMap((vector) => {
    const answers = [vector[mode], vector[`${mode}_alt`]].filter((answer) => typeof answer === 'object')
    const expected = answers.map((answer) => expectedText(answer, vector))
    const actual = decode(vector, mode)
    return expected.includes(actual) ? [] : [`${vector.id}: ${actual}, expected ${expected.join(' or ')}`]
  })
}

/** Undefined where nothing comes of it; throws what the decoder throws. */
export function rowOf(vector: Vector, mode: Mode): Row | undefined {
  const options = { ...modes[mode], timestampFormat: vector.timestampFormat }
  return compileDecoder(parseRowSchema(vector.type), options)(bytesOf(vector))
}

function decode(vector: Vector, mode: Mode): string {
  try {
    const row = rowOf(vector, mode)
    return row === undefined ? 'skip' : canonical(toJson(row), vector)
  } catch (error) {
    if (error instanceof PipelineError && error.disposition === 'reject') return 'error'
    throw error
  }
}

function bytesOf({ input, inputBase64 = '' }: Vector): Uint8Array {
  if (input !== undefined) return new TextEncoder().encode(input)
  return Uint8Array.from(atob(inputBase64), (character) => character.charCodeAt(0))
}

function expectedText(answer: Answer, vector: Vector): string {
  return 'row' in answer ? canonical(answer.row, vector) : 'error' in answer ? 'error' : 'skip'
}

/** JSON in one form: every digit of a number counts, but not how it is written; the order of keys only outside of maps. */
function canonical(json: string, { type }: Vector): string {
  const anyOrder = type.includes('MAP<')
  const reviver = (_key: string, value: unknown, { source }: { readonly source: string }) => {
    if (typeof value === 'number') return `number ${canonicalNumber(source)}`
    return anyOrder && isObject(value) ? Object.fromEntries(Object.entries(value).sort()) : value
  }
  return JSON.stringify(JSON.parse(json, reviver as (key: string, value: unknown) => unknown))
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function canonicalNumber(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(text)!
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  if (significant === '') return '0'
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}
