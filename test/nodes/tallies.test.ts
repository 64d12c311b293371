import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tallies } from '../../nodes/shared/tallies.ts'

const labels = { pipeline: 'Plant', node: 'Readings', type: 'mqtt-v3-in' }

test('two nodes that are called the same have labels of their own, and keep them over redeploys', () => {
  const tallies = new Tallies()
  const first = tallies.of('a1', labels)
  const second = tallies.of('b2', labels)
  assert.notEqual(first, second)
  for (const id of ['b2', 'a1', 'b2']) tallies.of(id, labels)
  assert.deepEqual(
    [tallies.get('a1')?.labels, tallies.get('b2')?.labels],
    [labels, { ...labels, node: 'Readings (b2)' }],
  )
  assert.deepEqual([tallies.get('a1')?.tally, tallies.get('b2')?.tally], [first, second])
})

test('a node that is renamed keeps its counts under the new name', () => {
  const tallies = new Tallies()
  const tally = tallies.of('a1', labels)
  assert.equal(tallies.of('a1', { ...labels, node: 'Line 4' }), tally)
  assert.deepEqual(
    [...tallies.values()].map((entry) => entry.labels.node),
    ['Line 4'],
  )
  tallies.of('b2', labels)
  assert.deepEqual(tallies.get('b2')?.labels, labels)
})
