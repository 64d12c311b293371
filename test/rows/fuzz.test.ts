import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import type { Column, ColumnType, RowSchema } from '../../src/rows/row-schema.ts'

/**
 * Random rows against a second decoder, written from the rules and not for speed: numbers come with their text from
 * JSON.parse, and one function says what each type makes of a value.
 */
class Wrong extends Error {}
interface Numeral {
  readonly numeral: string
}
type Mode = { readonly failOnMissingField: boolean; readonly ignoreParseErrors: boolean }

const isNumeral = (value: unknown): value is Numeral =>
  typeof value === 'object' && value !== null && 'numeral' in value

function parse(text: string): unknown {
  const reviver = (_key: string, value: unknown, { source }: { readonly source?: string }) =>
    typeof value === 'number' ? { numeral: source } : value
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown)
}

function integer(value: unknown, bits: bigint): number | bigint {
  const [min, max] = [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
  const text = isNumeral(value) ? value.numeral : typeof value === 'string' ? value.trim() : ''
  if (isNumeral(value) && /[.e]/i.test(text)) {
    if (Number(text) < Number(min) || Number(text) > Number(max)) throw new Wrong()
    const cut = BigInt(Math.trunc(Number(text)))
    return shrink(cut > max ? max : cut)
  }
  if (!/^[+-]?\d+$/.test(text)) throw new Wrong()
  const size = BigInt(text.replace('+', ''))
  if (size < min || size > max) throw new Wrong()
  return shrink(size)
}

const shrink = (value: bigint) => (value > -(2n ** 53n) && value < 2n ** 53n ? Number(value) : value)

function double(value: unknown): number | string {
  const text = isNumeral(value) ? value.numeral : typeof value === 'string' ? value.trim() : ''
  if (text === '' || Number.isNaN(Number(text))) {
    if (text === 'NaN') return text
    throw new Wrong()
  }
  return Number.isFinite(Number(text)) ? Number(text) : `${Number(text)}`
}

function compact(value: unknown): string {
  if (isNumeral(value)) return value.numeral
  if (Array.isArray(value)) return `[${value.map(compact).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${compact(inner)}`)
    .join(',')}}`
}

function convert(value: unknown, type: ColumnType, mode: Mode): unknown {
  const object = typeof value === 'object' && !isNumeral(value)
  if (type.kind === 'BIGINT') return integer(value, 64n)
  if (type.kind === 'INT') return integer(value, 32n)
  if (type.kind === 'DOUBLE') return double(value)
  if (type.kind === 'STRING') return typeof value === 'string' ? value : compact(value)
  if (type.kind === 'ROW') return row(value, type.columns, mode)
  if (object) throw new Wrong()
  return value === true || (typeof value === 'string' && value.trim().toUpperCase() === 'TRUE')
}

function row(value: unknown, columns: readonly Column[], mode: Mode): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isNumeral(value)) throw new Wrong()
  const entries = columns.map(({ name, type, notNull }) => {
    const field = new Map(Object.entries(value)).get(name)
    if (field === undefined && (notNull || mode.failOnMissingField)) throw new Wrong('never ignored')
    if (field === undefined || field === null) {
      if (notNull) throw new Wrong('never ignored')
      return [name, null] as const
    }
    try {
      return [name, convert(field, type, mode)] as const
    } catch (error) {
      if (!mode.ignoreParseErrors || notNull || (error as Error).message !== '') throw new Wrong('never ignored')
      return [name, null] as const
    }
  })
  return Object.fromEntries(entries)
}

function chance(seed: number) {
  let state = seed
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  return { below, of: <T>(list: readonly T[]): T => list[below(list.length)]! }
}
type Chance = ReturnType<typeof chance>

const names = ['a', 'b', '__proto__', 'constructor', 'x y', 'é"\\']
const values = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1',
  '-7',
  '12.50',
  '1e3',
  '-1.7e12',
  '2147483647',
  '2147483648',
  '-2147483648',
  '-2147483648.5',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '1e18',
  '9.223372036854775807e18',
  '1e400',
  '123456789012345678901234567890',
  '0.1234567890123456789',
  '""',
  '"x"',
  '" 12 "',
  '"1.5"',
  '"NaN"',
  '"true"',
  '" TRUE "',
  '"+5"',
  '"-9223372036854775808"',
  '"\\u00e9\\n"',
  '[]',
  '[1, "a",{"b": 2.0}]',
  '{}',
  '{"valueOf":1,"toJSON":2}',
] as const

function randomColumns(random: Chance, depth: number): readonly Column[] {
  return names
    .filter(() => random.below(2) === 0)
    .map((name) => ({ name, type: randomType(random, depth), notNull: random.below(8) === 0 }))
}

function randomType(random: Chance, depth: number): ColumnType {
  const kind = random.of(['BIGINT', 'INT', 'DOUBLE', 'STRING', 'BOOLEAN', 'ROW'] as const)
  return kind === 'ROW' ? { kind, columns: depth > 0 ? randomColumns(random, depth - 1) : [] } : { kind }
}

/** Mostly what the column asks for, so that whole rows come through. */
function randomValue(random: Chance, type: ColumnType): string {
  if (random.below(6) === 0) return random.of(values)
  if (type.kind === 'ROW') return randomObject(random, type.columns)
  return { BIGINT: '1729312551000', INT: '101', DOUBLE: '24.5', STRING: '"BAR"', BOOLEAN: 'true' }[type.kind]
}

function randomObject(random: Chance, columns: readonly Column[]): string {
  const fields = columns
    .filter(() => random.below(10) > 0)
    .map(({ name, type }) => `${JSON.stringify(name)}: ${randomValue(random, type)}`)
  if (random.below(4) === 0) fields.unshift(`"unknown":${random.of(values)}`)
  return `{${fields.join(' ,')}}`
}

function outcome(decode: () => unknown): unknown {
  try {
    return decode()
  } catch (error) {
    if (error instanceof PipelineError || error instanceof Wrong) return 'rejected'
    throw error
  }
}

for (const [name, mode] of Object.entries({
  plain: { failOnMissingField: false, ignoreParseErrors: false },
  failOnMissingField: { failOnMissingField: true, ignoreParseErrors: false },
  ignoreParseErrors: { failOnMissingField: false, ignoreParseErrors: true },
})) {
  test(`random payloads of random schemas decode as the rules say (${name})`, () => {
    const random = chance(11)
    const seen = { rows: 0, rejected: 0 }
    for (let schemas = 0; schemas < 400; schemas++) {
      const schema: RowSchema = { columns: randomColumns(random, 2) }
      const decode = compileDecoder(schema, mode)
      for (let payloads = 0; payloads < 40; payloads++) {
        const text = randomObject(random, schema.columns)
        const naive = outcome(() => row(parse(text), schema.columns, mode))
        const expected = naive === 'rejected' && mode.ignoreParseErrors ? undefined : naive
        assert.deepEqual(
          outcome(() => decode(Buffer.from(text))),
          expected,
          `${JSON.stringify(schema)} ${text}`,
        )
        seen[typeof expected === 'object' ? 'rows' : 'rejected']++
      }
    }
    assert.ok(seen.rows > 1000 && seen.rejected > 1000, JSON.stringify(seen))
  })
}

test('any bytes give a row, nothing, or a PipelineError', () => {
  const random = chance(23)
  const decode = compileDecoder(
    { columns: randomColumns(chance(5), 2) },
    { failOnMissingField: false, ignoreParseErrors: false },
  )
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(randomObject(random, randomColumns(random, 2)))
    for (let damage = random.below(4); damage > 0; damage--) bytes[random.below(bytes.length)] = random.below(256)
    outcome(() => decode(bytes.subarray(0, bytes.length - random.below(3))))
  }
})
