import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { NumberText } from '../../src/core/number-text.ts'
import { type Row, toJson } from '../../src/core/record.ts'
import { compileDecoder } from '../../src/rows/compile-decoder.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import type { DecoderOptions } from '../../src/rows/row-schema.ts'
import { factoryTable, readings } from './readings.ts'

const plain = { failOnMissingField: false, ignoreParseErrors: false, timestampFormat: 'SQL' } as const
const strict = { ...plain, failOnMissingField: true }
const lax = { ...plain, ignoreParseErrors: true }

function decoder(schema: string, options: DecoderOptions = plain): (payload: string | Uint8Array) => Row | undefined {
  const decode = compileDecoder(parseRowSchema(schema), options)
  return (payload) => decode(typeof payload === 'string' ? Buffer.from(payload) : payload)
}

function error(decode: () => unknown): PipelineError {
  try {
    decode()
  } catch (thrown) {
    assert.ok(thrown instanceof PipelineError, String(thrown))
    return thrown
  }
  assert.fail('nothing was thrown')
}

test('the factory payloads become rows with every column of the table, in its order', () => {
  const decode = decoder(factoryTable)
  for (const { payload, row } of readings) assert.equal(toJson(decode(payload)!), row)
})

test('fields in another order, unknown and misspelt ones leave the order of the table', () => {
  const decode = decoder('a INT, b STRING, c ROW<d INT, e INT>')
  assert.equal(
    toJson(decode('{"c":{"e":2,"x":[{}],"d":1},"A":5,"b":"x","z":{"a":9}}')!),
    '{"a":null,"b":"x","c":{"d":1,"e":2}}',
  )
})

test('a missing row is null, an empty one is a row of nulls', () => {
  const decode = decoder(factoryTable)
  assert.equal(toJson(decode('{}')!), '{"ts":null,"metadata":null,"measurement":null}')
  assert.equal(toJson(decode('{"ts":1,"metadata":null}')!), '{"ts":1,"metadata":null,"measurement":null}')
  assert.equal(toJson(decoder('r ROW<a INT>')('{"r":{}}')!), '{"r":{"a":null}}')
})

test('an empty payload gives no row and no error, one of white space is not JSON', () => {
  for (const options of [plain, strict, lax]) assert.equal(decoder('a INT', options)(''), undefined)
  assert.match(error(() => decoder('a INT')(' \n')).message, /expected a value at character 3, but the text ends/)
})

test('a BIGINT is a number where that is exact and a BigInt beyond', () => {
  const decode = decoder('id BIGINT')
  const id = (text: string) => decode(`{"id":${text}}`)?.id
  assert.equal(id('9007199254740991'), 9007199254740991)
  assert.equal(id('9007199254740992'), 9007199254740992n)
  assert.equal(id('9007199254740993'), 9007199254740993n)
  assert.equal(id('-9223372036854775808'), -9223372036854775808n)
  assert.equal(id('"+9223372036854775807"'), 9223372036854775807n)
  assert.equal(id('" 00000000000000000000000000000000000000007 "'), 7)
  assert.equal(id('1e17'), 100000000000000000n)
})

test('values are converted as Flink does where the conformance file is silent', () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ['BIGINT', '9.223372036854775807e18', 9223372036854775807n],
    ['BIGINT', '-0.9', 0],
    ['INT', '"-2147483648"', -2147483648],
    ['INT', '-0', 0],
    ['INT', '2.0', 2],
    ['DOUBLE', '"1e3"', 1000],
    ['DOUBLE', '".5d"', 0.5],
    ['DOUBLE', '"+Infinity"', 'Infinity'],
    ['DOUBLE', '-1e999', '-Infinity'],
    ['DOUBLE', '-0.0', -0],
    ['FLOAT', '1.4e-45', 1e-45],
    ['FLOAT', '123456789', 123456790],
    ['FLOAT', '33.33300018310547', 33.333],
    ['FLOAT', '-0.0', -0],
    ['BOOLEAN', 'false', false],
    ['BOOLEAN', '"tRuE"', true],
    ['STRING', '-1.50E+3', '-1.50E+3'],
    [
      'STRING',
      '{"b":[1.10, {"a": 12345678901234567890}],  "s":"a b\\u00e9\\n"}',
      '{"b":[1.10,{"a":12345678901234567890}],"s":"a bé\\n"}',
    ],
  ]
  for (const [type, json, expected] of cases) {
    assert.deepEqual(decoder(`x ${type}`)(`{"x":${json}}`), { x: expected }, `${type} ${json}`)
  }
})

test('values that look different in a row: bytes, exact decimals, times', () => {
  const decode = decoder(
    'b BYTES, d DECIMAL(38, 18), e DECIMAL(38, 0), f DECIMAL(10, 7), t TIMESTAMP(3), z TIMESTAMP_LTZ(3)',
  )
  const { b, d, e, f, t, z } = decode(`{
    "b": "AP8=", "d": 12345678901234567890.123456789012345678, "e": "-00090071992547409930", "f": 1e-7,
    "t": "2024-02-30 24:00:00.000", "z": "2024-10-19 04:35:51.120000Z"
  }`)!
  assert.deepEqual(b, Buffer.from([0, 255]))
  assert.deepEqual(
    [d, e, f],
    ['12345678901234567890.123456789012345678', '-90071992547409930', '0.0000001'].map((text) => new NumberText(text)),
  )
  assert.equal(Number(d) + 1, 12345678901234567000 + 1)
  assert.deepEqual([t, z], ['2024-03-01 00:00:00', '2024-10-19 04:35:51.12Z'])
})

test('a computed column counts the seconds of another one, and is null where that is', () => {
  const table = 'w AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(`ts` AS BIGINT) / 1000)), ts BIGINT, v STRING'
  const cases: readonly (readonly [string, string | null])[] = [
    ['1729312551000', '2024-10-19 04:35:51'],
    ['1729312551999', '2024-10-19 04:35:51'],
    ['"1729312551000"', '2024-10-19 04:35:51'],
    ['-1999', '1969-12-31 23:59:59'],
    ['-62167219200000', '0000-01-01 00:00:00'],
    ['253402300799999', '9999-12-31 23:59:59'],
    ['253402300800000', null],
    ['9223372036854775807', null],
    ['null', null],
  ]
  for (const [ts, expected] of cases) {
    for (const v of ['"x"', '1.50']) {
      const row = decoder(table)(`{"v":${v},"w":"never read","ts":${ts}}`)!
      assert.deepEqual([Object.keys(row), row.w], [['w', 'ts', 'v'], expected], `${ts} ${v}`)
    }
  }
  assert.equal(decoder(table)('{}')!.w, null)
  assert.equal(decoder(table, lax)('{"ts":"x"}')!.w, null)
  assert.equal(
    decoder(table, { ...plain, timestampFormat: 'ISO-8601' })('{"ts":1729312551000}')!.w,
    '2024-10-19T04:35:51',
  )
  assert.equal(error(() => decoder(table, strict)('{"v":""}')).message, 'At /ts: the field is missing')
})

test('what Flink takes is refused where its answer would be a surprise', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['BOOLEAN', '{}'],
    ['BOOLEAN', '[true]'],
    ['DOUBLE', '"0x1p3"'],
    ['DECIMAL(3, 0)', '"٣"'],
    ['TIMESTAMP(3)', '"+2000000-01-01 00:00:00"'],
  ]
  for (const [type, value] of cases)
    assert.match(error(() => decoder(`a ${type}`)(`{"a":${value}}`)).message, /^At \/a: expected/)
})

test('arrays, maps and rows in each other are read to the innermost value, by both ways', () => {
  const decode = decoder('m MAP<STRING, ARRAY<ROW<a INT, t DATE>>>, n ARRAY<MAP<STRING, DOUBLE>>, s STRING')
  const inner =
    '{"m":{"__proto__":[{"t":"2024-01-01","a":"5","x":1},null,{}],"b":null,"c":[]},"n":[{"constructor":1.5},{}]'
  for (const s of ['"x"', '7']) {
    const row = decode(`${inner},"s":${s}}`)!
    assert.equal(
      toJson(row),
      `{"m":{"__proto__":[{"a":5,"t":"2024-01-01"},null,{"a":null,"t":null}],"b":null,"c":[]},"n":[{"constructor":1.5},{}],"s":"${s.replaceAll('"', '')}"}`,
    )
    assert.equal(Object.getPrototypeOf(row.m), Object.prototype)
  }
  const cases: readonly (readonly [string, string])[] = [
    ['{"m":{"k/~":[{},{"a":true}]}}', 'At /m/k~1~0/1/a: expected INT, found true'],
    ['{"m":[]}', 'At /m: expected MAP, found []'],
    ['{"n":{}}', 'At /n: expected ARRAY, found {}'],
    ['{"n":[{"a":"1_0"}]}', 'At /n/0/a: expected DOUBLE, found "1_0"'],
  ]
  for (const [payload, message] of cases) assert.equal(error(() => decode(payload)).message, message)
  const required = decoder('a ARRAY<INT NOT NULL>, m MAP<STRING, DECIMAL(2, 0) NOT NULL>')
  assert.equal(error(() => required('{"a":[1,null]}')).message, 'At /a/1: the field is null')
  assert.equal(error(() => required('{"m":{"k":100}}')).message, 'At /m/k: expected DECIMAL(2, 0) NOT NULL, found 100')
})

test('a wrong value is reported with its place, the expected type and the found text', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['a INT', '{"a":"x"}', 'At /a: expected INT, found "x"'],
    ['a INT', '{"a":2147483647.5}', 'At /a: expected INT, found 2147483647.5'],
    ['a BIGINT', '{"a":9223372036854775808}', 'At /a: expected BIGINT, found 9223372036854775808'],
    ['a BIGINT', '{"a":"1_000"}', 'At /a: expected BIGINT, found "1_000"'],
    ['a BIGINT', '{"a":"-"}', 'At /a: expected BIGINT, found "-"'],
    ['a DOUBLE', '{"a":"0x10"}', 'At /a: expected DOUBLE, found "0x10"'],
    ['a DOUBLE', '{"a":{}}', 'At /a: expected DOUBLE, found {}'],
    ['a BOOLEAN', '{"a":[true]}', 'At /a: expected BOOLEAN, found [true]'],
    ['`a/b~c` ROW<d ROW<e INT>>', '{"a/b~c":{"d":{"e":true}}}', 'At /a~1b~0c/d/e: expected INT, found true'],
    ['r ROW<a INT>', '{"r":5}', 'At /r: expected ROW, found 5'],
    ['a INT', '[{"a":1}]', 'At the top level: expected ROW, found [{"a":1}]'],
    ['a INT NOT NULL', '{"a":null}', 'At /a: the field is null'],
    ['a INT NOT NULL', '{}', 'At /a: the field is missing'],
    ['a INT', '{"a":{"valueOf":1,"toString":2}}', 'At /a: expected INT, found {"valueOf":1,"toString":2}'],
  ]
  for (const [schema, payload, message] of cases) assert.equal(error(() => decoder(schema)(payload)).message, message)
  assert.equal(
    error(() => decoder('r ROW<a INT, b INT>', strict)('{"r":{"a":1}}')).message,
    'At /r/b: the field is missing',
  )
})

test('the found text is shortened, whatever the size of the value', () => {
  const { message } = error(() => decoder('a INT')(`{"a":"${'x'.repeat(5_000_000)}"}`))
  assert.equal(message, `At /a: expected INT, found "${'x'.repeat(58)}…`)
})

test('with ignored errors a wrong value is null, and what cannot be a row is skipped', () => {
  const decode = decoder('a INT, r ROW<b DOUBLE, c STRING>, n INT NOT NULL', lax)
  assert.deepEqual(decode('{"a":"x","r":{"b":[],"c":"y"},"n":1}'), { a: null, r: { b: null, c: 'y' }, n: 1 })
  assert.deepEqual(decode('{"a":1,"r":"x","n":1}'), { a: 1, r: null, n: 1 })
  for (const payload of ['[]', 'null', '{"n":1', '{"n":null}', '{"n":"x"}', '{}', 'x']) {
    assert.equal(decode(payload), undefined, payload)
  }
})

test('names that every JavaScript object knows are columns like all others', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'it\'s \\ " \n \u2028`${x}']
  const decode = decoder(names.map((name) => `\`${name.replaceAll('`', '``')}\` STRING`).join(', '))
  for (const value of ['x', 1]) {
    const row = decode(`{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`)!
    assert.deepEqual(
      Object.entries(row),
      names.map((name) => [name, String(value)]),
    )
    assert.equal(Object.getPrototypeOf(row), Object.prototype)
  }
  assert.deepEqual(
    Object.values(decode('{}')!),
    names.map(() => null),
  )
  assert.deepEqual(Object.values(decode('{"__proto__":null,"toString":5}')!), [null, null, '5', null, null, null])
  const nested = decoder('`__proto__` ROW<polluted STRING>, other INT')
  assert.deepEqual(Object.values(nested('{"other":1}')!), [null, 1])
  for (const other of [1, '"1"']) {
    const row = nested(`{"__proto__":{"polluted":"x"},"other":${other}}`)!
    assert.equal('polluted' in row, false)
    assert.deepEqual(Object.entries(row), [
      ['__proto__', { polluted: 'x' }],
      ['other', 1],
    ])
  }
  assert.equal(toJson(decoder('x STRING')('{"x":{"__proto__":{"a":1}}}')!), '{"x":"{\\"__proto__\\":{\\"a\\":1}}"}')
  assert.equal('polluted' in {}, false)
})

test('large payloads are decoded or refused with a short reason', () => {
  const decode = decoder('a INT, s STRING')
  const size = 5_000_000
  assert.equal(decode(`{"a":1,"s":"${'x'.repeat(size)}"}`)!.s?.toString().length, size)
  assert.equal(decode(`{"a":"1","s":"${'\\n'.repeat(size)}"}`)!.s?.toString().length, size)
  const bad: readonly (readonly [string, RegExp])[] = [
    [`{"a":1,"z":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`, /nested more than 1000 deep/],
    [`{"a":1,"s":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`, /nested more than 1000 deep/],
    ['['.repeat(size), /nested more than 1000 deep/],
    [`{"a":1${' '.repeat(size)}`, /expected "," or "}" at character 5000007, but the text ends/],
    [`{"a":"${' '.repeat(size)}x"}`, /expected INT/],
    [`{"a":"${'0'.repeat(size)}x"}`, /expected INT/],
    [`{"a":"${'9'.repeat(size)}"}`, /expected INT/],
    [`{"a":1,"s":${'9'.repeat(size)}}`, /a number has more than 1000 characters/],
    [`{"a":1,"s":"${'\u0001'.repeat(size)}`, /the closing quote is missing/],
    ['x'.repeat(size), /expected a value at character 1, found "x{20}"$/],
  ]
  for (const [payload, reason] of bad) {
    const { message } = error(() => decode(payload))
    assert.match(message, reason)
    assert.ok(message.length < 200)
  }
  const number = error(() => decoder('d DOUBLE')(`{"d":"${'9'.repeat(size)}x"}`))
  assert.match(number.message, /expected DOUBLE/)
})

test('bytes that are no UTF-8 are refused in every field, unknown ones too', () => {
  const payload = Buffer.concat([Buffer.from('{"z":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
  assert.equal(error(() => decoder('a INT')(payload)).message, 'The payload is not valid JSON: it is not UTF-8 text')
})

test('control characters are taken as they are in strings, but not behind a backslash', () => {
  const decode = decoder('s STRING')
  assert.deepEqual(decode('{"s":"a\n\u0001\\n"}'), { s: 'a\n\u0001\n' })
  assert.match(error(() => decode('{"s":"a\\\nb"}')).message, /there is an escape that JSON does not know/)
})

test('values that have the type of their column take the fast way, which does not look into unknown fields', () => {
  const bomb = `${'['.repeat(2000)}${']'.repeat(2000)}`
  const decode = decoder('a BIGINT, b INT, c DOUBLE, d STRING, e BOOLEAN, f ROW<g INT>, h INT, i INT')
  const usual = '"a":1729312551000,"b":101,"c":24.5,"d":"BAR","e":false,"f":{"g":1},"h":null'
  assert.equal(toJson(decode(`{"z":${bomb},${usual}}`)!), `{${usual},"i":null}`)
  assert.match(
    error(() => decode(`{"z":${bomb},${usual.replace('101', '[101]')}}`)).message,
    /nested more than 1000 deep/,
  )
})

test('numbers that need their text take the second try, which finds them by name and nowhere else', () => {
  const bomb = `${'['.repeat(2000)}${']'.repeat(2000)}`
  const decode = decoder('s STRING, id BIGINT, c CHAR(2), r ROW<s STRING>, `b"s` BIGINT, `x*` STRING')
  const row = decode(
    `{"z":${bomb},"s" : 1.50 ,"id":-9007199254740993,"c":1E5,"r":{"s":12345678901234567890},"b\\"s":5,"x*":7}`,
  )
  assert.deepEqual(row, {
    s: '1.50',
    id: -9007199254740993n,
    c: '1E5',
    r: { s: '12345678901234567890' },
    'b"s': 5,
    'x*': '7',
  })
  const quoted = '{"s":"\\"id\\":9007199254740993, \\"s\\":1}","id":9007199254740993}'
  assert.deepEqual(decoder('s STRING, id BIGINT')(quoted), {
    s: '"id":9007199254740993, "s":1}',
    id: 9007199254740993n,
  })
  assert.deepEqual(decoder('s STRING, n INT')('{"s":1.0,"n":1.9,"s":2.50}'), { s: '2.50', n: 1 })
})

test('a number is no BYTES, though another column of that name needs the text of its number', () => {
  const decode = decoder('a BIGINT, r ROW<a BYTES>')
  assert.equal(
    error(() => decode('{"a":9007199254740993,"r":{"a":1234567890123456}}')).message,
    'At /r/a: expected BYTES, found 1234567890123456',
  )
})
