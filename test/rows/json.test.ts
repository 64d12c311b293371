import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { toJson } from '../../src/core/record.ts'
import { decodeJson } from '../../src/rows/decode-json.ts'
import { parseJson } from '../../src/rows/json-text.ts'

const decode = (text: string) => decodeJson(Buffer.from(text))
const problem = (text: string) => {
  try {
    decode(text)
  } catch (error) {
    assert.ok(error instanceof PipelineError, String(error))
    assert.equal(error.code, 'JSON_INVALID')
    return error.message.replace('The payload is not valid JSON: ', '')
  }
  assert.fail(`no problem in ${text}`)
}

test('any JSON value is taken, integers of any size exactly', () => {
  const same = ['{"b":[1,{"a":null}],"s":"é\\n"}', '[]', '"x"', 'true', 'null', '-1.5', '{"__proto__":{"x":1}}']
  for (const text of [...same, '12345678901234567890', '[9007199254740993,-9223372036854775809]']) {
    assert.equal(toJson(decode(text)), text)
  }
  assert.equal(decode('9007199254740993'), 9007199254740993n)
  assert.equal(decode('1234567890123456'), 1234567890123456)
  assert.deepEqual(decode('[-0,1234567890123456]'), [-0, 1234567890123456])
  assert.equal(decode('0.12345678901234567'), Number('0.12345678901234567'))
  assert.equal(decode('1e300'), 1e300)
  assert.equal(toJson(decode('\uFEFF{"a":1}')), '{"a":1}')
})

test('what is no JSON is refused with the place', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['hello', 'expected a value at character 1, found "hello"'],
    ['{"a":1', 'expected "," or "}" at character 7, but the text ends'],
    ['{"a":1}xyz', 'expected the end at character 8, found "xyz"'],
    ['{"a":1,}', 'expected a key in quotes at character 8, found "}"'],
    ['{a:1}', 'expected a key in quotes at character 2, found "a:1}"'],
    ['{"a" 1}', 'expected ":" at character 6, found "1}"'],
    ['[1 2]', 'expected "," or "]" at character 4, found "2]"'],
    ['[NaN]', 'expected a value at character 2, found "NaN]"'],
    ['[nul]', 'expected a value at character 2, found "nul]"'],
    ['[01]', 'expected "," or "]" at character 3, found "1]"'],
    ['"a', 'the closing quote is missing of the string at character 1, found "\\"a"'],
    ['"\\x"', 'there is an escape that JSON does not know in the string at character 1, found "\\"\\\\x\\""'],
    ['"a\nb"', 'a control character in a string has to be escaped at character 3, found "\\nb\\""'],
    ['', 'expected a value at character 1, but the text ends'],
    ['[1e999]', 'the number 1e999 is too large'],
    [`${'['.repeat(1001)}${']'.repeat(1001)}`, 'it is nested more than 1000 deep at character 1001'],
    [`${'['.repeat(1001)}1234567890123456${']'.repeat(1001)}`, 'it is nested more than 1000 deep at character 1001'],
    [`[${'1'.repeat(1001)}]`, 'a number has more than 1000 characters at character 2, found "11111111111111111111"'],
  ]
  for (const [text, expected] of cases) assert.equal(problem(text), expected)
  const wide = `[${'[{}],'.repeat(5000)}1234567890123456789]`
  assert.equal(toJson(decode(wide)), wide)
  assert.equal(toJson(decode(`${'['.repeat(1000)}${']'.repeat(1000)}`)).length, 2000)
})

/** A deterministic source of chance, so that a failure can be repeated. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('the exact parser takes, refuses and reads the same texts as JSON.parse', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9\\n"',
    '"',
    '\\',
    '1',
    '-0.5e3',
    '01',
    '.',
    'true',
    'null',
    ' ',
    '\t',
    '\n',
    '\u0001',
    '"__proto__"',
    '+',
    'e',
    '\u00a0',
  ]
  const next = chance(7)
  let taken = 0
  for (let round = 0; round < 50_000; round++) {
    const text = Array.from({ length: next(8) + 1 }, () => pieces[next(pieces.length)]).join('')
    let expected: unknown
    try {
      expected = JSON.parse(text)
      taken++
    } catch {
      assert.throws(() => parseJson(text, { lenient: false, number: Number }), PipelineError, JSON.stringify(text))
      continue
    }
    assert.deepEqual(parseJson(text, { lenient: false, number: Number }), expected, text)
  }
  assert.ok(taken > 1000, `only ${taken} texts were JSON`)
})
