import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { ReceiveWindow } from '../../src/core/receive-window.ts'
import { allWritten, MemorySink, outage, startRunner } from './memory-sink.ts'

const never = () => {}
const wide = { records: 1000, bytes: 1e9 }

test('a window stops when all holders together have used up the budget, and goes on when there is room again', () => {
  const budget = new ByteBudget(100)
  let resumed = 0
  const window = new ReceiveWindow({ ...wide, budget }, never, () => resumed++)
  window.admit('a', 60)
  assert.equal(window.full, false)
  budget.add(50)
  window.admit('b', 1)
  assert.deepEqual([window.full, budget.held, resumed], [true, 111, 0])
  budget.add(-50)
  assert.deepEqual([window.full, resumed], [false, 1])
})

test('a window that was not full is not told that there is room', () => {
  const budget = new ByteBudget(100)
  let resumed = 0
  const window = new ReceiveWindow({ ...wide, budget }, never, () => resumed++)
  window.admit('a', 10)
  budget.add(100)
  budget.add(-100)
  assert.equal(resumed, 0)
})

test('a flow that has used up the budget leaves every other its share', () => {
  const budget = new ByteBudget(100)
  const greedy = new ReceiveWindow({ ...wide, budget }, never)
  const modest = new ReceiveWindow({ ...wide, budget }, never)
  greedy.admit('a', 200)
  modest.admit('b', 24)
  assert.deepEqual([greedy.full, modest.full], [true, false])
  modest.admit('c', 1)
  assert.equal(modest.full, true)
})

test('a window gives back what it releases and, when it is closed, the rest', () => {
  const budget = new ByteBudget(100)
  const window = new ReceiveWindow<string>({ ...wide, budget }, never)
  const first = window.admit('a', 30)
  window.admit('b', 20)
  window.settle(first)
  window.flush()
  assert.equal(budget.held, 20)
  window.close()
  assert.equal(budget.held, 0)
})

test('a sink holds what waits for the target, and nothing that is written, refused or released', async () => {
  const budget = new ByteBudget(1000)
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink, { maxRetryBackoffMs: 5 }, budget)
  sink.behaviour = () => {
    throw outage()
  }
  const written = submit(1, 2, 'refused')
  await turn()
  assert.equal(budget.held, 20)
  sink.behaviour = () => allWritten
  await written
  assert.equal(budget.held, 0)
  sink.behaviour = () => {
    throw outage()
  }
  const released = submit(3)
  await turn()
  assert.equal(budget.held, 10)
  await runner.close(10)
  assert.equal((await released).status, 'released')
  assert.equal(budget.held, 0)
})
