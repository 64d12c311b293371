import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PipelineError } from '../../src/core/errors.ts'
import { compileTopicPattern, patternProblem } from '../../src/rows/topic-pattern.ts'

const plant = 'FCTS/FAE/{site_code}/SolvExtract/{pi_tag}'

function found(pattern: string, topic: string): unknown {
  assert.equal(patternProblem(pattern), undefined)
  try {
    return compileTopicPattern(pattern)(topic)
  } catch (error) {
    assert.ok(error instanceof PipelineError && error.reason === 'topic-structure', String(error))
    return error.message.slice(`The topic does not fit the pattern ${pattern}: `.length)
  }
}

test('a name stands for one part that is not empty, a literal for itself in this letter case', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['FCTS/FAE/SAF/SolvExtract/SX_PLS_FLOW.PV', { site_code: 'SAF', pi_tag: 'SX_PLS_FLOW.PV' }],
    ['FCTS/FAE/ü {x}+/SolvExtract/ ', { site_code: 'ü {x}+', pi_tag: ' ' }],
    ['FCTS/FAE/SAF/SolvExtract', 'it has 4 parts, not 5'],
    ['FCTS/FAE/SAF/SolvExtract/T/x', 'it has 6 parts, not 5'],
    ['FCTS', 'it has 1 part, not 5'],
    ['', 'it has 1 part, not 5'],
    ['FCTS/FAE/SAF/Leach/T1', 'part 4 is "Leach", not "SolvExtract"'],
    ['FCTS/fae/SAF/SolvExtract/T1', 'part 2 is "fae", not "FAE"'],
    ['FCTS/FAE//SolvExtract/T1', 'part 3 is empty'],
    ['FCTS/FAE/SAF/SolvExtract/', 'part 5 is empty'],
  ]
  for (const [topic, expected] of cases) assert.deepEqual(found(plant, topic), expected, topic)
  assert.equal(
    found('a/{b}', `${'x'.repeat(60_000)}/y`),
    `part 1 is "${'x'.repeat(99)}…", not "a"`,
    'a long topic is shortened',
  )
})

test('a name with dots stands for all that follows, at least one part', () => {
  assert.deepEqual(found('a/{x}/{rest...}', 'a/1/2'), { x: '1', rest: '2' })
  assert.deepEqual(found('a/{x}/{rest...}', 'a/1/2/3/4'), { x: '1', rest: '2/3/4' })
  assert.deepEqual(found('{all...}', 'a/b'), { all: 'a/b' })
  assert.equal(found('a/{x}/{rest...}', 'a/1'), 'it has 2 parts, not at least 3')
  assert.equal(found('a/{x}/{rest...}', 'a/1/'), 'part 3 is empty')
  assert.equal(found('a/{x}/{rest...}', 'a/1/2//3'), 'part 4 is empty')
})

test('a pattern without names and one that begins with a slash are patterns too', () => {
  assert.deepEqual(found('a/b', 'a/b'), {})
  assert.equal(found('a/b', 'a/c'), 'part 2 is "c", not "b"')
  assert.deepEqual(found('/plant/{x}', '/plant/1'), { x: '1' })
  assert.equal(found('/plant/{x}', 'plant/1'), 'it has 2 parts, not 3')
})

test('names that every object has are names like all others', () => {
  const captures = found('{constructor}/{toString}', 'a/b') as object
  assert.deepEqual(Object.entries(captures), [
    ['constructor', 'a'],
    ['toString', 'b'],
  ])
})

test('what is no pattern is said with the part at fault', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['a/x{b}', /has "x\{b\}": between slashes stands either text or one \{name\}/],
    ['{a}{b}', /has "\{a\}\{b\}"/],
    ['{a', /has "\{a"/],
    ['{}', /has "\{\}"/],
    ['{1a}', /has "\{1a\}"/],
    ['{__proto__}', /has "\{__proto__\}"/],
    ['{a.b}', /has "\{a\.b\}"/],
    ['a/+/b', /has "\+": write \{name\} for one part/],
    ['a/#', /has "#"/],
    ['{a...}/b', /may have \{name\.\.\.\} only at its end/],
    ['{a}/b/{a}', /has \{a\} twice/],
  ]
  for (const [pattern, expected] of cases) assert.match(patternProblem(pattern)?.text ?? '', expected, pattern)
})

const seed = Number(process.env.ROWLINE_FUZZ_SEED ?? 11)
const parts = fc.oneof(
  fc.constantFrom('', 'a', 'A', 'SolvExtract', '__proto__', '{a}', '{b...}', '+', '#', '.', 'constructor'),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const texts = fc.array(parts, { maxLength: 6 }).map((all) => all.join('/'))

test('any pattern has a problem or gives, of any topic, what a regular expression gives', () => {
  const seen = { captures: 0, refused: 0, problems: 0 }
  const property = fc.property(texts, texts, (pattern, topic) => {
    if (patternProblem(pattern) !== undefined) {
      seen.problems++
      return
    }
    const match = compileTopicPattern(pattern)
    const expression = pattern
      .split('/')
      .map((part) =>
        /^\{\w+\}$/.test(part)
          ? `(?<${part.slice(1, -1)}>[^/]+)`
          : part === '{b...}'
            ? '(?<b>[^/]+(?:/[^/]+)*)'
            : part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
      )
      .join('/')
    for (const candidate of [topic, pattern.replace('{a}', 'x').replace('{b...}', 'y/z')]) {
      const expected = new RegExp(`^${expression}$`, 's').exec(candidate)
      try {
        assert.deepEqual({ ...match(candidate) }, { ...expected!.groups })
        seen.captures++
      } catch (error) {
        if (!(error instanceof PipelineError)) throw error
        assert.equal(expected, null, `${pattern} ${candidate}`)
        seen.refused++
      }
    }
  })
  fc.assert(property, { seed, numRuns: 3000 })
  assert.ok(seen.captures > 100 && seen.refused > 100 && seen.problems > 100, JSON.stringify(seen))
})
