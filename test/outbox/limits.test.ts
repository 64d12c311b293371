import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { segmentHeaderBytes } from '../../src/outbox/segment.ts'
import { until } from '../services/processes.ts'
import { never, numberIn, open, stored, takeAll } from './ledger.ts'
import { failure, SimulatedDisk } from './simulated-disk.ts'

/** Bytes in the files of a disk. */
const used = (disk: SimulatedDisk) => disk.files('.seg').reduce((sum, file) => sum + disk.content(file).length, 0)

test('a full outbox that blocks stores nothing more, says so, and goes on as soon as entries are confirmed', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk)
  let done = 0
  for (let number = 1; number <= 40; number++) stored(outbox, number).then(() => done++)
  await until(() => outbox.snapshot().blocked, { what: 'a full outbox' })
  const { error, entries } = outbox.snapshot()
  assert.equal(error?.code, 'OUTBOX_FULL')
  assert.equal(done, entries)
  const numbers: number[] = []
  while (numbers.length < 40) {
    const taken = await outbox.take(3, 1e6, never)
    numbers.push(...taken.map(numberIn))
    outbox.confirm(taken.at(-1)!.position)
  }
  assert.deepEqual(
    numbers,
    Array.from({ length: 40 }, (_, i) => i + 1),
  )
  assert.equal(outbox.snapshot().error, undefined)
  await outbox.close(1000)
})

test('a full outbox that blocks goes on when what it holds turns out to be unreadable', async () => {
  const disk = new SimulatedDisk(1)
  const before = await open(disk)
  for (let number = 1; number <= 40; number++) void stored(before, number)
  while (!before.snapshot().blocked) await pause(1)
  await before.close(0)
  for (const file of disk.files('.seg')) disk.replace(file, disk.content(file).fill(0, segmentHeaderBytes))
  const outbox = await open(disk)
  const done = stored(outbox, 101, 8000)
  while (!outbox.snapshot().blocked) await pause(1)
  assert.deepEqual(await takeAll(outbox, 1), [101])
  await done
  await outbox.close(1000)
})

test('the files of an outbox stay within its limit, whatever is appended', async () => {
  for (const whenFull of ['block', 'drop-oldest'] as const) {
    const disk = new SimulatedDisk(1)
    const outbox = await open(disk, { whenFull })
    let most = 0
    for (let number = 1; number <= 200; number++) {
      const done = stored(outbox, number, 500)
      await Promise.race([done, pause(5)])
      most = Math.max(most, outbox.snapshot().bytes)
      if (whenFull === 'block') outbox.confirm((await outbox.take(1, 1, never))[0]!.position)
    }
    await outbox.close(1000)
    assert.ok(most <= 20_000 && used(disk) <= 20_000, `${whenFull}: ${most}, ${used(disk)}`)
  }
})

test('drop-oldest gives up the oldest entries, counts and reports them, and keeps the newest in order', async () => {
  let reported = 0
  const count = (entries: number) => {
    reported += entries
  }
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk, { whenFull: 'drop-oldest', onDropped: count })
  for (let number = 1; number <= 100; number++) await stored(outbox, number)
  const { dropped, entries } = outbox.snapshot()
  assert.equal(dropped + entries, 100)
  assert.equal(reported, dropped)
  assert.ok(entries >= 14, String(entries))
  const numbers: number[] = []
  while (numbers.length < entries) numbers.push(...(await outbox.take(100, 1e6, never)).map(numberIn))
  assert.deepEqual(
    numbers,
    Array.from({ length: entries }, (_, i) => dropped + 1 + i),
  )
  await outbox.close(1000)
})

test('an entry larger than the limit is stored alone instead of waiting for ever', async () => {
  for (const whenFull of ['block', 'drop-oldest'] as const) {
    const outbox = await open(new SimulatedDisk(1), { whenFull })
    await stored(outbox, 1, 50_000)
    const second = stored(outbox, 2)
    const [entry] = await outbox.take(1, 1, never)
    if (whenFull === 'block') outbox.confirm(entry!.position)
    await second
    await outbox.close(1000)
  }
})

test('an outbox whose oldest entry is over its age blocks until that one is confirmed', async () => {
  const outbox = await open(new SimulatedDisk(1), { maxAgeMs: 50 })
  await stored(outbox, 1)
  await pause(80)
  const second = stored(outbox, 2)
  assert.equal(await Promise.race([second, pause(30, 'waits')]), 'waits')
  outbox.confirm((await outbox.take(1, 1, never))[0]!.position)
  assert.equal(await second, 2)
  await outbox.close(1000)
})

test('drop-oldest gives up what is over its age, also when nothing is appended, and nothing younger', async () => {
  const outbox = await open(new SimulatedDisk(1), { maxAgeMs: 1600, whenFull: 'drop-oldest' })
  await stored(outbox, 1)
  await pause(1200)
  await stored(outbox, 2)
  await pause(800)
  assert.deepEqual((await outbox.take(10, 1e6, never)).map(numberIn), [2])
  assert.equal(outbox.snapshot().dropped, 1)
  await pause(2000)
  outbox.rewind()
  assert.deepEqual(await outbox.take(10, 1e6, AbortSignal.timeout(20)), [])
  assert.equal(outbox.snapshot().dropped, 2)
  await outbox.close(1000)
})

test('the age of the oldest waiting entry follows the cursor, also after a restart', async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  try {
    const disk = new SimulatedDisk(1)
    let outbox = await open(disk)
    for (let number = 1; number <= 5; number++) {
      await stored(outbox, number)
      mock.timers.tick(10_000)
    }
    assert.equal(outbox.snapshot().oldestStoredAt, 1_000_000)
    await outbox.close(1000)
    outbox = await open(disk)
    assert.equal(outbox.snapshot().oldestStoredAt, 1_000_000)
    for (let last = 0; last < 3; ) last = (await outbox.take(1, 1e6, never))[0]!.position
    outbox.confirm(3)
    await takeAll(outbox, 2)
    assert.equal(outbox.snapshot().oldestStoredAt, 1_030_000)
    outbox.confirm(5)
    assert.equal(outbox.snapshot().oldestStoredAt, undefined)
    await outbox.close(1000)
  } finally {
    mock.timers.reset()
  }
})

test('a disk that stays full for long leaves no heap of files behind', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk)
  await stored(outbox, 1)
  disk.fault = (call, _, file) => {
    const head = call === 'write' && disk.content(file).length === 0
    return (call === 'write' || call === 'sync') && !head && disk.calls % 3 > 0 ? failure('ENOSPC') : undefined
  }
  stored(outbox, 2)
  await pause(2500)
  assert.ok(disk.files('.seg').length < 1500, 'deleted while it goes on')
  disk.fault = () => undefined
  await stored(outbox, 3)
  await until(() => disk.files('.seg').length <= 2, { what: 'the deletions' })
  await outbox.close(1000)
})

test('confirmed segments are deleted, and the cursor is written without being asked', async () => {
  const disk = new SimulatedDisk(1)
  const outbox = await open(disk, { segmentBytes: 3000 })
  for (let number = 1; number <= 12; number++) await stored(outbox, number)
  const before = disk.files('.seg').length
  outbox.confirm((await outbox.take(11, 1e6, never)).at(-1)!.position)
  assert.ok(before >= 6, `${before}`)
  await until(() => disk.files('.seg').length === 1, { what: 'the deletions' })
  disk.cutPower()
  const reopened = await open(disk)
  assert.deepEqual((await reopened.take(10, 1e6, never)).map(numberIn), [12])
  await outbox.close(0)
  await reopened.close(0)
})
