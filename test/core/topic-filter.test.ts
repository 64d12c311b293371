import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTopicMatcher, filterProblem, filtersOverlap, sharedFilter } from '../../src/core/topic-filter.ts'
import { randomIntegers } from '../core/random.ts'

const matches = (filter: string, topic: string) => createTopicMatcher(filter)(topic)

test('filters match the topics that the specification says, and no others', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['#', ['a', 'a/b/c', '/', '/a', 'a/'], ['$SYS', '$SYS/broker']],
    ['a/#', ['a', 'a/', 'a/b/c', 'a/bbb'], ['ab/a', 'ab', '/a', 'b/a', 'A/b']],
    ['sensors/#', ['sensors', 'sensors/temp'], ['sensor', 'sensorsx']],
    ['a/+', ['a/b', 'a/', 'a/$b'], ['a', 'a/b/c', '/a/b']],
    ['a/+/c', ['a/bbb/c', 'a//c'], ['a/c', 'a/b/c/d', 'a/b/d']],
    ['a/+/#', ['a/b', 'a/b/c/d'], ['a', 'b/a']],
    ['+', ['abc', ''], ['a/b/c', '/a', 'a/', '$SYS']],
    ['+/+', ['/finance', 'a/b'], ['finance', 'a/b/c', '$SYS/a']],
    ['/+', ['/finance', '/'], ['finance']],
    ['+/a/#', ['x/a', 'x/a/b'], ['$x/a']],
    ['a/b', ['a/b'], ['a/b/c', 'a', 'a/b/', 'a/B']],
    ['$SYS/#', ['$SYS', '$SYS/x'], ['SYS', 'x/$SYS']],
    ['$SYS/+', ['$SYS/x'], ['$SYS']],
    ['a.c/+', ['a.c/x'], ['abc/x']],
    ['(a|b)*[c]?^$\\/#', ['(a|b)*[c]?^$\\/x'], ['a/x', 'b/x']],
    ['a b/ü', ['a b/ü'], ['a b/u']],
    ['$share/group/a/+', ['a/b'], ['$share/group/a/b', 'a']],
    ['$share/g/#', ['a'], ['$SYS']],
    ['$share/g//x', ['/x'], ['x']],
    ['$shared/a', ['$shared/a'], ['a']],
  ]
  for (const [filter, yes, no] of cases) {
    for (const topic of yes) assert.ok(matches(filter, topic), `${filter} ~ ${topic}`)
    for (const topic of no) assert.ok(!matches(filter, topic), `${filter} !~ ${topic}`)
  }
})

test('random filters and topics match as a plain recursion over their levels says', () => {
  const levels = ['a', 'b', '', '$', '+', 'aa']
  const naive = (filter: readonly string[], topic: readonly string[]): boolean => {
    if (filter[0] === '#') return true
    if (topic.length === 0) return filter.length === 0
    if (filter.length === 0) return false
    return (filter[0] === '+' || filter[0] === topic[0]) && naive(filter.slice(1), topic.slice(1))
  }
  const random = randomIntegers(7)
  let hits = 0
  for (let i = 0; i < 50_000; i++) {
    const filter = Array.from({ length: random(1, 4) }, () => levels[random(0, 5)]!)
    if (random(0, 2) === 0) filter[filter.length - 1] = '#'
    const topic = Array.from({ length: random(1, 4) }, () => levels[random(0, 3)]!)
    const isHidden = /^[+#]/.test(filter[0]!) && topic[0]!.startsWith('$')
    const expected = !isHidden && naive(filter, topic)
    if (expected) hits++
    assert.equal(matches(filter.join('/'), topic.join('/')), expected, `${filter.join('/')} ~ ${topic.join('/')}`)
  }
  assert.ok(hits > 2000)
})

const lists = (levels: readonly string[], length: number): string[][] =>
  length === 0 ? [[]] : lists(levels, length - 1).flatMap((list) => levels.map((level) => [...list, level]))

test('two filters overlap exactly where there is a topic that both match', () => {
  // A name that no filter has stands for every other one, and one level more than any filter has for all deeper topics.
  const topics = [1, 2, 3, 4].flatMap((length) => lists(['a', '$', '', 'z'], length)).map((list) => list.join('/'))
  const plain = [1, 2, 3].flatMap((length) => lists(['a', '$', '', '+'], length)).map((list) => list.join('/'))
  const open = ['#', ...[1, 2].flatMap((length) => lists(['a', '$', '', '+'], length)).map((l) => `${l.join('/')}/#`)]
  const filters = [...plain, ...open].filter((filter) => filterProblem(filter) === undefined)
  const matched = new Map(filters.map((filter) => [filter, new Set(topics.filter(createTopicMatcher(filter)))]))
  let overlaps = 0
  for (const [one, ofOne] of matched)
    for (const [other, ofOther] of matched) {
      const expected = [...ofOne].some((topic) => ofOther.has(topic))
      if (expected) overlaps++
      assert.equal(filtersOverlap(one, other), expected, `${one} and ${other}`)
      if (one !== '') assert.equal(filtersOverlap(`$share/g/${one}`, other), expected, `$share/g/${one} and ${other}`)
    }
  assert.ok(overlaps > 1000 && overlaps < matched.size ** 2 / 2, String(overlaps))
})

test('what is no filter is refused with the reason', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['a/#/c', /# only as its last level/],
    ['#/a', /# only as its last level/],
    ['a#', /# only as its last level/],
    ['a/b#', /# only as its last level/],
    ['a/#b', /# only as its last level/],
    ['##', /# only as its last level/],
    ['a+', /"a\+": \+ must stand alone/],
    ['a/+b/c', /"\+b": \+ must stand alone/],
    ['++', /\+ must stand alone/],
    ['+#', /\+ must stand alone|# only/],
    ['a\0b', /null character/],
    ['ü'.repeat(32_768), /65535 bytes/],
    ['$share', /shared subscription/],
    ['$share/g', /shared subscription/],
    ['$share/g/', /shared subscription/],
    ['$share//a', /shared subscription/],
    ['$share/+/a', /\+ |shared subscription/],
    ['$share/#/a', /#|shared subscription/],
  ]
  for (const [filter, reason] of wrong) assert.match(filterProblem(filter)?.text ?? 'none', reason, filter.slice(0, 50))
})

test('what is a filter is accepted', () => {
  const right = ['#', '+', '/', '//', 'a', 'a/#', 'a/+/c', '+/+/#', '/#', '$SYS/#', 'a b', 'a.b*c', 'ü'.repeat(32_767)]
  for (const filter of [...right, '$share/g/a/#', '$share/g//', '$shares/a', '$share/g/#'])
    assert.equal(filterProblem(filter), undefined, filter.slice(0, 50))
})

test('a shared subscription is matched with what follows its group', () => {
  assert.equal(sharedFilter('$share/group/a/b/#'), 'a/b/#')
  assert.equal(sharedFilter('$share/group//a'), '/a')
  assert.equal(sharedFilter('a/b'), 'a/b')
})
