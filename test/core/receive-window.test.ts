import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { type Admitted, ReceiveWindow } from '../../src/core/receive-window.ts'
import { randomIntegers } from './random.ts'

const wide = { records: 1000, bytes: 1 << 20 }

function watched(limits: { records: number; bytes: number }) {
  const calls: (readonly number[])[] = []
  const seen = { room: 0 }
  const window = new ReceiveWindow<number>(
    limits,
    (items) => calls.push([...items]),
    () => seen.room++,
  )
  return { window, calls, seen }
}

test('entries are released in arrival order, whatever the order they are settled in', async () => {
  const { window, calls } = watched(wide)
  const [one, two, three] = [1, 2, 3].map((n) => window.admit(n, 10))
  window.settle(three!)
  window.settle(two!)
  await turn()
  assert.deepEqual(calls, [])
  assert.equal(window.records, 3)
  window.settle(one!)
  await turn()
  assert.deepEqual(calls, [[1, 2, 3]])
  assert.deepEqual([window.records, window.bytes], [0, 0])
})

test('all that is settled within one turn is released in one call', async () => {
  const { window, calls } = watched(wide)
  const entries = [1, 2, 3, 4].map((n) => window.admit(n, 1))
  for (const entry of entries) window.settle(entry)
  assert.deepEqual(calls, [], 'nothing is released inside the call that settles')
  await turn()
  await turn()
  assert.deepEqual(calls, [[1, 2, 3, 4]])
})

test('flush releases at once, and not again later', async () => {
  const { window, calls } = watched(wide)
  window.settle(window.admit(1, 1))
  window.flush()
  assert.deepEqual(calls, [[1]])
  await turn()
  window.flush()
  assert.deepEqual(calls, [[1]])
})

test('it is full at either limit and admits what arrives nevertheless', () => {
  const byRecords = watched({ records: 2, bytes: 100 }).window
  byRecords.admit(1, 1)
  assert.equal(byRecords.full, false)
  byRecords.admit(2, 1)
  assert.equal(byRecords.full, true)
  byRecords.admit(3, 1)
  assert.equal(byRecords.records, 3)
  const byBytes = watched({ records: 100, bytes: 10 }).window
  byBytes.admit(1, 9)
  assert.equal(byBytes.full, false)
  byBytes.admit(2, 1)
  assert.equal(byBytes.full, true)
})

test('room is announced once each time the window stops being full, and after the release', async () => {
  const order: string[] = []
  const window = new ReceiveWindow<number>(
    { records: 2, bytes: 100 },
    (items) => order.push(`release ${items.join()}`),
    () => order.push('room'),
  )
  const [one, two, three, four] = [1, 2, 3, 4].map((n) => window.admit(n, 1))
  window.settle(one!)
  await turn()
  window.settle(two!)
  await turn()
  assert.deepEqual(order, ['release 1', 'release 2'], 'two are left: still full')
  window.settle(three!)
  await turn()
  window.settle(four!)
  await turn()
  assert.deepEqual(order, ['release 1', 'release 2', 'release 3', 'room', 'release 4'])
})

test('a window that never was full announces no room', async () => {
  const { window, seen } = watched(wide)
  window.settle(window.admit(1, 1))
  await turn()
  assert.equal(seen.room, 0)
})

test('limits are read when they are needed: a subscriber may have come or gone', () => {
  const limits = { records: 1, bytes: 100 }
  const { window } = watched(limits)
  window.admit(1, 1)
  assert.equal(window.full, true)
  limits.records = 2
  assert.equal(window.full, false)
})

test('after clear nothing is released, neither what was due nor what is settled later', async () => {
  const { window, calls, seen } = watched({ records: 2, bytes: 100 })
  const [one, two] = [1, 2].map((n) => window.admit(n, 5))
  window.settle(one!)
  window.close()
  window.settle(two!)
  await turn()
  window.flush()
  assert.deepEqual([calls, seen.room, window.records, window.bytes], [[], 0, 0, 0])
})

test('random arrivals, settlements and clears: the same as a naive model', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = randomIntegers(seed)
    const limits = { records: random(1, 50), bytes: random(1, 500) }
    const { window, calls } = watched(limits)
    let model: { n: number; bytes: number; settled: boolean; entry: Admitted<number> }[] = []
    const expected: number[] = []
    for (let step = 0, n = 0; step < 6000; step++) {
      const choice = random(0, 2000)
      if (choice < 1000) {
        const bytes = random(0, 20)
        model.push({ n, bytes, settled: false, entry: window.admit(n, bytes) })
        n++
      } else if (choice < 1998 && model.length > 0) {
        const each = model[Math.min(random(0, 30), model.length - 1)]!
        each.settled = true
        window.settle(each.entry)
      } else if (choice === 1999) {
        window.close()
        model = []
      }
      if (choice % 7 !== 0) continue
      if (choice % 2 === 0) window.flush()
      else await turn()
      while (model[0]?.settled) expected.push(model.shift()!.n)
      assert.equal(window.records, model.length, `seed ${seed} step ${step}`)
      const bytes = model.reduce((sum, each) => sum + each.bytes, 0)
      assert.equal(window.bytes, bytes)
      assert.equal(window.full, model.length >= limits.records || bytes >= limits.bytes)
    }
    window.flush()
    while (model[0]?.settled) expected.push(model.shift()!.n)
    assert.deepEqual(calls.flat(), expected, `seed ${seed}`)
  }
})
