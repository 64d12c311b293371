import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { formatType } from '../../src/rows/row-schema.ts'
import { factoryTable } from './readings.ts'

const text = (source: string) => formatType({ kind: 'ROW', columns: parseRowSchema(source).columns })

function problem(source: string): string {
  try {
    parseRowSchema(source)
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    assert.equal(error.code, 'CONFIG_INVALID')
    return error.message
  }
  assert.fail(`no problem in ${source}`)
}

test('a whole CREATE TABLE gives its columns in order, nested rows included', () => {
  const { columns, ignored } = parseRowSchema(factoryTable)
  assert.deepEqual(ignored, [])
  assert.equal(
    formatType({ kind: 'ROW', columns }),
    'ROW<`ts` BIGINT, `metadata` ROW<`siteId` INT, `deviceId` INT, `sensorId` INT, `unit` STRING, `ts_human` STRING, ' +
      '`location` ROW<`latitude` DOUBLE, `longitude` DOUBLE>, `deviceType` STRING>, `measurement` DOUBLE>',
  )
})

test('ROW<…>, ROW(…), a list of columns and a list in parentheses mean the same', () => {
  const expected = 'ROW<`a` INT, `b` ROW<`c` STRING>>'
  for (const source of [
    'ROW<a INT, b ROW<c STRING>>',
    'row(a int, b row(c string))',
    'ROW<a INT, b ROW<c STRING>> NOT NULL;',
    'a INT, b ROW<c STRING>',
    'a INT\n,b ROW(c STRING),\n',
    '(a INTEGER, b ROW<c STRING>)',
    'create table `my table` (a INT, b ROW<c STRING>,)',
    "CREATE TEMPORARY TABLE IF NOT EXISTS x.y (a INT, b ROW<c STRING>) COMMENT 'it''s' PARTITIONED BY (a)",
  ])
    assert.equal(text(source), expected, source)
})

test('comments, quoted names, NOT NULL and column comments are understood', () => {
  const source = `
    -- the key, "quoted"
    \`a\`\`b c\` BIGINT NOT NULL COMMENT 'it''s, a key', /* not
    this INT, * / */ \`order\` ROW<x DOUBLE NOT NULL 'the x', \`y.z\` BOOLEAN NULL>, row INT, watermark INT, primary STRING`
  assert.equal(
    text(source),
    'ROW<`a``b c` BIGINT NOT NULL, `order` ROW<`x` DOUBLE NOT NULL, `y.z` BOOLEAN>, `row` INT, `watermark` INT, `primary` STRING>',
  )
})

test('the text form of a schema reads back as the same schema', () => {
  const { columns } = parseRowSchema(
    '`a``b` INT NOT NULL, `` `< ,( `` ROW<`x y` STRING>'.replace('`` `< ,( ``', '`< ,(`'),
  )
  assert.deepEqual(parseRowSchema(formatType({ kind: 'ROW', columns })).columns, columns)
})

test('what has no effect is named with its line', () => {
  const { columns, ignored } = parseRowSchema(`CREATE TABLE t (
    ts BIGINT PRIMARY KEY NOT ENFORCED,
    ts_WM AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(\`ts\` AS BIGINT) / 1000)),
    big AS ts < 5,
    cast_row AS CAST(x AS ROW<a INT, b INT>),
    origin ROW<metadata STRING>,
    offs MAP<STRING, BYTES> METADATA FROM 'headers' VIRTUAL,
    n INT,
    WATERMARK FOR ts_WM AS ts_WM - INTERVAL '5' SECOND,
    CONSTRAINT pk PRIMARY KEY (ts, n) NOT ENFORCED,
    UNIQUE (n)
  )`)
  assert.deepEqual(
    columns.map(({ name }) => name),
    ['ts', 'origin', 'n'],
  )
  assert.deepEqual(ignored, [
    'line 2: "PRIMARY KEY NOT ENFORCED" has no effect: constraints are not checked',
    'line 3: "ts_WM AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(`ts` AS BIGINT) / 1000))" has no effect: computed columns are not evaluated',
    'line 4: "big AS ts < 5" has no effect: computed columns are not evaluated',
    'line 5: "cast_row AS CAST(x AS ROW<a INT, b INT>)" has no effect: computed columns are not evaluated',
    'line 7: "offs MAP<STRING, BYTES> METADATA FROM \'headers\' VIRTUAL" has no effect: metadata columns are not read from the payload',
    'line 9: "WATERMARK FOR ts_WM AS ts_WM - INTERVAL \'5\' SECOND" has no effect: there is no event time here',
    'line 10: "CONSTRAINT pk PRIMARY KEY (ts, n) NOT ENFORCED" has no effect: constraints are not checked',
    'line 11: "UNIQUE (n)" has no effect: constraints are not checked',
  ])
})

test('an error says the line, what was expected and what is there', () => {
  const types = 'BIGINT, INT, INTEGER, DOUBLE, STRING, BOOLEAN and ROW<…>'
  const cases: readonly (readonly [string, string])[] = [
    ['a INT,\nb DECIMAL(10, 2)', `line 2: column "b" has the type DECIMAL, expected one of ${types}`],
    ['a ROW<\nb ROW<\nc TIMESTAMP(3)>>', `line 3: column "a.b.c" has the type TIMESTAMP, expected one of ${types}`],
    ['a INT b INT', 'line 1: expected "," or the end of the columns, found "b"'],
    ['CREATE TABLE t (\na INT\n', 'line 3: expected "," or ")", found the end'],
    ['CREATE TABLE t WITH (x)', 'line 1: expected "(" and the columns, found "WITH"'],
    ['CREATE VIEW t', 'line 1: expected TABLE, found "VIEW"'],
    ['CREATE OR TABLE t', 'line 1: expected REPLACE, found "TABLE"'],
    ['CREATE TABLE a. (b INT)', 'line 1: expected the name of the table, found "("'],
    ['ROW<a INT', 'line 1: expected "," or ">", found the end'],
    ['ROW(a INT>', 'line 1: expected "," or ")", found ">"'],
    ['ROW<a INT> x', 'line 1: expected "," or the end of the columns, found "x"'],
    ['a', 'line 1: expected the type of column "a", found the end'],
    ['a ROW', 'line 1: expected "<" and the columns of the ROW, found the end'],
    ['a INT,,b INT', 'line 1: expected the name of a column, found ","'],
    ['a INT,\na STRING', 'line 2: column "a" is there twice'],
    ['a ROW<x INT,\nx INT>', 'line 2: column "a.x" is there twice'],
    ['a INT NOT', 'line 1: expected NULL, found the end'],
    ['a INT COMMENT b', 'line 1: expected a comment in \'…\', found "b"'],
    ['``  INT', 'line 1: expected the name of a column, found "``"'],
    ['"a" INT', 'line 1: expected the name of a column, found """'],
    ['\n a INT, `b', 'line 2: the closing ` is missing'],
    ["a INT COMMENT 'x", "line 1: the closing ' is missing"],
    ['a INT /* x', 'line 1: the comment is not closed with */'],
    ['ROW<>', 'line 1: expected at least one column, as in "ts BIGINT"'],
    ['CREATE TABLE t (x AS 1)', 'line 1: expected at least one column, as in "ts BIGINT"'],
    [' -- nothing', 'line 1: expected at least one column, as in "ts BIGINT"'],
    [`${'a ROW<'.repeat(10_000)}`, 'line 1: rows are nested more than 64 deep'],
  ]
  for (const [source, expected] of cases) assert.equal(problem(source), `schema: ${expected}`)
})

test('a long text of any kind is answered, and not in quadratic time', () => {
  const parts = ['(', '`', "'", '/*', '/* *', '--', 'a INT,', ' ', '\n', 'x AS (', "''", '``', 'a ROW<', '*', 'a>INT,']
  for (const part of parts) {
    const started = performance.now()
    try {
      parseRowSchema(`CREATE TABLE t (${part.repeat(100_000)}`)
    } catch (error) {
      assert.ok(error instanceof PipelineError, `${part}: ${error}`)
    }
    const tookMs = performance.now() - started
    assert.ok(tookMs < 5000, `${part} took ${tookMs} ms`)
  }
})
