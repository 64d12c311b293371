import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Batcher, type BatchLimits } from '../../src/core/batcher.ts'
import { randomIntegers, range } from './random.ts'

const limits: BatchLimits = { batchRecords: 3, batchBytes: 100, lingerMs: 50 }

function watched(changed: Partial<BatchLimits> = {}) {
  const seen = { ready: 0 }
  return { seen, batcher: new Batcher<number>({ ...limits, ...changed }, () => seen.ready++) }
}

test('a batch is ready when it has its number of records, and says so once', () => {
  const { seen, batcher } = watched()
  for (const n of [1, 2]) batcher.add(n, 1)
  assert.deepEqual([batcher.ready, seen.ready], [false, 0])
  for (const n of [3, 4]) batcher.add(n, 1)
  assert.deepEqual([batcher.ready, seen.ready], [true, 1])
  assert.deepEqual(batcher.take(), { items: [1, 2, 3], bytes: 3 })
  assert.deepEqual([batcher.records, batcher.bytes], [1, 1])
  batcher.close()
})

test('a batch is ready when it has its bytes, and never carries more unless one record alone is over the limit', () => {
  const { seen, batcher } = watched({ batchRecords: 100 })
  batcher.add(1, 60)
  batcher.add(2, 60)
  assert.deepEqual([batcher.ready, seen.ready], [true, 1])
  assert.deepEqual(batcher.take(), { items: [1], bytes: 60 })
  batcher.add(3, 500)
  assert.deepEqual(batcher.take(), { items: [2], bytes: 60 })
  assert.deepEqual(batcher.take(), { items: [3], bytes: 500 })
  assert.deepEqual(batcher.take(), { items: [], bytes: 0 })
})

test('a batch that is not full is ready when its first record has waited long enough', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const { seen, batcher } = watched()
  batcher.add(1, 1)
  mock.timers.tick(49)
  batcher.add(2, 1)
  assert.deepEqual([batcher.ready, seen.ready], [false, 0])
  mock.timers.tick(1)
  assert.deepEqual([batcher.ready, seen.ready], [true, 1])
  batcher.take()
  mock.timers.tick(1000)
  assert.equal(seen.ready, 1)
  batcher.add(3, 1)
  mock.timers.tick(50)
  assert.equal(seen.ready, 2, 'the next batch waits anew')
  mock.timers.reset()
})

test('no linger: what one turn of the event loop brings is one batch', async () => {
  const { seen, batcher } = watched({ lingerMs: 0, batchRecords: 10 })
  for (const n of [1, 2, 3]) batcher.add(n, 1)
  assert.equal(seen.ready, 0)
  await turn()
  assert.equal(seen.ready, 1)
  assert.deepEqual(batcher.take().items, [1, 2, 3])
})

test('what stays behind a taken batch has waited and is ready at once', () => {
  const { batcher } = watched()
  for (const n of range(0, 7)) batcher.add(n, 1)
  assert.deepEqual(batcher.take().items, [0, 1, 2])
  assert.equal(batcher.ready, true)
  assert.deepEqual(batcher.take().items, [3, 4, 5])
  assert.equal(batcher.ready, true, 'a leftover does not wait a second time')
  assert.deepEqual(batcher.take().items, [6])
  assert.equal(batcher.ready, false)
})

test('close ends the waiting, without a call, and leaves what was collected', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  const { seen, batcher } = watched()
  batcher.add(1, 1)
  batcher.close()
  mock.timers.tick(1000)
  assert.deepEqual([seen.ready, batcher.ready], [0, true])
  assert.deepEqual(batcher.take().items, [1])
  mock.timers.reset()
})

test('a million records pass through in order, and the bytes add up', () => {
  const random = randomIntegers(1)
  const batcher = new Batcher<number>({ batchRecords: 500, batchBytes: 20_000, lingerMs: 1 }, () => {})
  let next = 0
  let bytes = 0
  for (let n = 0; n < 1_000_000; n++) {
    const size = random(0, 100)
    batcher.add(n, size)
    bytes += size
    if (random(0, 300) > 0) continue
    while (batcher.ready) {
      const batch = batcher.take()
      assert.ok(batch.items.length <= 500 && batch.bytes <= 20_000)
      for (const item of batch.items) assert.equal(item, next++)
      bytes -= batch.bytes
    }
    assert.deepEqual([batcher.records, batcher.bytes], [n + 1 - next, bytes])
  }
  batcher.close()
})
