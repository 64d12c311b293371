import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { PipelineError } from '../../src/core/errors.ts'
import { until } from '../services/processes.ts'
import { allWritten, createGate, MemorySink, outage, quick, rejections, startRunner, written } from './memory-sink.ts'
import { range } from './random.ts'

test('records are written in the order of submission, in batches, one write at a time', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink)
  sink.behaviour = async () => {
    await wait(1)
    return allWritten
  }
  const settled = await Promise.all(range(0, 20).map((i) => submit(...range(i * 7, i * 7 + 7))))
  assert.deepEqual(settled, Array(20).fill(written))
  assert.deepEqual(sink.stored, range(0, 140))
  assert.ok(sink.batches.every(({ length }) => length <= quick.batchRecords))
  assert.equal(sink.batches.length, 14)
  assert.deepEqual(sink.misuses, [])
  assert.equal(sink.opened, 1)
  await runner.close(1000)
})

test('a submission is settled when its last record is confirmed, and not before', async () => {
  const sink = new MemorySink()
  const { runner, submit, settlements } = startRunner(sink)
  const gate = createGate()
  sink.behaviour = async (batch) => {
    if (batch.includes(10)) await gate.opened
    return allWritten
  }
  const both = submit(...range(0, 15))
  await until(() => sink.batches.length === 2, { what: 'the second write' })
  assert.deepEqual(settlements, [[]])
  gate.open()
  assert.deepEqual(await both, written)
  await runner.close(1000)
})

test('a submission of nothing is written at once', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink)
  assert.deepEqual(await submit(), written)
  assert.deepEqual(sink.batches, [])
  await runner.close(1000)
})

test('a failing write is repeated for ever with the same batch, and nothing overtakes it', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink)
  let failures = 40
  sink.behaviour = () => {
    if (failures-- > 0) throw failures % 2 === 0 ? outage() : new Error('odd')
    return allWritten
  }
  const first = submit(1, 2)
  await until(() => runner.snapshot().retries > 3, { what: 'some retries' })
  const snapshot = runner.snapshot()
  assert.equal(snapshot.phase, 'failing')
  assert.ok(Date.now() - (snapshot.failingSince ?? 0) < 10_000)
  assert.ok(snapshot.error && ['TARGET_UNREACHABLE', 'UNKNOWN'].includes(snapshot.error.code))
  const second = submit(3)
  assert.deepEqual(await Promise.all([first, second]), [written, written])
  assert.deepEqual(sink.stored, [1, 2, 3])
  assert.ok(sink.batches.slice(0, 41).every((batch) => batch.join() === '1,2'))
  const after = runner.snapshot()
  assert.deepEqual(
    [after.phase, after.error, after.failingSince, after.pendingRecords, after.confirmed, after.retries],
    ['ready', undefined, undefined, 0, 3, 40],
  )
  await runner.close(1000)
})

test('a failing write waits longer each time, from "First retry after" up to "Longest retry wait"', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink, { retryBackoffMs: 20, maxRetryBackoffMs: 80 })
  const writes: number[] = []
  sink.behaviour = () => {
    writes.push(performance.now())
    // Doubled for ever, the last wait would be 82 s.
    if (writes.length < 14) throw outage()
    return allWritten
  }
  assert.deepEqual(await submit(1), written)
  const waits = writes.slice(1).map((time, i) => time - writes[i]!)
  for (const [i, least] of [20, 40, 80, 80].entries()) assert.ok(waits[i]! >= least / 2 - 2, `${waits}`)
  await runner.close(1000)
})

test('what a write under way is struggling with is shown before it fails', async () => {
  const sink = new MemorySink()
  const { runner, submit } = startRunner(sink)
  const gate = createGate()
  sink.behaviour = () => gate.opened.then(() => allWritten)
  const settled = submit(1)
  await until(() => sink.batches.length > 0, { what: 'the write' })
  assert.equal(runner.snapshot().error, undefined)
  sink.trouble = outage()
  assert.equal(runner.snapshot().error, sink.trouble)
  sink.trouble = undefined
  gate.open()
  assert.deepEqual(await settled, written)
  assert.equal(runner.snapshot().error, undefined)
  await runner.close(1000)
})

test('since when it fails does not move while it goes on failing', async () => {
  const sink = new MemorySink()
  sink.behaviour = () => {
    throw outage()
  }
  const { runner, submit } = startRunner(sink)
  void submit(1)
  const since = await until(() => runner.snapshot().failingSince, { what: 'the first failure' })
  await until(() => runner.snapshot().retries > 5 && Date.now() > (since ?? 0), { what: 'more failures' })
  assert.equal(runner.snapshot().failingSince, since)
  await runner.close(0)
})

test('after maxRetries the records of that batch are rejected, and the next batch gets its own attempts', async () => {
  const sink = new MemorySink()
  sink.behaviour = (batch) => {
    if (batch.includes(1)) throw outage()
    return allWritten
  }
  const { runner, submit } = startRunner(sink, { maxRetries: 3 })
  const first = submit(1, 2)
  await until(() => sink.batches.length > 0, { what: 'the first write' })
  const second = submit(3)
  assert.deepEqual(rejections(await first), ['0 RETRIES_EXHAUSTED', '1 RETRIES_EXHAUSTED'])
  const settled = await first
  assert.ok(settled.status === 'written')
  assert.match(settled.rejected[0]!.error.message, /after 4 attempts: .*gone/)
  assert.deepEqual(await second, written)
  assert.equal(sink.batches.length, 5)
  assert.deepEqual([runner.snapshot().rejected, runner.snapshot().confirmed], [2, 1])
  await runner.close(1000)
})

test('a target that cannot be opened is tried for ever while there is nothing to write', async () => {
  const sink = new MemorySink()
  sink.openFailures = range(0, 10).map(outage)
  const { runner, submit } = startRunner(sink, { maxRetries: 2 })
  await until(() => runner.snapshot().phase === 'ready', { what: 'the sink to open' })
  assert.equal(sink.opened, 11)
  assert.deepEqual(await submit(1), written)
  await runner.close(1000)
})

test('records that wait for the target to open are written then', async () => {
  const sink = new MemorySink()
  sink.openFailures = range(0, 5).map(outage)
  const { runner, submit } = startRunner(sink)
  assert.equal(runner.snapshot().phase, 'opening')
  assert.deepEqual(await submit(1, 2), written)
  assert.deepEqual(sink.stored, [1, 2])
  await runner.close(1000)
})

test('an error of the configuration holds the records and is retried until somebody has put it right', async () => {
  const sink = new MemorySink()
  const missing = new PipelineError('TARGET_MISSING', { target: 'topic x' })
  sink.behaviour = () => {
    throw missing
  }
  const { runner, submit, settlements } = startRunner(sink)
  const held = submit(1)
  await until(() => runner.snapshot().retries > 5, { what: 'retries' })
  assert.deepEqual([settlements, runner.snapshot().error], [[[]], missing])
  sink.behaviour = () => allWritten
  assert.deepEqual(await held, written)
  await runner.close(1000)
})

test('a fatal error holds the records and is not tried again', async () => {
  const sink = new MemorySink()
  const fatal = new PipelineError('DEPENDENCY_MISSING', { name: 'x' })
  sink.openFailures = [fatal]
  const { runner, submit, settlements } = startRunner(sink, { maxRetries: 1 })
  void submit(1)
  await until(() => runner.snapshot().error, { what: 'the error' })
  await wait(50)
  assert.deepEqual([sink.opened, sink.batches, settlements], [1, [], [[]]])
  assert.equal(runner.snapshot().error, fatal)
  const start = performance.now()
  await runner.close(60_000)
  assert.ok(performance.now() - start < 500, 'close does not wait for what cannot succeed')
  assert.deepEqual(settlements, [[{ status: 'released' }]])
})

test('what a write that failed has stored all the same is confirmed when the retries are over, and nothing else', async () => {
  class Partly extends MemorySink {
    isStored(n: number): boolean {
      return n !== 2
    }
  }
  const sink = new Partly()
  sink.behaviour = () => {
    throw outage()
  }
  const { runner, submit } = startRunner(sink, { maxRetries: 2 })
  const settled = await submit(1, 2, 3)
  assert.deepEqual(rejections(settled), ['1 RETRIES_EXHAUSTED'])
  assert.deepEqual([runner.snapshot().confirmed, runner.snapshot().rejected], [2, 1])
  await runner.close(100)
})
