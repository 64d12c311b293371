import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NumberText } from '../../src/core/number-text.ts'
import type { Payload } from '../../src/core/record.ts'
import { attributesProblem, createIgnore } from '../../src/rows/ignored-attributes.ts'

type Map = { readonly [filter: string]: string | readonly string[] }

function without(map: Map, topic: string, payload: Payload): Payload {
  const rows = Object.entries(map).map(([filter, names]) => ({ filter, attributes: [names].flat().join(', ') }))
  createIgnore(rows)?.(payload, topic)
  return payload
}

const json = JSON.stringify

test('C3: the whole table', () => {
  const flat = () => ({ timestamp: 123456, val1: 1234 })
  for (const map of [{ '+': 'timestamp' }, { '#': 'timestamp' }, { topic1: 'timestamp' }])
    assert.equal(json(without(map, 'topic1', flat())), '{"val1":1234}')
  for (const map of [{}, { topic2: 'timestamp' }]) assert.deepEqual(without(map, 'topic1', flat()), flat())
  const nested = { key1: { child1: 'val', child2: 100 }, child1: 'value2' }
  assert.equal(json(without({ 'a/+': ['key1.child1'] }, 'a/b', nested)), '{"key1":{"child2":100},"child1":"value2"}')
  assert.equal(json(without({ 'a/#': ['key1.childKey1'] }, 'a/b', { key1: 'value1' })), '{"key1":"value1"}')
  assert.equal(json(without({ 'a/b': ['key1'] }, 'a/b', { key1: ['v1', 'v2'] })), '{}')
})

test('C3: all matching filters apply, empty values are removed like others, lists are not looked into', () => {
  const map = { '#': 'a', 'x/+': ['b', 'c.d'], 'x/y': 'e' }
  assert.equal(json(without(map, 'x/y', { a: null, b: 0, c: { d: false }, e: '', f: 1 })), '{"c":{},"f":1}')
  assert.equal(json(without(map, 'x/z', { a: 1, e: 2 })), '{"e":2}')
  assert.equal(json(without({ '#': 'a.b' }, 't', { a: [{ b: 1 }] })), '{"a":[{"b":1}]}')
  assert.equal(json(without({ '#': 'a.0' }, 't', { a: [1, 2] })), '{"a":[1,2]}')
  assert.equal(json(without({ '#': 'a.b.c' }, 't', { a: { b: null } })), '{"a":{"b":null}}')
})

test('wildcards at the first level do not match topics that begin with a dollar sign', () => {
  for (const filter of ['#', '+/x']) assert.equal(json(without({ [filter]: 'a' }, '$SYS/x', { a: 1 })), '{"a":1}')
  assert.equal(json(without({ '$SYS/#': 'a' }, '$SYS/x', { a: 1 })), '{}')
})

test('what has no attributes stays as it is', () => {
  for (const payload of [null, 5, 'text', [{ a: 1 }], Buffer.from('{"a":1}'), new NumberText('1.50')])
    assert.deepEqual(without({ '#': ['a', 'text', '0', 'length'] }, 't', payload), payload)
  const row = { n: new NumberText('1.50') }
  assert.equal(json(without({ '#': 'n.text' }, 't', row)), '{"n":1.50}')
})

test('a list of attributes with an empty name is a problem', () => {
  for (const wrong of ['a,', ',', 'a..b', '.a', 'a.', ' '])
    assert.match(attributesProblem(wrong)?.text ?? '', /must be names/)
  for (const right of ['a', 'a, b.c ,d']) assert.equal(attributesProblem(right), undefined)
})

/** The same as a copy, entry by entry. */
function copyWithout(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    if (key !== name) return [[key, inner]]
    return rest.length === 0 ? [] : [[key, copyWithout(inner, rest)]]
  })
  return Object.fromEntries(entries)
}

test('any value loses the attribute and nothing else, and no object gets another prototype', () => {
  const keys = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString')
  const objects = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, 0, '', 'x'),
      fc.array(fc.tuple(keys, tie('value')), { maxLength: 3 }).map(Object.fromEntries),
    ),
  }))
  let changed = 0
  const property = fc.property(fc.array(keys, { minLength: 1, maxLength: 3 }), objects.value, (path, value) => {
    const [before, expected] = [json(value), json(copyWithout(value, path))]
    assert.equal(json(without({ '#': path.join('.') }, 't', value as Payload)), expected)
    if (before !== expected) changed++
    assert.equal(typeof {}.toString, 'function')
    assert.equal({}.constructor, Object)
  })
  fc.assert(property, { seed: 11, numRuns: 5000 })
  assert.ok(changed > 100, `${changed}`)
})
