import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Batcher } from '../../src/core/batcher.ts'
import { ReceiveWindow } from '../../src/core/receive-window.ts'
import { range } from './random.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** How many of these are still in memory when `use` has had them. */
async function kept(use: (item: object, n: number) => void): Promise<number> {
  const references = range(0, 10).map((n) => {
    const item = { n }
    use(item, n)
    return new WeakRef(item)
  })
  await turn()
  collect()
  return references.filter((reference) => reference.deref()).length
}

test('a batcher that never runs empty lets go of what was taken', async () => {
  const batcher = new Batcher<object>({ batchRecords: 9, batchBytes: 1000, lingerMs: 1000 }, () => {})
  const left = await kept((item, n) => {
    batcher.add(item, 1)
    if (n === 9) batcher.take()
  })
  assert.deepEqual([left, batcher.records], [1, 1])
  batcher.close()
})

test('a window that never runs empty lets go of what was released', async () => {
  const window = new ReceiveWindow<object>({ records: 100, bytes: 1000 }, () => {})
  const left = await kept((item, n) => {
    const entry = window.admit(item, 1)
    if (n < 9) window.settle(entry)
  })
  assert.deepEqual([left, window.records], [1, 1])
  window.close()
})
