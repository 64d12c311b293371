import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { formatColumns, formatType } from '../../src/rows/row-schema.ts'
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
  assert.deepEqual(ignored, [
    'line 16: only the options json.… of a table have an effect here; broker and topics have their own nodes',
  ])
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
    '(\n  -- first INT\n  ,a INT\n  ,b ROW<,c STRING>)',
    "Create Or Replace Table `x`.y.z (a Integer, b Row<c String>) With ('json.ignore-parse-errors' = 'true',)",
    "CREATE TABLE t (a INT, b ROW<c STRING>) DISTRIBUTED BY HASH(a) INTO 4 BUCKETS PARTITIONED BY (a) WITH (,'connector' = 'kafka', 'topic' = 'x') LIKE o (EXCLUDING ALL, INCLUDING y);",
    'CREATE TABLE t (a INT, b ROW<c STRING>) AS SELECT a, b FROM x',
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
    late AS \`late\`,
    seconds AS to_timestamp( from_unixtime(n/1000)) COMMENT 'x',
    text_WM AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(unit AS BIGINT) / 1000)),
    plus AS TO_TIMESTAMP(FROM_UNIXTIME(ts / 1000)) + INTERVAL '1' DAY,
    unit STRING,
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
    columns.map(({ name, fromMillis }) => (fromMillis === undefined ? name : `${name} of ${fromMillis}`)),
    ['ts', 'ts_WM of ts', 'seconds of n', 'unit', 'origin', 'n'],
  )
  const computed = 'other expressions than TO_TIMESTAMP(FROM_UNIXTIME(… / 1000)) are not evaluated'
  assert.deepEqual(ignored, [
    'line 2: "PRIMARY KEY NOT ENFORCED" has no effect: constraints are not checked',
    `line 4: "late AS \`late\`" has no effect: ${computed}`,
    `line 7: "plus AS TO_TIMESTAMP(FROM_UNIXTIME(ts / 1000)) + INTERVAL '1' DAY" has no effect: ${computed}`,
    `line 9: "big AS ts < 5" has no effect: ${computed}`,
    `line 10: "cast_row AS CAST(x AS ROW<a INT, b INT>)" has no effect: ${computed}`,
    'line 12: "offs MAP<STRING, BYTES> METADATA FROM \'headers\' VIRTUAL" has no effect: metadata columns are not read from the payload',
    'line 14: "WATERMARK FOR ts_WM AS ts_WM - INTERVAL \'5\' SECOND" has no effect: there is no event time here',
    'line 15: "CONSTRAINT pk PRIMARY KEY (ts, n) NOT ENFORCED" has no effect: constraints are not checked',
    'line 16: "UNIQUE (n)" has no effect: constraints are not checked',
    'line 6: "text_WM AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(unit AS BIGINT) / 1000))" has no effect: unit is no column of whole numbers',
  ])
})

test('every type of Flink SQL that JSON can hold is understood, in all of its spellings', () => {
  const spellings: readonly (readonly [string, string])[] = [
    ['TINYINT', 'TINYINT'],
    ['smallint', 'SMALLINT'],
    ['INTEGER', 'INT'],
    ['BIGINT', 'BIGINT'],
    ['FLOAT', 'FLOAT'],
    ['DOUBLE PRECISION', 'DOUBLE'],
    ['BOOLEAN', 'BOOLEAN'],
    ['DECIMAL', 'DECIMAL(10, 0)'],
    ['DEC(7)', 'DECIMAL(7, 0)'],
    ['NUMERIC ( 38 , 18 )', 'DECIMAL(38, 18)'],
    ['CHAR', 'CHAR(1)'],
    ['VARCHAR(2147483647)', 'VARCHAR(2147483647)'],
    ['STRING', 'STRING'],
    ['BYTES', 'BYTES'],
    ['BINARY(3)', 'BINARY(3)'],
    ['VARBINARY', 'VARBINARY(1)'],
    ['DATE', 'DATE'],
    ['TIME(3) WITHOUT TIME ZONE', 'TIME(3)'],
    ['TIME', 'TIME(0)'],
    ['TIMESTAMP', 'TIMESTAMP(6)'],
    ['TIMESTAMP(9) WITHOUT TIME ZONE', 'TIMESTAMP(9)'],
    ['TIMESTAMP WITH LOCAL TIME ZONE', 'TIMESTAMP_LTZ(6)'],
    ['TIMESTAMP_LTZ(3)', 'TIMESTAMP_LTZ(3)'],
    ['ARRAY<INT NOT NULL>', 'ARRAY<INT NOT NULL>'],
    ['INT ARRAY ARRAY', 'ARRAY<ARRAY<INT>>'],
    ['MAP<VARCHAR(5) NOT NULL, ROW(a INT, b TIME)>', 'MAP<STRING, ROW<`a` INT, `b` TIME(0)>>'],
    [
      'ARRAY<MAP<STRING,ARRAY<ROW<x DECIMAL(4,2) NOT NULL>>>>',
      'ARRAY<MAP<STRING, ARRAY<ROW<`x` DECIMAL(4, 2) NOT NULL>>>>',
    ],
  ]
  for (const [written, meant] of spellings) {
    assert.equal(text(`a ${written}, b INT`), `ROW<\`a\` ${meant}, \`b\` INT>`)
    assert.equal(text(`a ${meant}, b INT`), `ROW<\`a\` ${meant}, \`b\` INT>`)
  }
})

test('the columns as text read back as the same columns, computed ones too', () => {
  const { columns } = parseRowSchema(
    'ts BIGINT, `a``b` ROW<x TIMESTAMP(3)> NOT NULL, w AS TO_TIMESTAMP(FROM_UNIXTIME(ts / 1000))',
  )
  assert.equal(columns.length, 3)
  assert.deepEqual(parseRowSchema(formatColumns(columns)).columns, columns)
})

test('an option that is wrong in the WITH clause is an error that names it, and passwords have no place there', () => {
  const cases: readonly (readonly [string, string])[] = [
    ["'connector' = 'mqtt-v3', 'brokre.host' = 'x'", "line 1: the option 'brokre.host' is not known"],
    ["'brokre.host' = 'x'", "line 1: the option 'brokre.host' is not known"],
    ["'json.lines' = 'true'", "line 1: the option 'json.lines' is not known"],
    ["'connector' = 'kafka', 'json.lines' = 'true'", "line 1: the option 'json.lines' is not known"],
    ["\n'qos' = '1',\n'qos' = '1'", "line 3: the option 'qos' is there twice"],
    [
      "'json.fail-on-missing-field' = 'true',\n'json.ignore-parse-errors' = 'true'",
      "line 2: 'json.ignore-parse-errors' cannot be true together with 'json.fail-on-missing-field'",
    ],
    [
      "'json.ignore-parse-errors' = 'yes'",
      "line 1: the option 'json.ignore-parse-errors' must be true or false, not 'yes'",
    ],
    [
      "'json.timestamp-format.standard' = 'RFC-3339'",
      "line 1: the option 'json.timestamp-format.standard' must be SQL or ISO-8601, not 'RFC-3339'",
    ],
    [
      "'password' = 'x', 'username' = 'y'",
      "line 1: whoever exports the flow would have the 'password': take it out here",
    ],
    [
      "'connector' = 'kafka', 'properties.sasl.jaas.config' = 'x'",
      "line 1: whoever exports the flow would have the 'properties.sasl.jaas.config': take it out here",
    ],
    ["'qos'", 'line 1: expected "=", found ")"'],
    ["'qos' = 1", "line 1: expected the value of the option 'qos' in '…', found \"1\""],
    ["qos = '1'", 'line 1: expected the name of an option in \'…\', found "qos"'],
    ["'qos' = '1' 'topic' = 'x'", 'line 1: expected ")", found "\'topic\'"'],
  ]
  for (const [options, expected] of cases) {
    assert.equal(problem(`CREATE TABLE t (a INT) WITH (${options})`), `schema: ${expected}`)
  }
  const { columns, ignored } = parseRowSchema(
    "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'x' = '', 'json.map-null-key.mode' = 'DROP')",
  )
  assert.equal(columns.length, 1)
  assert.equal(ignored.length, 2)
})

test('an error says the line, what was expected and what is there', () => {
  const types =
    'BOOLEAN, TINYINT, SMALLINT, INT, INTEGER, BIGINT, FLOAT, DOUBLE, STRING, BYTES, DATE, CHAR, VARCHAR, BINARY, ' +
    'VARBINARY, DECIMAL, DEC, NUMERIC, TIME, TIMESTAMP, TIMESTAMP_LTZ, ARRAY, MAP, ROW'
  const cases: readonly (readonly [string, string])[] = [
    ['a INT,\nb TEXT', `line 2: column "b" has the type TEXT, expected one of ${types}`],
    ['a ROW<\nb ROW<\nc INTERVAL>>', `line 3: column "a.b.c" has the type INTERVAL, expected one of ${types}`],
    ['a MULTISET<INT>', `line 1: column "a" has the type MULTISET, expected one of ${types}`],
    ['a ARRAY<TEXT>', `line 1: column "a.element" has the type TEXT, expected one of ${types}`],
    ['a MAP<INT, INT>', 'line 1: the keys of column "a" must be STRING: JSON knows no others'],
    ['a MAP<STRING>', 'line 1: expected ",", found ">"'],
    ['a ARRAY(INT)', 'line 1: expected "<", found "("'],
    ['a DECIMAL(39)', 'line 1: a precision must be from 1 to 38, not 39'],
    ['a DECIMAL(5, 6)', 'line 1: a scale must be from 0 to 5, not 6'],
    ['a DECIMAL(5,)', 'line 1: expected a scale, found ")"'],
    ['a TIMESTAMP(10)', 'line 1: a precision must be from 0 to 9, not 10'],
    ['a CHAR(0)', 'line 1: a length must be from 1 to 2147483647, not 0'],
    ['a VARCHAR(n)', 'line 1: expected a length, found "n"'],
    ['CREATE TABLE t (a INT) b', 'line 1: expected the end of the statement, found "b"'],
    ['CREATE TABLE t (a INT); CREATE TABLE u (a INT)', 'line 1: expected the end of the statement, found "CREATE"'],
    ['CREATE TABLE t (a INT) PARTITIONED BY (a', 'line 1: expected ")", found the end'],
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
    [
      'CREATE TABLE t (\nx AS TO_TIMESTAMP(FROM_UNIXTIME(y / 1000)))',
      'line 2: expected at least one column, as in "ts BIGINT"',
    ],
    [`${'a ROW<'.repeat(10_000)}`, 'line 1: types are nested more than 64 deep'],
    [`a ${'ARRAY<'.repeat(10_000)}`, 'line 1: types are nested more than 64 deep'],
    [`a INT ${'ARRAY '.repeat(10_000)}`, 'line 1: types are nested more than 64 deep'],
  ]
  for (const [source, expected] of cases) assert.equal(problem(source), `schema: ${expected}`)
})

test('a long text of any kind is answered, and not in quadratic time', () => {
  const parts = [
    '(',
    '`',
    "'",
    '/*',
    '/* *',
    '--',
    'a INT,',
    ' ',
    '\n',
    'x AS (',
    "''",
    '``',
    'a ROW<',
    '*',
    'a>INT,',
    ',',
    'a INT ARRAY ',
    'a MAP<',
    ") WITH ('a'='b',",
  ]
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
