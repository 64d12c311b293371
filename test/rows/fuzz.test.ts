import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { Problem } from '../../src/core/problem.ts'
import { toJson } from '../../src/core/record.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import { readExactly } from '../../src/rows/decode-exactly.ts'
import { decodeJson } from '../../src/rows/decode-json.ts'
import { readTableImport } from '../../src/rows/import-table.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import {
  type Column,
  type ColumnType,
  type DecoderOptions,
  formatColumns,
  type Item,
} from '../../src/rows/row-schema.ts'
import { anyColumns, anySql, jsonFor } from './arbitraries.ts'

/**
 * A second decoder, written from the rules and not for speed: numbers come with their text from JSON.parse, and one
 * function says what each type makes of a value. It knows the types it can be sure of; for the others
 * `flink-json-measured.jsonl` is the judge.
 */
class Wrong extends Error {}
interface Numeral {
  readonly numeral: string
}
type Mode = Omit<DecoderOptions, 'timestampFormat'>

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
  const written = isNumeral(value) ? value.numeral : typeof value === 'string' ? value.trim() : ''
  const text = written.replace(/(?<=[0-9.])[fd]$/i, '')
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
  if (mode.coerceNumbers === false && ['BIGINT', 'INT', 'DOUBLE'].includes(type.kind)) {
    if (!isNumeral(value) || (type.kind === 'DOUBLE' && !Number.isFinite(Number(value.numeral)))) throw new Wrong()
  }
  if (type.kind === 'BIGINT') return integer(value, 64n)
  if (type.kind === 'INT') return integer(value, 32n)
  if (type.kind === 'DOUBLE') return double(value)
  if (type.kind === 'STRING') return typeof value === 'string' ? value : compact(value)
  if (type.kind === 'ROW') return row(value, type.columns, mode)
  if (type.kind === 'ARRAY') {
    if (!Array.isArray(value)) throw new Wrong()
    return value.map((element) => item(element, type.element, mode))
  }
  if (type.kind === 'MAP') {
    if (!object || Array.isArray(value)) throw new Wrong()
    return Object.fromEntries(Object.entries(value!).map(([key, inner]) => [key, item(inner, type.value, mode)]))
  }
  if (object) throw new Wrong()
  return value === true || (typeof value === 'string' && value.trim().toUpperCase() === 'TRUE')
}

function row(value: unknown, columns: readonly Column[], mode: Mode): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isNumeral(value)) throw new Wrong()
  const fields = new Map(Object.entries(value))
  return Object.fromEntries(columns.map((column) => [column.name, item(fields.get(column.name), column, mode)]))
}

function item(value: unknown, { type, notNull }: Item, mode: Mode): unknown {
  if (value === undefined && (notNull || mode.failOnMissingField)) throw new Wrong('never ignored')
  if (value === '' && notNull && mode.rejectEmptyText) throw new Wrong('never ignored')
  if (value === undefined || value === null) {
    if (notNull) throw new Wrong('never ignored')
    return null
  }
  try {
    return convert(value, type, mode)
  } catch (error) {
    if (!mode.ignoreParseErrors || notNull || (error as Error).message !== '') throw new Wrong('never ignored')
    return null
  }
}

const known = ['BIGINT', 'INT', 'DOUBLE', 'STRING', 'BOOLEAN']
function isKnown(type: ColumnType): boolean {
  if (type.kind === 'ROW')
    return type.columns.every((column) => column.fromMillis === undefined && isKnown(column.type))
  if (type.kind === 'ARRAY') return isKnown(type.element.type)
  return type.kind === 'MAP' ? isKnown(type.value.type) : known.includes(type.kind)
}

/** What it gives, or the error as a record's output 2 would show it. */
function outcome(decode: () => unknown): unknown {
  try {
    return decode()
  } catch (error) {
    if (error instanceof PipelineError) return `${error.code} ${error.message}`
    if (error instanceof Wrong) return 'rejected'
    throw error
  }
}

/** CI and developers see the same cases; `ROWLINE_FUZZ_SEED` draws others. */
const seed = Number(process.env.ROWLINE_FUZZ_SEED ?? 11)
const sql = { timestampFormat: 'SQL' } as const
const modes: { readonly [name: string]: DecoderOptions } = {
  plain: { ...sql, failOnMissingField: false, ignoreParseErrors: false },
  failOnMissingField: { ...sql, failOnMissingField: true, ignoreParseErrors: false },
  ignoreParseErrors: { ...sql, failOnMissingField: false, ignoreParseErrors: true },
  strict: {
    timestampFormat: 'RFC-3339',
    failOnMissingField: false,
    ignoreParseErrors: false,
    coerceNumbers: false,
    rejectEmptyText: true,
  },
}

/** Columns and some payloads for them. */
const schemasWith = (accepts: (columns: readonly Column[]) => boolean) =>
  anyColumns
    .filter(accepts)
    .chain((columns) => fc.tuple(fc.constant(columns), fc.array(jsonFor(columns), { minLength: 5, maxLength: 20 })))

for (const [name, mode] of Object.entries(modes)) {
  test(`random payloads of random schemas decode as the rules say (${name})`, () => {
    const seen = { rows: 0, rejected: 0 }
    const schemas = schemasWith((columns) => isKnown({ kind: 'ROW', columns }))
    const property = fc.property(schemas, ([columns, payloads]) => {
      const decode = compileDecoder({ columns }, mode)
      for (const text of payloads) {
        const naive = outcome(() => row(parse(text), columns, mode))
        const expected = naive === 'rejected' && mode.ignoreParseErrors ? undefined : naive
        const actual = outcome(() => decode(Buffer.from(text)))
        assert.deepEqual(typeof actual === 'string' ? 'rejected' : actual, expected, text)
        seen[typeof expected === 'object' ? 'rows' : 'rejected']++
      }
    })
    fc.assert(property, { seed, numRuns: 400 })
    assert.ok(seen.rows > 500 && seen.rejected > 20, JSON.stringify(seen))
  })

  test(`the code made for a schema and the exact reader agree on every type (${name})`, () => {
    const seen = { rows: 0, rejected: 0 }
    const property = fc.property(
      schemasWith(() => true),
      ([columns, payloads]) => {
        const decode = compileDecoder({ columns }, mode)
        const exactly = readExactly({ columns }, mode)
        for (const text of payloads) {
          const exact = outcome(() => exactly(text))
          const expected = typeof exact === 'string' && mode.ignoreParseErrors ? undefined : exact
          const actual = outcome(() => decode(Buffer.from(text)))
          assert.deepEqual(actual, expected, text)
          if (typeof actual === 'object') JSON.parse(toJson(actual as never))
          seen[typeof expected === 'object' ? 'rows' : 'rejected']++
        }
      },
    )
    fc.assert(property, { seed, numRuns: 1000 })
    assert.ok(seen.rows > 1000 && seen.rejected > 20, JSON.stringify(seen))
  })
}

test('any bytes give a row, nothing, or a PipelineError', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })
  const damaged = schemasWith(() => true).chain(([columns, [payload = '']]) =>
    damage.map((changes) => {
      const bytes = Buffer.from(payload)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      return [columns, bytes] as const
    }),
  )
  const arbitrary = fc.tuple(anyColumns, fc.uint8Array({ maxLength: 60 }))
  const property = fc.property(fc.oneof(damaged, arbitrary), ([columns, bytes]) => {
    const decode = compileDecoder({ columns }, modes.plain!)
    outcome(() => decode(bytes))
    outcome(() => decode(bytes.subarray(0, -1)))
    outcome(() => decodeJson(bytes))
    assert.equal('polluted' in {}, false)
  })
  fc.assert(property, { seed, numRuns: 3000 })
})

test('any JSON gives a row or a PipelineError, and no object gets another prototype', () => {
  const json = fc.json({ maxDepth: 6 }).map((text) => text.replace(/"[ab]"/g, '"__proto__"'))
  const columns = parseRowSchema(
    '`__proto__` ROW<polluted STRING>, a MAP<STRING, MAP<STRING, INT>>, constructor STRING',
  ).columns
  const property = fc.property(json, json, (one, other) => {
    const payload = `{"__proto__":${one},"a":{"__proto__":${other}},"constructor":${one}}`
    for (const mode of [modes.plain!, modes.ignoreParseErrors!]) {
      const decoded = outcome(() => compileDecoder({ columns }, mode)(Buffer.from(payload)))
      if (typeof decoded === 'object') assert.equal(Object.getPrototypeOf(decoded), Object.prototype)
    }
    assert.equal('polluted' in {}, false)
  })
  fc.assert(property, { seed, numRuns: 2000 })
})

test('any SQL text is a schema or a problem with its line, and what was read can be written and read again', () => {
  const property = fc.property(anySql, (text) => {
    const parsed = outcome(() => parseRowSchema(text))
    if (typeof parsed === 'string') assert.match(parsed, /^CONFIG_INVALID schema: line \d+: /)
    else {
      const { columns } = parsed as { readonly columns: readonly Column[] }
      assert.deepEqual(parseRowSchema(formatColumns(columns)).columns, columns)
    }
    const imported = readTableImport(text)
    if (imported instanceof Problem) assert.match(imported.text, /^table: line \d+: /)
  })
  fc.assert(property, { seed, numRuns: 5000 })
})

test('every schema can be written as SQL and read again', () => {
  const property = fc.property(anyColumns, (columns) => {
    assert.deepEqual(parseRowSchema(formatColumns(columns)).columns, columns)
  })
  fc.assert(property, { seed, numRuns: 1000 })
})

test('documents of 10 MB and bombs of any kind are answered, in a bounded time', () => {
  const size = 10_000_000
  const fill = (part: string) => part.repeat(size / part.length)
  const keys = Array.from({ length: size / 12 }, (_, i) => `"k${i.toString(36)}":1.5`).join()
  const bombs: readonly (readonly [string, string])[] = [
    ['a INT', fill('[')],
    ['a INT', `{"a":${fill('{"a":')}`],
    ['a INT', `{"z":${fill('[')}`],
    ['a INT', `{"a":[${fill('1.5,')}1]}`],
    ['a INT', `{"a":{${keys}}}`],
    ['a STRING', `{"a":[${fill('{"b":[]},')}1]}`],
    ['a STRING', `{"a":"${fill('\u0001')}"}`],
    ['a STRING', `{"a":"${fill('\\')}"}`],
    ['a ARRAY<INT>', `{"a":[${fill('1,')}true]}`],
    ['a ARRAY<DECIMAL(38, 18)>', `{"a":[${fill('1234567890.5,')}12345678901234567890]}`],
    ['a ARRAY<TIMESTAMP(3)>', `{"a":[${fill('"2024-10-19 04:35:51.5",')}null]}`],
    ['a MAP<STRING, INT>', `{"a":{${keys}}}`],
    ['a DECIMAL(38, 18)', `{"a":"${fill('9')}"}`],
    ['a DECIMAL(38, 18)', `{"a":"1e${fill('9')}"}`],
    ['a TIMESTAMP(3)', `{"a":"2024-10-19 04:35:51.${fill('0')}"}`],
    ['a BYTES', `{"a":"${fill('aaaa')}"}`],
    ['a BIGINT', `{"a":"${fill('0')}1"}`],
    ['a DOUBLE', `{"a":"${fill('1')}x"}`],
  ]
  for (const [schema, text] of bombs) {
    const before = process.cpuUsage()
    const decode = compileDecoder(parseRowSchema(schema), modes.plain!)
    const found = outcome(() => decode(Buffer.from(text)))
    if (typeof found === 'string') assert.ok(found.length < 300, found)
    const { user, system } = process.cpuUsage(before)
    assert.ok((user + system) / 1000 < 10_000, `${schema} ${text.slice(0, 30)} took ${(user + system) / 1000} ms`)
  }
})
