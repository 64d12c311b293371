import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { PipelineError } from '../../src/core/errors.ts'
import { originalBytes } from '../../src/core/original-bytes.ts'
import type { Record } from '../../src/core/record.ts'
import { type Settled, SinkRunner } from '../../src/core/sink-runner.ts'
import { type FileLayer, nodeFiles } from '../../src/outbox/files.ts'
import { lockDirectory } from '../../src/outbox/lock.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { OutboxRunner, type OutboxRunnerOptions, type Refused } from '../../src/outbox/outbox-runner.ts'
import { createGate, MemorySink, outage, quick, reading, refusing } from '../core/memory-sink.ts'

let directory: string
const opened: OutboxRunner[] = []
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'outbox-runner-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((runner) => runner.close(100)))
  rmSync(directory, { recursive: true, force: true })
})

/** Keeps the id that each record was written with. */
class IdSink extends MemorySink {
  readonly prepared: Record[] = []

  override prepare(record: Record) {
    const request = super.prepare(record)
    this.prepared.push(record)
    return request
  }
}

type RunnerChanges = Partial<OutboxRunnerOptions & typeof quick>

function start(sink: MemorySink, changed: RunnerChanges = {}) {
  const options = { ...quick, directory, maxBytes: 1 << 26, maxAgeMs: 0, forwardPerSecond: 0, ...changed }
  const refused: { readonly records: readonly Refused[]; readonly then: () => void }[] = []
  const settled: Settled[][] = []
  const runner = new OutboxRunner(new SinkRunner(sink, options), { whenFull: 'block', ...options }, (records, then) =>
    refused.push({ records, then }),
  )
  opened.push(runner)
  runner.start()
  const submit = (...payloads: readonly unknown[]) => {
    const mine: Settled[] = []
    settled.push(mine)
    return new Promise<Settled>((resolve) =>
      runner.submit(
        payloads.map((payload) => reading(payload as number)),
        (result) => {
          mine.push(result)
          resolve(result)
        },
      ),
    )
  }
  return { runner, refused, settled, submit }
}

const until = async (condition: () => boolean, what: string) => {
  for (const end = Date.now() + 5000; !condition(); await wait(2))
    if (Date.now() > end) assert.fail(`${what} did not happen`)
}
const down = (sink: MemorySink) => {
  sink.behaviour = () => Promise.reject(outage())
}
const up = (sink: MemorySink) => {
  sink.behaviour = () => ({ rejected: [] })
}
const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i)
const idsOf = (settled: Settled) => (settled.status === 'stored' ? settled.ids() : assert.fail(settled.status))
const codes = (refused: readonly Refused[]) => refused.map(({ error }) => error.code)
const timed = async (work: () => Promise<unknown>) => {
  const from = performance.now()
  await work()
  return performance.now() - from
}

test('records are settled when they are in a file, though the target is down', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, runner } = start(sink)
  const ids = idsOf(await submit(1, 2))
  const { outbox } = runner.snapshot()
  assert.equal(outbox!.entries, 2)
  assert.equal(new Set(ids).size, 2)
  const files = readdirSync(directory).map((name) => readFileSync(path.join(directory, name), 'latin1'))
  assert.equal(files.join('').split('"json"').length - 1, 2)
  assert.deepEqual(sink.stored, [])
})

test('after a restart the records are forwarded in order under the ids that were given before', async () => {
  const first = new MemorySink()
  down(first)
  const before = start(first)
  const ids: string[] = []
  for (const n of numbers(50)) ids.push(...idsOf(await before.submit(n)))
  await before.runner.close(1000)
  const sink = new IdSink()
  const { submit, runner } = start(sink)
  const more = await submit(51)
  await until(() => sink.stored.length === 51, 'forwarding')
  assert.deepEqual(sink.stored, numbers(51))
  assert.deepEqual(
    sink.prepared.map(({ id }) => id),
    [...ids, ...idsOf(more)],
  )
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
  assert.deepEqual(sink.misuses, [])
})

test('what was confirmed before an orderly close is not forwarded again', async () => {
  const first = new MemorySink()
  const before = start(first)
  await before.submit(...numbers(30))
  await until(() => before.runner.snapshot().outbox!.entries === 0, 'an empty outbox')
  await before.runner.close(1000)
  const sink = new MemorySink()
  await start(sink).submit(31)
  await until(() => sink.stored.length > 0, 'forwarding')
  assert.deepEqual(sink.stored, [31])
})

test('a record that the target refuses stays in the outbox until its rejection is safe; the others go on', async () => {
  const sink = new MemorySink()
  sink.behaviour = refusing(3)
  const { submit, refused, runner } = start(sink)
  await submit(...numbers(10))
  await submit(11)
  await until(() => sink.stored.length === 10, 'forwarding')
  assert.deepEqual(sink.stored, [1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.equal(refused.length, 1)
  assert.deepEqual(codes(refused[0]!.records), ['RECORD_INVALID'])
  assert.equal(refused[0]!.records[0]!.record.payload, 3)
  assert.equal(runner.snapshot().outbox!.entries, 11, 'nothing behind it may leave first')
  refused[0]!.then()
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
})

test('a refused record whose rejection was not safe at close is refused again after the restart', async () => {
  const poisoned = () => {
    const sink = new MemorySink()
    sink.behaviour = refusing(1)
    return sink
  }
  const before = start(poisoned())
  await before.submit(1)
  await until(() => before.refused.length === 1, 'the refusal')
  assert.ok((await timed(() => before.runner.close(5000))) < 2000)
  before.refused[0]!.then()
  const { refused, runner } = start(poisoned())
  await until(() => refused.length === 1, 'the second refusal')
  refused[0]!.then()
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
})

test('a record that cannot be stored is refused and holds back its message, and not the order of the others', async () => {
  const sink = new MemorySink()
  const { submit, refused, settled } = start(sink)
  const holding = submit(1, () => 'no value', 2)
  await submit(3)
  await until(() => sink.stored.length === 3, 'forwarding')
  assert.deepEqual(sink.stored, [1, 2, 3])
  assert.deepEqual(codes(refused[0]!.records), ['PAYLOAD_UNSUPPORTED'])
  assert.deepEqual(settled[0], [])
  refused[0]!.then()
  assert.equal(idsOf(await holding).length, 2)
})

test('what an unknown version has stored is refused with its bytes, and the rest is forwarded', async () => {
  const outbox = await Outbox.open(
    { directory, maxBytes: 1 << 20, maxAgeMs: 0, whenFull: 'block', retryBackoffMs: 1, maxRetryBackoffMs: 2 },
    AbortSignal.timeout(10_000),
  )
  await new Promise((resolve) => outbox.append([Buffer.from('from the future')], resolve))
  await outbox.close(1000)
  const sink = new MemorySink()
  const { submit, refused, runner } = start(sink)
  await submit(1)
  await until(() => sink.stored.length === 1 && refused.length === 1, 'forwarding')
  const [{ record, error }] = refused[0]!.records as [Refused]
  assert.equal(error.code, 'OUTBOX_UNREADABLE')
  assert.equal(Buffer.from(originalBytes(record)).toString(), 'from the future')
  refused[0]!.then()
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
})

test('close is quick and loses nothing, whatever is under way', async (t) => {
  const phases: { readonly [name: string]: (sink: MemorySink) => void } = {
    'the target opens': (sink) => {
      sink.open = () => new Promise(() => {})
    },
    'nothing is to be done': () => {},
    'the target is down': down,
    'a write never ends': (sink) => {
      sink.behaviour = () => new Promise(() => {})
    },
  }
  for (const [name, prepare] of Object.entries(phases))
    await t.test(name, async () => {
      const sink = new MemorySink()
      prepare(sink)
      const { submit, runner, settled } = start(sink)
      const from = sink.stored.length
      const payloads = name === 'nothing is to be done' ? [] : numbers(100)
      for (const n of payloads) await submit(n)
      const tookMs = await timed(() => runner.close(4000))
      assert.ok(tookMs < 3500, `${tookMs} ms`)
      assert.ok(settled.every(({ length }) => length === 1))
      assert.equal(sink.stored.length - from, 0)
      const next = new MemorySink()
      const again = start(next)
      await until(() => next.stored.length === payloads.length, 'forwarding')
      assert.deepEqual(next.stored, payloads)
      await again.runner.close(1000)
    })
})

test('before the outbox is open records wait; at close they are released, once', async () => {
  const first = start(new MemorySink())
  await first.submit(1)
  const { runner, submit, settled } = start(new MemorySink(), { retryBackoffMs: 20, maxRetryBackoffMs: 20 })
  const waiting = submit(2)
  await until(() => runner.snapshot().error?.code === 'OUTBOX_LOCKED', 'the error')
  await runner.close(1000)
  assert.equal((await waiting).status, 'released')
  assert.equal((await submit(3)).status, 'released')
  assert.deepEqual(
    settled.map(({ length }) => length),
    [1, 1],
  )
})

test('of two runners with one folder the second waits, says so, and goes on when the first has closed', async () => {
  const first = start(new MemorySink())
  await first.submit(1)
  const sink = new MemorySink()
  const second = start(sink, { retryBackoffMs: 20, maxRetryBackoffMs: 20 })
  const waiting = second.submit(2)
  await until(() => second.runner.snapshot().error?.code === 'OUTBOX_LOCKED', 'the error')
  await first.runner.close(1000)
  assert.equal((await waiting).status, 'stored')
  await until(() => sink.stored.includes(2), 'forwarding')
  assert.equal(second.runner.snapshot().error, undefined)
})

test('forwardPerSecond limits what is forwarded in a second, also where a batch would hold more', async () => {
  const sink = new MemorySink()
  const { submit } = start(sink, { forwardPerSecond: 20, batchRecords: 500 })
  await submit(...numbers(60))
  await until(() => sink.stored.length > 0, 'forwarding')
  await wait(300)
  assert.ok(sink.stored.length <= 20, `${sink.stored.length} at once`)
  await until(() => sink.stored.length === 60, 'forwarding')
  assert.deepEqual(sink.stored, numbers(60))
})

for (const [onError, maxRetries, code] of [
  ['dead-letter', 0, 'RETRIES_EXHAUSTED'],
  ['retry', 2, 'RETRIES_EXHAUSTED'],
] as const)
  test(`onError ${onError} with maxRetries ${maxRetries} gives up the records of a dead target`, async () => {
    const sink = new MemorySink()
    down(sink)
    const { submit, refused, runner } = start(sink, { onError, maxRetries })
    await submit(1, 2)
    await until(() => refused.length === 1, 'the refusal')
    assert.deepEqual(codes(refused[0]!.records), [code, code])
    assert.equal(sink.batches.length, maxRetries + 1)
    refused[0]!.then()
    await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
  })

test('onError retry without a limit forwards everything when the target is back', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, refused } = start(sink)
  await submit(1, 2)
  await until(() => sink.batches.length > 10, 'ten retries')
  up(sink)
  await until(() => sink.stored.length === 2, 'forwarding')
  assert.deepEqual([sink.stored, refused], [[1, 2], []])
})

test('onError stop writes nothing more until the next start, and goes on storing', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, runner } = start(sink, { onError: 'stop' })
  await submit(1)
  await until(() => runner.snapshot().phase === 'failing', 'the failure')
  up(sink)
  await submit(2)
  await wait(100)
  assert.deepEqual([sink.batches.length, sink.stored], [1, []])
  assert.ok((await timed(() => runner.close(5000))) < 2000)
  const next = new MemorySink()
  start(next)
  await until(() => next.stored.length === 2, 'forwarding')
  assert.deepEqual(next.stored, [1, 2])
})

test('with a dead target memory holds four batches, and the rest is on disk alone', async () => {
  const sink = new IdSink()
  down(sink)
  const { submit, runner } = start(sink, { memoryBytes: 10_000 })
  for (const n of numbers(2000)) void submit(n)
  await submit(2001)
  await wait(100)
  const { outbox } = runner.snapshot()
  assert.equal(outbox!.entries, 2001)
  assert.ok(outbox!.memoryBytes <= 10_000, `${outbox!.memoryBytes}`)
  assert.ok(sink.prepared.length <= 40, `${sink.prepared.length} are with the target`)
  up(sink)
  await until(() => sink.stored.length === 2001, 'forwarding')
  assert.deepEqual(sink.stored, numbers(2001))
})

test('behind a lane that is held, four full batches pass, however small the parts in which they come', async () => {
  const sink = new IdSink()
  const lane = (n: number) => String(n % 3)
  sink.laneOf = lane
  sink.behaviour = (batch) => {
    const held = batch.flatMap((n, index) => (lane(n) === '1' ? [{ index, error: outage() }] : []))
    if (held.length === batch.length) throw outage()
    return { rejected: [], held }
  }
  const { submit } = start(sink)
  await submit(...numbers(3))
  await until(() => sink.stored.length === 2, 'the lanes that are not held')
  // Each is handed out before the next comes: none of them waits for a batch to fill.
  for (const n of numbers(28, 4)) {
    await submit(n)
    await until(() => sink.prepared.length >= n, `number ${n}`)
  }
  for (const n of numbers(60, 32)) await submit(n)
  await wait(50)
  assert.ok(sink.prepared.length <= 40, `${sink.prepared.length} are with the target`)
  await until(() => sink.stored.length >= 20, 'the other lanes')
  up(sink)
  await until(() => sink.stored.length === 91, 'the rest')
  const inLane = (list: readonly number[], name: string) => list.filter((n) => lane(n) === name)
  for (const name of ['0', '1', '2']) assert.deepEqual(inLane(sink.stored, name), inLane(numbers(91), name))
})

/** Whoever takes a lock of these notices within milliseconds that it is gone. */
const watchful: FileLayer = {
  ...nodeFiles,
  lock: (place, signal) => lockDirectory(place, signal, { beatMs: 10, staleMs: 200 }),
}

test('an outbox whose lock file is removed is opened again, and everything is settled and forwarded in order', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, runner } = start(sink, { files: watchful, batchRecords: 1 })
  for (const n of numbers(10)) await submit(n)
  await until(() => sink.batches.length > 0, 'a write')
  rmSync(path.join(directory, 'lock'))
  const settled: Promise<Settled>[] = []
  for (const n of numbers(20, 11)) {
    settled.push(submit(n))
    await wait(5)
  }
  for (const one of await Promise.all(settled)) assert.equal(one.status, 'stored')
  // What was being stored when the lock was lost may be there twice.
  await until(() => (runner.snapshot().outbox?.entries ?? 0) >= 30, 'the depth')
  assert.equal(runner.snapshot().outbox!.error, undefined)
  up(sink)
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
  assert.deepEqual([...new Set(sink.stored)], numbers(30))
})

test('nothing is settled that went into a deleted file: it is stored in a new one', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, runner } = start(sink)
  await submit(1)
  for (const name of readdirSync(directory)) if (name.endsWith('.seg')) rmSync(path.join(directory, name))
  idsOf(await submit(2))
  assert.equal(readdirSync(directory).filter((name) => name.endsWith('.seg')).length, 1)
  await runner.close(100)
  const next = new MemorySink()
  const after = start(next)
  await until(() => next.stored.length > 0 && after.runner.snapshot().outbox!.entries === 0, 'forwarding')
  assert.deepEqual(next.stored, [2])
})

test('an outbox whose folder is removed settles nothing until it has another, and nothing of that is lost', async () => {
  const sink = new MemorySink()
  down(sink)
  const { submit, runner } = start(sink, { files: watchful })
  await submit(1)
  rmSync(directory, { recursive: true })
  const settled = await Promise.all(numbers(5, 2).map((n) => submit(n)))
  for (const one of settled) assert.equal(one.status, 'stored')
  await runner.close(100)
  const next = new MemorySink()
  start(next)
  await until(() => next.stored.length === 5, 'forwarding')
  assert.deepEqual(next.stored, numbers(5, 2))
})

test('while another has the lock an outbox holds what is submitted, says so, and goes on when it is free', async () => {
  const sink = new MemorySink()
  const { submit, runner } = start(sink, { files: watchful })
  await submit(1)
  const lock = path.join(directory, 'lock')
  writeFileSync(lock, JSON.stringify({ pid: process.pid, host: 'elsewhere', space: 'x', started: '1' }))
  await until(() => runner.snapshot().outbox === undefined, 'the loss')
  const second = submit(2)
  assert.equal((runner.snapshot().error as PipelineError | undefined)?.code, 'OUTBOX_LOCKED')
  for (let n = 0; n < 30; n++) {
    utimesSync(lock, new Date(), new Date())
    await wait(10)
  }
  assert.equal(runner.snapshot().outbox, undefined)
  rmSync(lock)
  idsOf(await second)
  await until(() => sink.stored.includes(2), 'forwarding')
  assert.equal(runner.snapshot().error, undefined)
})

test('a full outbox blocks until the target takes some', async () => {
  const sink = new MemorySink()
  down(sink)
  const { runner, settled, submit } = start(sink, { maxBytes: 20_000 })
  for (const n of numbers(1000)) void submit(n)
  await until(() => (runner.snapshot().error as PipelineError | undefined)?.code === 'OUTBOX_FULL', 'the block')
  const stored = settled.filter(({ length }) => length === 1).length
  assert.ok(stored < 1000, `${stored}`)
  up(sink)
  await until(() => sink.stored.length === 1000, 'forwarding')
  assert.deepEqual(sink.stored, numbers(1000))
  assert.ok(settled.every(({ length }) => length === 1))
})

test('drop-oldest takes everything, counts what it gives up and forwards the newest in order', async () => {
  const sink = new MemorySink()
  const gate = createGate()
  sink.behaviour = () => gate.opened.then(() => ({ rejected: [] }))
  let dropped = 0
  const { runner, submit } = start(sink, {
    maxBytes: 20_000,
    whenFull: 'drop-oldest',
    onDropped: (entries) => {
      dropped += entries
    },
  })
  for (const n of numbers(1000)) await submit(n)
  assert.ok(dropped > 500, `${dropped}`)
  assert.equal(runner.snapshot().outbox!.dropped, dropped)
  gate.open()
  await until(() => runner.snapshot().outbox!.entries === 0, 'an empty outbox')
  assert.equal(sink.stored.at(-1), 1000)
  assert.deepEqual(
    sink.stored,
    sink.stored.toSorted((a, b) => a - b),
  )
})

test('a disk that never answers does not keep the runner from closing', async () => {
  let asked = 0
  const list = () => {
    asked++
    return new Promise<never>(() => {})
  }
  const { runner } = start(new MemorySink(), { files: { ...nodeFiles, list } })
  await until(() => asked > 0, 'the disk to be asked')
  assert.ok((await timed(() => runner.close(8000))) < 4000)
})
