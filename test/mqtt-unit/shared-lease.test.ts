import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copiedTwice } from '../../src/mqtt/shared-lease.ts'

test('filters that overlap are found where a group of connections gets a copy for each', () => {
  const cases: readonly (readonly [filters: string, connections: number, found?: string])[] = [
    ['a/# b/#', 2],
    ['a/# a/b', 1],
    ['a/# a/b', 2, 'a/# a/b'],
    ['a/# b c/# +/d', 3, 'a/# +/d'],
    ['a a', 2],
    ['$share/g/a/# $share/g/a/b', 1, '$share/g/a/# $share/g/a/b'],
    ['$share/g/a $share/h/a', 1, '$share/g/a $share/h/a'],
    ['$share/g/a/# a/b', 1, '$share/g/a/# a/b'],
    ['$share/g/a/# b/c', 1],
  ]
  for (const [filters, connections, found] of cases)
    assert.equal(copiedTwice(filters.split(' '), connections)?.join(' '), found, filters)
})
