import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PatternProblem } from '../../src/rows/pattern/code-points.ts'
import { Effort, EffortExceeded } from '../../src/rows/pattern/effort.ts'
import { LinearPattern } from '../../src/rows/pattern/linear-pattern.ts'

const plenty = () => new Effort(50_000_000)
const matches = (source: string, text: string) => new LinearPattern(source).test(text, plenty())

/** Patterns of every part of the syntax, small enough for JavaScript's own engine not to run for ever. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ either: string; sequence: string; part: string }>((tie) => ({
  either: fc.oneof(
    { weight: 4, arbitrary: tie('sequence') },
    fc.tuple(tie('sequence'), tie('sequence')).map((p) => p.join('|')),
  ),
  sequence: fc.array(tie('part'), { maxLength: 3 }).map((parts) => parts.join('')),
  part: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'a',
      'b',
      'ä',
      '😀',
      '\\u{1F600}',
      '\\ud83d\\ude00',
      '.',
      '\\d',
      '\\w',
      '\\s',
      '\\S',
      '[ab]',
      '[^a]',
      '[^]',
      '[]',
      '[\\d-]',
      '\\p{L}',
      '\\n',
      '\\.',
      '\\/',
      '-',
    ),
    fc.constantFrom('^', '$', '\\b', '\\B'),
    fc
      .tuple(
        fc.oneof(
          fc.constantFrom('a', '[a-c]', '\\d', '.'),
          tie('either').map((inner) => `(?:${inner})`),
        ),
        fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,3}', '{2,}', '*?', '+?', '{1,2}?'),
      )
      .map((both) => both.join('')),
    tie('either').map((inner) => `(${inner})`),
    fc.tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!'), tie('either')).map(([open, inner]) => `${open}${inner})`),
  ),
})).either

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'A', '1', '-', ' ', '\n', '_', '.', '/', 'ä', '😀', '\ud83d', '\ude00'), {
    maxLength: 7,
  })
  .map((parts) => parts.join(''))

test('every pattern matches what JavaScript matches', () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 6 }), (source, texts) => {
      const native = new RegExp(source, 'u')
      const linear = new LinearPattern(source)
      // V8 also looks at places in the middle of a surrogate pair
      const pairs = /\(\?|\\B/i.test(source)
      for (const each of texts.filter((one) => !(pairs && /[\ud800-\udfff]/.test(one))))
        assert.equal(linear.test(each, plenty()), native.test(each), JSON.stringify([source, each]))
    }),
    { numRuns: 3000 },
  )
})

test('what JavaScript takes is taken, and everything else refused, but for needless backslashes', () => {
  const signs = fc.array(fc.constantFrom(...'ab1^$\\.*+?()[]{}|/-,:=!<>pLuxkdbcB😀\n'), { maxLength: 12 })
  fc.assert(
    fc.property(
      signs.map((each) => each.join('')),
      (source) => {
        const native = attempt(() => new RegExp(source, 'u'))
        const linear = attempt(() => new LinearPattern(source))
        const refersBack = /\\[1-9k]/.test(source)
        if (native === undefined && !refersBack) assert.equal(linear, undefined, JSON.stringify(source))
        if (linear === undefined && native !== undefined) assert.match(source, /\\[^a-zA-Z0-9]/)
        assert.ok(linear === undefined || linear instanceof PatternProblem)
      },
    ),
    { numRuns: 5000 },
  )
})

function attempt(make: () => unknown): unknown {
  try {
    make()
  } catch (error) {
    return error
  }
  return undefined
}

const evil: readonly (readonly [pattern: string, part: string, end: string])[] = [
  ['^(a+)+$', 'a', '!'],
  ['^(a|a)*$', 'a', '!'],
  ['^(a|aa)+$', 'a', '!'],
  ['^(.*a){25}$', 'a', '!'],
  ['(x+x+)+y', 'x', ''],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a', ''],
  ['^\\s+|\\s+$', ' ', '!'],
  ['^(?=(a+)+$)b', 'a', '!'],
  ['(?<=(a|a)*b)c', 'a', 'c'],
  ['^(?!.*(a*)*b).*$', 'a', ''],
]

test('patterns that take for ever elsewhere answer within a second for 100,000 characters, or say that it is too much', () => {
  for (const [source, part, end] of evil) {
    const linear = new LinearPattern(source)
    const started = performance.now()
    try {
      linear.test(part.repeat(100_000) + end, new Effort(20_000_000))
    } catch (error) {
      assert.ok(error instanceof EffortExceeded)
    }
    const ms = performance.now() - started
    assert.ok(ms < 5000, `${source} took ${ms} ms`)
  }
  assert.equal(matches('^(a+)+$', 'a'.repeat(100_000)), true)
  assert.equal(matches('^(a+)+$', `${'a'.repeat(100_000)}!`), false)
})

test('what cannot be used is refused with the place and the reason', () => {
  const reason = (source: string) => (attempt(() => new LinearPattern(source)) as Error | undefined)?.message
  assert.equal(reason('(a)\\1'), '"\\\\1" refers back to a group, which may take for ever')
  assert.equal(reason('(?<x>a)\\k<x>'), '"\\\\k<x>" refers back to a group, which may take for ever')
  assert.equal(reason('(?i:a)'), '"(?i:a)" opens a kind of group that is not supported')
  assert.equal(reason('(a'), 'its end is where a ")" is missing')
  assert.equal(reason('a)'), '")" is not expected')
  assert.equal(reason('*a'), '"*a" is not expected')
  assert.equal(reason('a{2,1}'), '"{2,1}" has its numbers in the wrong order')
  assert.equal(reason('[z-a]'), '"[z-a]": Range out of order in character class')
  assert.equal(reason('\\p{Nothing}'), '"\\\\p{Nothing}": Invalid property name')
  assert.equal(reason('((a{100}){100}){100}'), 'its repetitions come to more than 10000 parts')
  assert.equal(reason('a{99999999999}'), 'its repetitions come to more than 10000 parts')
  assert.match(reason('('.repeat(300))!, /nested more than 200 deep/)
  assert.match(reason('\\')!, /not expected/)
})

test('a backslash that is not needed is forgiven', () => {
  assert.equal(matches('^\\@\\_\\-[\\@\\-]$', '@_-@'), true)
  assert.equal(matches('^\\@$', '\\@'), false)
})
