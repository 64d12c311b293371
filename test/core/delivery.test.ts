import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, createDelivery, type Outcome, released } from '../../src/core/delivery.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { randomIntegers } from './random.ts'

const rejected: Outcome = { status: 'rejected', error: new PipelineError('JSON_INVALID', { problem: 'x' }) }

function watched() {
  const outcomes: Outcome[] = []
  return { outcomes, delivery: createDelivery((outcome) => outcomes.push(outcome)) }
}

test('a delivery is settled by its first call only', () => {
  const { outcomes, delivery } = watched()
  delivery.settle(rejected)
  delivery.settle(accepted)
  delivery.settle(released)
  assert.deepEqual(outcomes, [rejected])
})

test('a delivery that is settled again while it tells its outcome stays settled once', () => {
  const outcomes: Outcome[] = []
  const delivery = createDelivery((outcome) => {
    outcomes.push(outcome)
    delivery.settle(released)
  })
  delivery.settle(accepted)
  assert.deepEqual(outcomes, [accepted])
})

test('a forked delivery is settled when the last holder has settled, with the worst outcome', () => {
  const orders: readonly (readonly [readonly Outcome[], Outcome])[] = [
    [[accepted, accepted, accepted], accepted],
    [[rejected, accepted, accepted], rejected],
    [[accepted, accepted, rejected], rejected],
    [[released, rejected, accepted], released],
    [[rejected, released, accepted], released],
    [[accepted, rejected, released], released],
  ]
  for (const [settled, worst] of orders) {
    const { outcomes, delivery } = watched()
    const parts = delivery.fork(settled.length)
    for (const [i, part] of parts.entries()) {
      assert.deepEqual(outcomes, [])
      part.settle(settled[i]!)
    }
    assert.deepEqual(outcomes, [worst])
  }
})

test('a holder that settles twice does not settle for another one', () => {
  const { outcomes, delivery } = watched()
  const [one, two] = delivery.fork(2)
  one!.settle(accepted)
  one!.settle(released)
  assert.deepEqual(outcomes, [])
  two!.settle(accepted)
  assert.deepEqual(outcomes, [accepted])
})

test('a fork needs at least one holder', () => {
  for (const holders of [0, -1, 1.5, Number.NaN]) assert.throws(() => watched().delivery.fork(holders), RangeError)
  const { outcomes, delivery } = watched()
  delivery.fork(1)[0]!.settle(rejected)
  assert.deepEqual(outcomes, [rejected])
})

test('trees of forks settle once, after the last leaf, with the worst outcome of all leaves', () => {
  const kinds = [accepted, accepted, accepted, rejected, released]
  const badness = (outcome: Outcome) => kinds.lastIndexOf(outcome)
  for (let seed = 0; seed < 300; seed++) {
    const random = randomIntegers(seed)
    const { outcomes, delivery } = watched()
    const leaves = [delivery]
    for (let splits = random(0, 12); splits > 0; splits--)
      leaves.push(...leaves.splice(random(0, leaves.length - 1), 1)[0]!.fork(random(1, 4)))
    const settled = leaves.map(() => kinds[random(0, 4)]!)
    while (leaves.length > 0) {
      assert.deepEqual(outcomes, [])
      leaves.splice(random(0, leaves.length - 1), 1)[0]!.settle(settled[leaves.length]!)
    }
    const worst = settled.toSorted((a, b) => badness(b) - badness(a))[0]!
    assert.deepEqual(outcomes, [worst], `seed ${seed}`)
  }
})
