import fc from 'fast-check'
import type { Column, ColumnType, Item } from '../../src/rows/row-schema.ts'

const names = ['a', 'b', '__proto__', 'constructor', 'toString', '1', 'x y', 'é"\\`/~']

/** JSON texts at the borders of every type. */
const borderValues = [
  ...['null', 'true', 'false', '0', '-0', '-0.0', '1', '-7', '127', '128', '-32769', '5.0', '12.50', '1e3', '-1.7e12'],
  ...['2147483647', '2147483648', '-2147483648.5', '9007199254740991', '9007199254740992', '-9007199254740993'],
  ...['9223372036854775807', '9223372036854775808', '1e18', '9.223372036854775807e18', '1e400', '1e-400', '1e-7'],
  ...[
    '123456789012345678901234567890',
    '0.1234567890123456789',
    '12345678901234567.5',
    '33.33300018310547',
    '16777217',
  ],
  ...['""', '"x"', '" 12 "', '"1.5"', '"NaN"', '"-Infinity"', '"true"', '" TRUE "', '"+5"', '"1e2"', '"1.50f"', '".5"'],
  ...['"-9223372036854775808"', '"12345678901234567890.5"', '"\\u00e9\\n"', '"aGVsbG8="', '"aGVsbG8"', '"aG== aGVs"'],
  ...[
    '"2024-02-29"',
    '"2023-02-29"',
    '"12:12:43.5"',
    '"24:00:00"',
    '"2024-10-19 04:35:51.120"',
    '"2024-02-31 24:00:00Z"',
  ],
  ...['"2025-07-01T14:00:00.250+02:00"', '"2025-07-01t12:00:00z"', '1751371200000', '1751371200000.5', '99999999999'],
  ...['"2024-10-19T04:35"', '"2024-10-19T04:35:51Z"', '[]', '[1, "a",{"b": 2.0}]', '{}', '{"valueOf":1,"toJSON":2}'],
] as const

const plain = { noNullPrototype: true } as const

const scalarTypes = fc.oneof(
  fc.constantFrom(
    ...(['BOOLEAN', 'TINYINT', 'SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'STRING', 'BYTES', 'DATE'] as const).map(
      (kind): ColumnType => ({ kind }),
    ),
  ),
  fc.record(
    { kind: fc.constantFrom('CHAR', 'VARCHAR', 'BINARY', 'VARBINARY'), length: fc.integer({ min: 1, max: 99 }) },
    plain,
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38))
    .map(([precision, scale]): ColumnType => ({ kind: 'DECIMAL', precision, scale: Math.min(precision, scale) })),
  fc.record({ kind: fc.constantFrom('TIME', 'TIMESTAMP', 'TIMESTAMP_LTZ'), precision: fc.nat(9) }, plain),
) as fc.Arbitrary<ColumnType>

/** Types that hold each other up to some levels. */
const { type: types } = fc.letrec<{ type: ColumnType; item: Item; columns: readonly Column[] }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    { weight: 4, arbitrary: scalarTypes },
    tie('item').map((element): ColumnType => ({ kind: 'ARRAY', element })),
    tie('item').map((value): ColumnType => ({ kind: 'MAP', value })),
    tie('columns').map((columns): ColumnType => ({ kind: 'ROW', columns })),
  ),
  item: fc.record({ type: tie('type'), notNull: fc.nat(7).map((n) => n === 0) }, plain),
  columns: fc
    .tuple(
      fc.shuffledSubarray(names, { minLength: 1, maxLength: 4 }),
      fc.array(tie('item'), { minLength: 4, maxLength: 4 }),
    )
    .map(([chosen, items]) => chosen.map((name, i) => ({ name, ...items[i]! }))),
}))

/** Columns of all types, one of them sometimes computed of another one. */
export const anyColumns: fc.Arbitrary<readonly Column[]> = fc
  .tuple(
    fc.shuffledSubarray(names, { minLength: 1, maxLength: 5 }),
    fc.array(fc.record({ type: types, notNull: fc.nat(7).map((n) => n === 0) }, plain), { minLength: 5, maxLength: 5 }),
    fc.boolean(),
  )
  .map(([chosen, items, computes]) => {
    const columns: Column[] = chosen.map((name, i) => ({ name, ...items[i]! }))
    const millis = columns.find(({ type }) => type.kind === 'BIGINT')
    const type = { kind: 'TIMESTAMP', precision: 3 } as const
    return computes && millis
      ? [{ name: 'computed', type, notNull: false, fromMillis: millis.name }, ...columns]
      : columns
  })

/** JSON text that mostly fits the columns, so that whole rows come through. */
export function jsonFor(columns: readonly Column[]): fc.Arbitrary<string> {
  const fields = columns
    .filter(({ fromMillis }) => fromMillis === undefined)
    .map((column) =>
      fc
        .tuple(fc.nat(9), jsonOf(column.type))
        .map(([n, value]) => (n === 0 ? [] : [`${JSON.stringify(column.name)}: ${value}`])),
    )
  const unknown = fc.option(fc.constantFrom(...borderValues).map((value) => `"unknown":${value}`))
  return fc
    .tuple(fc.tuple(...fields), unknown)
    .map(([known, other]) => `{${[...known.flat(), ...(other === null ? [] : [other])].join(' ,')}}`)
}

function jsonOf(type: ColumnType): fc.Arbitrary<string> {
  return fc.oneof({ weight: 1, arbitrary: fc.constantFrom(...borderValues) }, { weight: 5, arbitrary: fitting(type) })
}

function fitting(type: ColumnType): fc.Arbitrary<string> {
  switch (type.kind) {
    case 'ROW':
      return jsonFor(type.columns)
    case 'ARRAY':
      return fc.array(jsonOf(type.element.type), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`)
    case 'MAP':
      return fc
        .array(fc.tuple(fc.constantFrom(...names), jsonOf(type.value.type)), { maxLength: 3 })
        .map((entries) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`)
    case 'BOOLEAN':
      return fc.boolean().map(String)
    case 'STRING':
    case 'CHAR':
    case 'VARCHAR':
      return fc.string({ unit: 'binary', maxLength: 8 }).map((text) => JSON.stringify(text))
    case 'BYTES':
    case 'BINARY':
    case 'VARBINARY':
      return fc.base64String({ maxLength: 12 }).map((text) => JSON.stringify(text))
    case 'DATE':
    case 'TIME':
    case 'TIMESTAMP':
    case 'TIMESTAMP_LTZ':
      return fc
        .date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
        .map((date) => JSON.stringify(timeText(date, type.kind)))
    case 'FLOAT':
    case 'DOUBLE':
    case 'DECIMAL':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)
    default:
      return fc.oneof(fc.integer({ min: -128, max: 127 }), fc.maxSafeInteger()).map(String)
  }
}

function timeText(date: Date, kind: ColumnType['kind']): string {
  const text = date.toISOString()
  if (kind === 'DATE') return text.slice(0, 10)
  if (kind === 'TIME') return text.slice(11, 23)
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${kind === 'TIMESTAMP' ? '' : 'Z'}`
}

const words = [
  ...'CREATE OR REPLACE TABLE IF NOT EXISTS WITH LIKE AS PARTITIONED BY COMMENT NULL METADATA WATERMARK FOR'.split(' '),
  ...'PRIMARY KEY UNIQUE CONSTRAINT ROW ARRAY MAP DECIMAL TIMESTAMP INT STRING a b c 1 38 TO_TIMESTAMP CAST'.split(' '),
  ...[
    '(',
    ')',
    '<',
    '>',
    ',',
    ',',
    ';',
    '=',
    '.',
    '/',
    '`a b`',
    "'connector'",
    "'mqtt-v3'",
    "'topic'",
    "'x'",
    "'",
    '`',
  ],
  ...['-- x\n', '/* y */', '/*', 'a INT', 'ROW<a INT>', "WITH ('qos' = '1'", 'CREATE TABLE t (a INT'],
]

/** Text that looks like SQL, and text that does not. */
export const anySql: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(' ')) },
  fc.string({ unit: 'binary', maxLength: 60 }),
)
