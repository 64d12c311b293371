import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { BurstSum } from '../../nodes/shared/burst-sum.ts'

test('a burst is said once, with its sum, and nothing of it twice or never', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const said: number[] = []
  const sum = new BurstSum((amount) => said.push(amount))
  for (let i = 0; i < 100; i++) {
    sum.add(10)
    mock.timers.tick(1)
  }
  assert.deepEqual(said, [])
  mock.timers.tick(10_000)
  assert.deepEqual(said, [1000])
  mock.timers.tick(60_000)
  sum.add(3)
  sum.add(4)
  sum.flush()
  sum.flush()
  mock.timers.tick(60_000)
  assert.deepEqual(said, [1000, 7])
  mock.timers.reset()
})
