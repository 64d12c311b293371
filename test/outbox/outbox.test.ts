import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { never, numberIn, open, payload, stored, takeAll } from './ledger.ts'
import { failure, SimulatedDisk } from './simulated-disk.ts'

test('what nobody takes is kept in memory up to the budget, then read from disk in order', async () => {
  const outbox = await open(new SimulatedDisk(1), { maxBytes: 1e8, memoryBytes: 10_000, segmentBytes: 30_000 })
  const numbers: number[] = []
  let appended = 0
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < round % 25; i++) await stored(outbox, ++appended)
    assert.ok(outbox.snapshot().memoryBytes <= 10_000)
    while (numbers.length < appended - (round % 7)) {
      const taken = await outbox.take(4, 1e6, never)
      numbers.push(...taken.map(numberIn))
      if (round % 3 === 0) outbox.confirm(taken.at(-1)!.position)
    }
  }
  while (numbers.length < appended) numbers.push(...(await outbox.take(1000, 1e6, never)).map(numberIn))
  assert.deepEqual(
    numbers,
    Array.from({ length: appended }, (_, i) => i + 1),
  )
  await outbox.close(1000)
})

test('while the taker keeps up nothing is read back from disk', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk, { maxBytes: 1e8 })
  disk.fault = (call) => (call === 'read' || call === 'openToRead' ? failure('EIO') : undefined)
  for (let number = 1; number <= 100; number++) {
    await stored(outbox, number)
    const [entry] = await outbox.take(1, 1, never)
    assert.equal(numberIn(entry!), number)
    outbox.confirm(entry!.position)
  }
  await outbox.close(1000)
})

test('whoever waits is woken, however close the moments lie', async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const disk = new SimulatedDisk(1)
    const outbox = await open(disk)
    let taking: Promise<unknown> | undefined
    const takeSoon = async () => {
      for (let tick = 0; tick < ticks; tick++) await null
      taking ??= outbox.take(1, 1, AbortSignal.timeout(1000))
    }
    disk.syncMs = async () => void takeSoon()
    await stored(outbox, 1)
    await pause(1)
    assert.equal(((await taking) as unknown[]).length, 1, `${ticks}`)
    await outbox.close(1000)
  }
})

test('take keeps to both limits but always gives one entry, from memory and from disk', async () => {
  const outbox = await open(new SimulatedDisk(1))
  for (let number = 1; number <= 5; number++) await stored(outbox, number)
  for (let pass = 0; pass < 2; pass++) {
    assert.equal((await outbox.take(2, 1e6, never)).length, 2)
    assert.equal((await outbox.take(10, 2500, never)).length, 2)
    assert.equal((await outbox.take(10, 1, never)).length, 1)
    outbox.rewind()
  }
  await outbox.close(1000)
})

test('onStored waits for the sync, and is never called after close', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk)
  const held: (() => void)[] = []
  let called = 0
  disk.syncMs = () => new Promise<void>((resolve) => held.push(resolve))
  outbox.append([payload(1)], () => called++)
  await pause(20)
  assert.equal(called, 0)
  await outbox.close(20)
  disk.syncMs = undefined
  for (const release of held) release()
  await pause(20)
  outbox.append([payload(2)], () => called++)
  await pause(20)
  assert.equal(called, 0)
})

test('a sync that failed is shown, nothing is settled by it, and it is never repeated on the same file', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk)
  await stored(outbox, 1)
  const synced: string[] = []
  disk.fault = (call, _, file) => {
    if (call === 'sync') synced.push(file)
    return call === 'sync' ? failure('EIO') : undefined
  }
  let done = false
  stored(outbox, 2).then(() => (done = true))
  await pause(50)
  assert.equal(done, false)
  assert.equal(outbox.snapshot().error?.code, 'OUTBOX_FAILED')
  assert.ok(synced.length > 3)
  assert.equal(new Set(synced).size, synced.length)
  disk.fault = () => undefined
  await stored(outbox, 3)
  assert.equal(done, true)
  assert.equal(outbox.snapshot().error, undefined)
  disk.cutPower()
  const reopened = await open(disk)
  assert.deepEqual(await takeAll(reopened, 3), [1, 2, 3])
  await outbox.close(0)
  await reopened.close(0)
})

test('at most two syncs run at once, whatever the number of outboxes', async () => {
  const disk = new SimulatedDisk(1)
  const outboxes = await Promise.all(Array.from({ length: 5 }, (_, i) => open(disk, { directory: `/outbox${i}` })))
  disk.syncMs = () => pause(2)
  for (let round = 1; round <= 5; round++) await Promise.all(outboxes.map((outbox) => stored(outbox, round)))
  assert.equal(disk.mostSyncs, 2)
  await Promise.all(outboxes.map((outbox) => outbox.close(1000)))
})

test('the sync latency is known as soon as the outbox is open', async () => {
  const disk = new SimulatedDisk(1)
  disk.syncMs = () => pause(20)
  const outbox = await open(disk)
  const { syncMsP50, syncMsP99 } = outbox.snapshot()
  assert.ok(syncMsP50! >= 18 && syncMsP99! >= syncMsP50!, `${syncMsP50} ${syncMsP99}`)
  await outbox.close(1000)
})

test('what the caller does to its bytes after append changes nothing', async () => {
  const outbox = await open(new SimulatedDisk(1))
  const bytes = payload(7)
  const done = new Promise((resolve) => outbox.append([bytes], resolve))
  bytes.fill('9')
  await done
  assert.equal(numberIn((await outbox.take(1, 1, never))[0]!), 7)
  await outbox.close(1000)
})

test('an outbox whose lock was taken away stores, hands out and deletes nothing more, and says why', async () => {
  const disk = new SimulatedDisk(1)
  const lost = new AbortController()
  const lock = async () => ({ lost: lost.signal, release: async () => {} })
  const outbox = await open(disk, { files: { ...disk.layer(), lock } })
  await stored(outbox, 1)
  const waiting = outbox.take(10, 1e6, never)
  outbox.confirm((await waiting)[0]!.position)
  lost.abort()
  outbox.append([payload(2)], () => assert.fail('another process has the directory'))
  assert.deepEqual(await outbox.take(10, 1e6, never), [])
  assert.equal(outbox.snapshot().error?.code, 'OUTBOX_LOCKED')
  const { calls } = disk
  await pause(1200)
  await outbox.close(100)
  assert.ok(disk.calls - calls <= 1, `${disk.calls - calls} calls, one to close the file`)
})

test('counts in the budget what is appended and kept in memory, and keeps nothing while the budget is full', async () => {
  const budget = new ByteBudget(10_000)
  const outbox = await open(new SimulatedDisk(1), { budget })
  const first = Promise.all([stored(outbox, 1, 3000), stored(outbox, 2)])
  assert.equal(budget.held, 4000)
  await first
  const { memoryBytes } = outbox.snapshot()
  assert.ok(memoryBytes >= 4000, `${memoryBytes} bytes are kept in memory`)
  assert.equal(budget.held, memoryBytes)
  budget.add(10_000)
  await stored(outbox, 3, 10)
  assert.deepEqual([outbox.snapshot().memoryBytes, budget.held], [0, 10_000])
  assert.deepEqual(await takeAll(outbox, 3), [1, 2, 3])
  outbox.append([payload(4)], () => {})
  await outbox.close(1000)
  assert.equal(budget.held, 10_000)
})

test('a confirmation that comes while the next entries are taken does not confirm these', async () => {
  const outbox = await open(new SimulatedDisk(1))
  await Promise.all(Array.from({ length: 10 }, (_, i) => stored(outbox, i + 1, 100)))
  const first = await outbox.take(5, 1e6, never)
  const second = outbox.take(5, 1e6, never)
  outbox.confirm(first.at(-1)!.position)
  assert.deepEqual((await second).map(numberIn), [6, 7, 8, 9, 10])
  assert.equal(outbox.snapshot().entries, 5)
})
