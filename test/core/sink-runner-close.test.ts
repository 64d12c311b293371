import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { until } from '../services/processes.ts'
import {
  allWritten,
  createGate,
  MemorySink,
  outage,
  poisonous,
  quick,
  released,
  startRunner,
  written,
} from './memory-sink.ts'
import { randomIntegers, range } from './random.ts'

test('close writes what it has, without waiting for the linger, and closes the sink', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink, { lingerMs: 60_000 })
  await until(() => runner.snapshot().phase === 'ready', { what: 'the sink to open' })
  const settled = Promise.all([submit(...range(0, 25)), submit(25)])
  await runner.close(5000)
  assert.deepEqual(await settled, [written, written])
  assert.deepEqual(sink.stored, range(0, 26))
  assert.deepEqual([runner.snapshot().phase, runner.snapshot().pendingRecords, sink.closed], ['closed', 0, 1])
  assert.deepEqual(sink.misuses, [])
})

test('what is not confirmed within the grace is released, once, and the write is told to stop', async () => {
  const sink = new MemorySink()
  const { runner, submit, settlements } = startRunner(sink)
  let stopped = false
  sink.behaviour = (_batch, signal) =>
    new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        stopped = true
        reject(outage())
      }),
    )
  void submit(...range(0, 15))
  void submit(15)
  await until(() => sink.batches.length === 1, { what: 'the write' })
  const start = performance.now()
  await runner.close(100)
  const tookMs = performance.now() - start
  assert.ok(tookMs >= 95 && tookMs < 900, `took ${tookMs} ms`)
  assert.deepEqual([stopped, sink.batches.length], [true, 1])
  assert.deepEqual(settlements, [[released], [released]])
})

test('a close while the target fails does not wait for it', async () => {
  const sink = new MemorySink()
  sink.behaviour = () => {
    throw outage()
  }
  const { runner, submit, settlements } = startRunner(sink, { retryBackoffMs: 60_000, maxRetryBackoffMs: 60_000 })
  void submit(1)
  await until(() => runner.snapshot().phase === 'failing', { what: 'the failure' })
  const start = performance.now()
  await runner.close(10_000)
  assert.ok(performance.now() - start < 500)
  assert.deepEqual(settlements, [[released]])
})

test('a write that fails during the grace is not repeated', async () => {
  const sink = new MemorySink()
  const { runner, submit, settlements } = startRunner(sink)
  sink.behaviour = async () => {
    await wait(50)
    throw outage()
  }
  void submit(1)
  await until(() => sink.batches.length === 1, { what: 'the write' })
  const start = performance.now()
  await runner.close(10_000)
  assert.ok(performance.now() - start < 1000)
  assert.deepEqual([settlements, sink.batches.length], [[[released]], 1])
})

test('a close before the target was ever reached releases everything', async () => {
  const sink = new MemorySink()
  sink.openFailures = range(0, 1000).map(outage)
  const { runner, submit, settlements } = startRunner(sink)
  void submit(1)
  await runner.close(10_000)
  assert.deepEqual([settlements, sink.batches], [[[released]], []])
})

test('what is submitted to a closing or closed runner is released at once', async () => {
  const sink = new MemorySink()
  const { runner, submit, settlements } = startRunner(sink)
  const gate = createGate()
  sink.behaviour = async () => {
    await gate.opened
    return allWritten
  }
  const before = submit(1)
  await until(() => sink.batches.length === 1, { what: 'the write' })
  const closing = runner.close(5000)
  assert.deepEqual(await submit(2), released)
  assert.deepEqual(await submit(), released)
  gate.open()
  await closing
  assert.deepEqual(await before, written)
  assert.deepEqual(await submit(3), released)
  assert.ok(settlements.every(({ length }) => length === 1))
})

test('a sink that ignores the abort is left behind after a second, and what it then says changes nothing', async () => {
  const outcomes = [
    () => allWritten,
    () => {
      throw outage()
    },
    () => {
      throw poisonous(1)
    },
    () => ({ rejected: [{ index: 0, error: poisonous(1) }] }),
  ]
  await Promise.all(
    outcomes.map(async (late) => {
      const sink = new MemorySink()
      const { runner, submit, settlements } = startRunner(sink)
      const gate = createGate()
      sink.behaviour = async () => {
        await gate.opened
        return late()
      }
      void submit(1)
      await until(() => sink.batches.length === 1, { what: 'the write' })
      const start = performance.now()
      await runner.close(100)
      assert.ok(performance.now() - start < 2000)
      assert.deepEqual(settlements, [[released]])
      gate.open()
      await wait(50)
      const { phase, pendingRecords, confirmed, rejected, error } = runner.snapshot()
      assert.deepEqual(settlements, [[released]])
      assert.deepEqual([phase, pendingRecords, confirmed, rejected, error], ['closed', 0, 0, 0, undefined])
      assert.equal(sink.batches.length, 1)
    }),
  )
})

test('close may be called twice, also while the first is under way, and without start', async () => {
  const sink = new MemorySink()
  const { runner, submit, settlements } = startRunner(sink)
  await until(() => runner.snapshot().phase === 'ready', { what: 'the sink to open' })
  void submit(1)
  await Promise.all([runner.close(1000), runner.close(1000)])
  await runner.close(1000)
  assert.deepEqual(settlements, [[written]])
  const idle = new SinkRunner(new MemorySink(), quick)
  let settled = 0
  idle.submit([], () => settled++)
  await idle.close(1000)
  assert.equal(settled, 1)
})

test('accepted + rejected + released = submitted under random failures, every submission settled once, order kept', async () => {
  await Promise.all(range(0, 40).map(runRandomly))
})

async function runRandomly(seed: number): Promise<void> {
  const random = randomIntegers(seed)
  const sink = new MemorySink()
  sink.openFailures = range(0, random(0, 3)).map(outage)
  const poison = new Set(range(0, 2000).filter(() => random(0, 40) === 0))
  const refused = new Set<number>()
  sink.behaviour = async (batch) => {
    if (random(0, 3) === 0) await wait(random(0, 3))
    if (random(0, 5) === 0) throw outage()
    const bad = batch.flatMap((n, index) => (poison.has(n) ? [{ index, error: poisonous(n) }] : []))
    if (bad.length > 0 && random(0, 1) === 0) throw bad[0]!.error
    for (const { index } of bad) refused.add(batch[index]!)
    return { rejected: bad }
  }
  const { runner, submit, settlements } = startRunner(sink, {
    batchRecords: random(1, 40),
    batchBytes: random(1, 300),
    lingerMs: random(0, 2),
    maxRetries: random(0, 1) === 0 ? 0 : random(1, 3),
  })
  const submitted: number[][] = []
  for (let n = 0; n < 1500; ) {
    const payloads = range(n, n + random(0, 12))
    n += payloads.length
    submitted.push(payloads)
    void submit(...payloads)
    if (random(0, 10) === 0) await wait(random(0, 4))
  }
  await wait(random(0, 200))
  await runner.close(random(0, 300))
  const stored = new Set(sink.stored)
  const { confirmed, rejected, pendingRecords } = runner.snapshot()
  let writtenRecords = 0
  for (const [i, payloads] of submitted.entries()) {
    assert.equal(settlements[i]!.length, 1, `seed ${seed}: submission ${i} was settled ${settlements[i]!.length} times`)
    const settled = settlements[i]![0]!
    if (settled.status === 'released') continue
    writtenRecords += payloads.length
    const named = new Map(settled.rejected.map(({ index, error }) => [payloads[index]!, error.code]))
    assert.equal(named.size, settled.rejected.length)
    for (const n of payloads) {
      assert.equal(stored.has(n), !named.has(n), `seed ${seed}: ${n} is ${named.get(n) ?? 'confirmed'}`)
      if (named.get(n) === 'RECORD_INVALID') assert.ok(poison.has(n))
    }
  }
  assert.ok(confirmed + rejected >= writtenRecords)
  assert.equal(pendingRecords, 0)
  assert.deepEqual(
    sink.stored,
    sink.stored.toSorted((a, b) => a - b),
    `seed ${seed}: written out of order`,
  )
  assert.equal(stored.size, sink.stored.length, 'a confirmed record is written once')
  assert.deepEqual(sink.misuses, [])
}
