import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { NumberText } from '../../src/core/number-text.ts'
import type { Value } from '../../src/core/record.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { targetsOf } from '../../src/sinks/bigquery/columns.ts'
import { compileJson, compileProto } from '../../src/sinks/bigquery/encoder.ts'
import { readFields } from '../../src/sinks/bigquery/proto.ts'
import { timestampText } from '../../src/sinks/bigquery/values.ts'

const encoders = (type: string) => {
  const targets = targetsOf(parseRowSchema(`c ${type}`))
  return [compileProto(targets), compileJson(targets)] as const
}

const date = new Date(0) as never
/** By type: what is taken, with what insertAll gets for it, and what is not. */
const cases: readonly (readonly [
  type: string,
  taken: readonly (readonly [Value, unknown])[],
  refused: readonly Value[],
])[] = [
  [
    'BOOLEAN',
    [
      [true, true],
      [false, false],
    ],
    ['true', 1, 0, {}, []],
  ],
  [
    'TINYINT',
    [
      [127, '127'],
      [-128, '-128'],
    ],
    [128, -129, 1.5, '1', true, Number.NaN],
  ],
  ['SMALLINT', [[32_767, '32767']], [32_768, '5', 0.1]],
  [
    'INT',
    [
      [-2_147_483_648, '-2147483648'],
      [-0, '0'],
    ],
    [2_147_483_648, 1.5, '12', [1]],
  ],
  [
    'BIGINT',
    [
      [9_223_372_036_854_775_807n, '9223372036854775807'],
      [-9_223_372_036_854_775_808n, '-9223372036854775808'],
      [new NumberText('9007199254740993'), '9007199254740993'],
    ],
    [9_223_372_036_854_775_808n, 1e300, 2 ** 60, '7', new NumberText('1.5')],
  ],
  [
    'DOUBLE',
    [
      [1.5, 1.5],
      ['NaN', 'NaN'],
      [Number.NEGATIVE_INFINITY, '-Infinity'],
      [5n, 5],
    ],
    ['abc', '12.5', true, {}],
  ],
  ['FLOAT', [[0.1, 0.1]], ['1', []]],
  [
    'DECIMAL(10, 2)',
    [
      [12.34, '12.34'],
      ['-0.50', '-0.5'],
      [new NumberText('12345678.90'), '12345678.9'],
      [0, '0'],
      [1e3, '1000'],
      [5n, '5'],
    ],
    [Number.NaN, 'NaN', Number.POSITIVE_INFINITY, 12.345, 123_456_789, '1,5', '', 'abc', true, {}],
  ],
  ['DECIMAL(38, 38)', [['0.00000000000000000000000000000000000001', '0.00000000000000000000000000000000000001']], [1]],
  [
    'STRING',
    [
      ['', ''],
      ['Zürich 🏭', 'Zürich 🏭'],
    ],
    [5, true, {}, [], Buffer.from('x')],
  ],
  [
    'BYTES',
    [
      [Buffer.from('hi'), 'aGk='],
      ['aGk=', 'aGk='],
    ],
    ['no base64!', 'aGk', 5],
  ],
  [
    'DATE',
    [
      ['2026-11-21', '2026-11-21'],
      ['0001-01-01', '0001-01-01'],
      ['9999-12-31', '9999-12-31'],
      ['2024-02-29', '2024-02-29'],
    ],
    ['2026-02-29', '2026-13-01', '21.11.2026', 20_000, '2026-11-21T00:00:00Z', '0000-01-01', date],
  ],
  [
    'TIME',
    [
      ['12:34:56', '12:34:56'],
      ['12:34:56.123456789', '12:34:56.123456'],
    ],
    ['24:00:00', '12:60:00', 5],
  ],
  [
    'TIMESTAMP(3)',
    [
      ['2026-11-21 09:00:00.123456', '2026-11-21T09:00:00.123456Z'],
      ['2026-11-21T09:00:00Z', '2026-11-21T09:00:00.000000Z'],
      ['2026-11-21T09:00:00.5+02:00', '2026-11-21T07:00:00.500000Z'],
      ['1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
      ['0001-01-01 00:00:00', '0001-01-01T00:00:00.000000Z'],
      ['9999-12-31 23:59:59.999999', '9999-12-31T23:59:59.999999Z'],
    ],
    ['yesterday', 1_751_371_200_000, '2026-02-30 00:00:00', '2026-11-21', '9999-12-31T23:59:59-01:00', date],
  ],
  [
    'ARRAY<INT>',
    [
      [
        [1, 2],
        ['1', '2'],
      ],
      [[], []],
    ],
    ['1', { 0: 1 }, [1, null], [1, 'x']],
  ],
  ['MAP<STRING, INT>', [[{ a: 1 }, '{"a":1}']], [[], 'x', 5, date, new NumberText('5')]],
  ['ARRAY<ARRAY<INT>>', [[[[1], [2, 3]], '[[1],[2,3]]']], [{}, 'x']],
  [
    'ROW<x INT>',
    [
      [{ x: 1 }, { x: '1' }],
      [{}, {}],
    ],
    [[], 'x', { x: 'y' }, date, new NumberText('5')],
  ],
]

for (const [type, taken, refused] of cases) {
  test(`${type} takes what it is, and refuses everything else with the name of the column`, () => {
    const [proto, json] = encoders(type)
    for (const [value, expected] of taken) {
      assert.deepEqual(json({ c: value }), { c: expected }, String(value))
      assert.ok(proto({ c: value }).length > 0 || (Array.isArray(value) && value.length === 0))
    }
    for (const value of refused) {
      for (const encode of [proto, json]) {
        const thrown = (error: unknown) =>
          error instanceof PipelineError && error.disposition === 'reject' && /^At \/c/.test(error.message)
        assert.throws(() => encode({ c: value }), thrown, `${typeof value} ${String(value)}`)
      }
    }
    assert.deepEqual([proto({ c: null }).length, proto({}).length], [0, 0])
  })
}

test('a missing value of a NOT NULL column refuses the row', () => {
  for (const encode of encoders('INT NOT NULL')) {
    assert.throws(() => encode({}), { code: 'ROW_MISSING', message: 'At /c: the field is missing' })
    assert.throws(() => encode({ c: null }), { code: 'ROW_MISSING', message: 'At /c: the field is null' })
  }
})

test('a wrong value deep inside is named by its path', () => {
  const [proto] = encoders('ROW<a ARRAY<ROW<b INT NOT NULL>>>')
  assert.throws(() => proto({ c: { a: [{ b: 1 }, { b: 'x' }] } }), { message: 'At /c/a/*/b: expected INT, found "x"' })
  assert.throws(() => proto({ c: { a: [{}] } }), { code: 'ROW_MISSING' })
})

test('a row that was refused leaves nothing in the next one', () => {
  const targets = targetsOf(parseRowSchema('a STRING, b INT'))
  const encode = compileProto(targets)
  const good = encode({ a: 'x', b: 1 })
  assert.throws(() => encode({ a: 'long text before', b: 'wrong' }))
  assert.deepEqual(encode({ a: 'x', b: 1 }), good)
})

test('rows of a Function node, which has other objects than we, are rows', async () => {
  const { runInNewContext } = await import('node:vm')
  const [proto] = encoders('ROW<x INT>')
  assert.ok(proto({ c: runInNewContext('({ x: 5 })') as Value }).length > 0)
})

test('text of any length and nested rows of any size have the right lengths', () => {
  for (const length of [0, 1, 47, 48, 127, 128, 5000, 70_000]) {
    for (const unit of ['x', 'ü']) {
      const [proto] = encoders('ROW<a ROW<b STRING>>')
      const text = unit.repeat(length)
      const [c] = readFields(proto({ c: { a: { b: text } } }))
      const [a] = readFields(c!.value as Buffer)
      const [b] = readFields(a!.value as Buffer)
      assert.equal(String(b!.value), text)
    }
  }
})

test('microseconds become text on both sides of 1970', () => {
  assert.equal(timestampText(-1), '1969-12-31T23:59:59.999999Z')
  assert.equal(timestampText(0), '1970-01-01T00:00:00.000000Z')
})
