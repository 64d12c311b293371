import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type RecordRunner, type Settled, SinkRunner } from '../../src/core/sink-runner.ts'
import { DrainFirst, isOutbox } from '../../src/outbox/drain-first.ts'
import { OutboxRunner } from '../../src/outbox/outbox-runner.ts'
import { MemorySink, outage, quick, reading } from '../core/memory-sink.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'drain-first-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const outboxOver = (runner: RecordRunner) =>
  new OutboxRunner(
    runner,
    { ...quick, directory, maxBytes: 1 << 26, maxAgeMs: 0, whenFull: 'block', forwardPerSecond: 0 },
    () => {},
  )
const submit = (runner: RecordRunner, n: number) =>
  new Promise<Settled>((resolve) => runner.submit([reading(n)], resolve))
const down = (sink: MemorySink) => {
  sink.behaviour = () => Promise.reject(outage())
}
const until = async (condition: () => boolean, what: string) => {
  for (const end = Date.now() + 10_000; !condition(); await wait(2))
    if (Date.now() > end) assert.fail(`${what} did not happen`)
}

/** Leaves an outbox with these behind. */
async function leave(...payloads: readonly number[]): Promise<void> {
  const sink = new MemorySink()
  down(sink)
  const runner = outboxOver(new SinkRunner(sink, quick))
  runner.start()
  for (const n of payloads) await submit(runner, n)
  await runner.close(100)
}

function drain(sink: MemorySink): DrainFirst {
  const runner = new DrainFirst(new SinkRunner(sink, quick), outboxOver)
  runner.start()
  return runner
}

test('what an outbox holds is forwarded before what is submitted, and the sink is opened and closed once', async () => {
  assert.equal(isOutbox(directory), false)
  assert.equal(isOutbox(path.join(directory, 'nothing')), false)
  await leave(1, 2, 3)
  assert.equal(isOutbox(directory), true)
  const sink = new MemorySink()
  down(sink)
  const runner = drain(sink)
  const settled = [4, 5].map((n) => submit(runner, n))
  await until(() => outboxOf(runner)?.entries === 3, 'the depth')
  await wait(100)
  assert.deepEqual(sink.stored, [])
  sink.behaviour = () => ({ rejected: [] })
  for (const one of await Promise.all(settled)) assert.equal(one.status, 'written')
  assert.equal((await submit(runner, 6)).status, 'written')
  assert.deepEqual(sink.stored, [1, 2, 3, 4, 5, 6])
  assert.equal(outboxOf(runner), undefined)
  await runner.close(1000)
  assert.deepEqual([sink.opened, sink.closed, sink.misuses], [1, 1, []])
})

test('a close while the outbox is not empty releases what waits and leaves the rest in the outbox', async () => {
  await leave(1, 2)
  const sink = new MemorySink()
  down(sink)
  const runner = drain(sink)
  const settled = submit(runner, 3)
  await until(() => sink.batches.length > 0, 'a write')
  await runner.close(100)
  assert.equal((await settled).status, 'released')
  assert.equal((await submit(runner, 4)).status, 'released')
  assert.equal(sink.closed, 1)
  const next = new MemorySink()
  const after = drain(next)
  await submit(after, 5)
  assert.deepEqual(next.stored, [1, 2, 5])
  await after.close(1000)
})

const outboxOf = (runner: DrainFirst) => {
  const snapshot = runner.snapshot()
  return 'outbox' in snapshot ? snapshot.outbox : undefined
}
