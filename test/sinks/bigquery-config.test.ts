import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFields } from '../../src/config/fields.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { compileCell } from '../../src/sinks/bigquery/cells.ts'
import { targetsOf } from '../../src/sinks/bigquery/columns.ts'
import { checkSink, sinkFields } from '../../src/sinks/bigquery/config.ts'
import { mismatch } from '../../src/sinks/bigquery/table.ts'
import { reading } from '../contract/sink-harness.ts'
import { createBigQuerySink } from './bigquery-harness.ts'

const base = { cloud: 'c', dataset: 'd', table: 't', schema: 's' }
const fieldsOf = (options: { readonly [option: string]: unknown }) => {
  const { config, problems } = parseFields(sinkFields, { ...base, ...options })
  return [...problems, ...(config ? checkSink(config) : [])].map(({ field }) => field)
}

test('what cannot work is said at deploy, at its field', () => {
  const cases = [
    [{}, []],
    [{ schema: '' }, ['schema']],
    [{ schema: '', columns: [{ name: 'payload', value: '{payload}' }] }, []],
    [{ dataset: 'a-b' }, ['dataset']],
    [{ table: 'a/b' }, ['table']],
    [{ table: 'Werte-2026 ä' }, []],
    [
      {
        columns: [
          { name: 'a', value: 'x' },
          { name: 'A', value: 'y' },
        ],
      },
      ['columns'],
    ],
    [{ columns: [{ name: 'a', value: '{nothing}' }] }, ['columns']],
    [{ columns: [{ name: 'a', value: 'at {receivedAt}' }] }, ['columns']],
    [{ columns: [{ name: 'a', value: '{topic.0}' }] }, ['columns']],
    [{ columns: [{ name: 'a', value: '{topic.site}-{id}' }] }, []],
    [{ writeMethod: 'exactlyOnce', delivery: 'confirm' }, ['writeMethod']],
    [{ createTable: true, partitioning: 'column-day' }, ['partitionColumn']],
    [{ createTable: true, partitioning: 'column-day', partitionColumn: 'at' }, []],
    [{ createTable: true, clustering: 'a, b, c, d, e' }, ['clustering']],
    [{ requestTimeoutMs: '1 ms' }, ['requestTimeoutMs']],
  ] as const
  for (const [options, expected] of cases) assert.deepEqual(fieldsOf(options), expected, JSON.stringify(options))
})

test('one emulator alone is refused: the other half of the traffic would go to Google', () => {
  const create = (url: string, storage: string, writeMethod: string) => () =>
    createBigQuerySink({ at: { url, storage }, schema: 'n INT', sink: { writeMethod } })
  assert.throws(create('http://127.0.0.1:1', '', 'storageWrite'), { code: 'CONFIG_INVALID' })
  assert.throws(create('', '127.0.0.1:1', 'storageWrite'), { code: 'CONFIG_INVALID' })
  assert.throws(create('', '127.0.0.1:1', 'insertAll'), { code: 'CONFIG_INVALID' })
  assert.doesNotThrow(create('http://127.0.0.1:1', '', 'insertAll'))
  assert.doesNotThrow(create('http://127.0.0.1:1', '127.0.0.1:1', 'storageWrite'))
})

test('a column from what is known about a reading has its text or its own type, or is not known', () => {
  const record = reading(1, {
    topic: 'a/b/c',
    route: 'r',
    node: 'Press 4',
    tag: 't',
    id: 'o-1',
    retain: true,
    captures: { site: 'a' },
  })
  const cases = [
    ['{topic}', 'a/b/c'],
    ['{topic.site}|{topic}', 'a|a/b/c'],
    ['{topic.line}', undefined],
    ['{route} {node} {tag} {id}', 'r Press 4 t o-1'],
    ['{filter}', undefined],
    ['fixed', 'fixed'],
    ['{qos}', 1],
    ['{retain}', true],
    ['{dup}', false],
    ['{receivedAt}', record.receivedAt],
    ['{payload}', '{"n":1}'],
  ] as const
  for (const [template, expected] of cases) assert.equal(compileCell(template).read(record), expected, template)
  const withoutTime = reading(1, { receivedAt: Number.NaN })
  assert.equal(compileCell('{receivedAt}').read(withoutTime), undefined)
})

test('a table suits when it has each column in its type, and needs none that is not filled', () => {
  const targets = targetsOf(
    parseRowSchema('n INT NOT NULL, d DECIMAL(38, 18), r ROW<a ARRAY<STRING>>, at TIMESTAMP(3)'),
  )
  const suits = [
    { name: 'N', type: 'INT64', mode: 'REQUIRED' },
    { name: 'd', type: 'BIGNUMERIC' },
    { name: 'r', type: 'STRUCT', fields: [{ name: 'a', type: 'STRING', mode: 'REPEATED' }] },
    { name: 'at', type: 'TIMESTAMP' },
    { name: 'more', type: 'GEOGRAPHY', mode: 'NULLABLE' },
  ]
  assert.equal(mismatch(suits, targets), undefined)
  const replaced = (name: string, field: object | undefined) =>
    mismatch(
      suits.flatMap((one) => (one.name === name ? (field ? [{ ...one, ...field }] : []) : [one])),
      targets,
    )
  const cases = [
    ['d', { type: 'NUMERIC' }, 'column d is NUMERIC there and BIGNUMERIC here'],
    ['d', { mode: 'REQUIRED' }, 'column d is REQUIRED there and may be null here: say NOT NULL in the row schema'],
    ['N', { mode: 'REPEATED' }, 'column n is REPEATED there and REQUIRED here'],
    ['r', { fields: [] }, 'column r.a missing'],
    ['r', { fields: [{ name: 'a', type: 'STRING' }] }, 'column r.a is NULLABLE there and REPEATED here'],
    ['at', { type: 'DATETIME' }, 'column at is DATETIME there and TIMESTAMP here'],
    ['at', undefined, 'column at missing'],
    ['more', { mode: 'REQUIRED' }, 'column more is REQUIRED there, and the sink does not fill it'],
  ] as const
  for (const [name, field, expected] of cases) assert.equal(replaced(name, field), expected)
})

test('a NUMERIC column that rounds, or has no room for all digits, does not suit a DECIMAL', () => {
  const targets = targetsOf(parseRowSchema('r ROW<d DECIMAL(10, 2)>'))
  const problem = (field: object) =>
    mismatch([{ name: 'r', type: 'RECORD', fields: [{ name: 'd', type: 'NUMERIC', ...field }] }], targets)
  const narrow = (shown: string) =>
    `column r.d is ${shown} there and DECIMAL(10, 2) here: it has no room for all digits`
  for (const [field, shown] of [
    [{ precision: '10', scale: '1' }, 'NUMERIC(10, 1)'],
    [{ precision: '9', scale: '2' }, 'NUMERIC(9, 2)'],
    [{ precision: '10', scale: '3' }, 'NUMERIC(10, 3)'],
    [{ precision: '10' }, 'NUMERIC(10, 0)'],
    [{ type: 'BIGNUMERIC', precision: '38', scale: '1' }, 'BIGNUMERIC(38, 1)'],
  ] as const)
    assert.equal(problem(field), narrow(shown))
  for (const field of [{}, { type: 'BIGNUMERIC' }, { precision: '10', scale: '2' }, { precision: '12', scale: '4' }])
    assert.equal(problem(field), undefined)
})
