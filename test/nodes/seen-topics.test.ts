import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerOf, SeenTopics } from '../../nodes/shared/seen-topics.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { parsed } from '../sinks/kafka-harness.ts'

test('so many topics are kept for a broker and no more, and no endless names', () => {
  const seen = new SeenTopics()
  for (let n = 0; n < 5000; n++) seen.note('a:1883', `plant/${n}`)
  seen.note('b:1883', 'x'.repeat(5000))
  seen.note('b:1883', 'plant/b')
  assert.equal(seen.of('a:1883').length, 1000)
  assert.deepEqual(seen.of('b:1883'), ['plant/b'])
  assert.deepEqual(seen.of('c:1883'), [])
})

test('a broker is known by its address with the port that is meant', () => {
  assert.equal(brokerOf(parsed(sourceFields, { host: 'plant' })), 'plant:1883')
  assert.equal(brokerOf(parsed(sourceFields, { host: 'plant', useTls: true })), 'plant:8883')
})
