import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Record } from '../../src/core/record.ts'
import type { Sink } from '../../src/core/sink.ts'
import { type RecordRunner, type RunnerOptions, type Settled, SinkRunner } from '../../src/core/sink-runner.ts'
import { OutboxRunner, type OutboxRunnerSnapshot, type Refused } from '../../src/outbox/outbox-runner.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { range, reading, rows, type SinkHarness } from './sink-harness.ts'

export type Mode = 'confirm' | 'outbox'

const usual = {
  batchRecords: 100,
  batchBytes: 1 << 26,
  lingerMs: 1,
  maxRetries: 0,
  retryBackoffMs: 10,
  maxRetryBackoffMs: 100,
  onError: 'retry' as const,
}
const outboxOptions = { maxBytes: 1 << 28, maxAgeMs: 0, whenFull: 'block' as const, forwardPerSecond: 0 }
const graceMs = 5000

export interface Running {
  readonly runner: RecordRunner
  /** How often each submission was settled, in their order. */
  readonly settlements: number[]
  /** Of an outbox: what its target has refused. */
  readonly refused: Refused[]
  /** Says that the refused records are safe. */
  release(): void
  submit(records: readonly Record[]): Promise<Settled>
}

export function startRunner<R>(
  sink: Sink<R>,
  mode: Mode,
  directory: string,
  changes: Partial<RunnerOptions> = {},
): Running {
  const options = { ...usual, ...changes }
  const settlements: number[] = []
  const refused: Refused[] = []
  const waiting: (() => void)[] = []
  const inner = new SinkRunner(sink, options)
  const onRefused = (records: readonly Refused[], then: () => void) => {
    refused.push(...records)
    waiting.push(then)
  }
  const outbox = { ...options, ...outboxOptions, directory }
  const runner: RecordRunner = mode === 'confirm' ? inner : new OutboxRunner(inner, outbox, onRefused)
  runner.start()
  return {
    runner,
    settlements,
    refused,
    release: () => {
      for (const then of waiting.splice(0)) then()
    },
    submit: (records) => {
      const at = settlements.push(0) - 1
      return new Promise((resolve) =>
        runner.submit(records, (settled) => {
          settlements[at]!++
          resolve(settled)
        }),
      )
    },
  }
}

const readings = (from: number, to: number) => range(from, to).map((n) => reading(n))
const statuses = (settled: readonly Settled[]) => new Set(settled.map(({ status }) => status))
const ones = (count: number) => range(0, count).map(() => 1)
export const entriesOf = ({ runner }: Running) => (runner.snapshot() as OutboxRunnerSnapshot).outbox?.entries
const isFailing =
  ({ runner }: Running) =>
  () =>
    runner.snapshot().phase === 'failing'

/** What every sink keeps behind the runner of each delivery mode, held against the real target. */
export function runnerContract<R>(create: (name: string) => Sink<R>, harness: SinkHarness): void {
  const directories = temporaryDirectory('runner-contract')
  const started = (name: string, mode: Mode) => startRunner(create(name), mode, `${directories}/${name}`)
  /** At least once, in the order of the first time. */
  const firsts = async (name: string) => [...new Set((await harness.readBack(name)).map((row) => JSON.stringify(row)))]
  const holds = async (name: string, numbers: readonly number[]) => {
    const expected = rows(numbers).map((row) => JSON.stringify(row))
    await until(async () => (await firsts(name)).length >= expected.length, { what: 'the records', timeoutMs: 30_000 })
    assert.deepEqual(await firsts(name), expected)
  }
  const emptied = (running: Running) =>
    until(() => entriesOf(running) === 0, { what: 'an empty outbox', timeoutMs: 30_000 })

  for (const [mode, status] of [['confirm', 'written'] as const, ['outbox', 'stored'] as const]) {
    it(`in mode ${mode} settles each submission once, and has everything in the target in order`, async () => {
      const name = `${mode}-order`
      const running = started(name, mode)
      const settled = await Promise.all(range(0, 50).map((i) => running.submit(readings(i * 10, i * 10 + 10))))
      assert.deepEqual(statuses(settled), new Set([status]))
      if (mode === 'confirm')
        assert.deepEqual(
          await firsts(name),
          rows(range(0, 500)).map((row) => JSON.stringify(row)),
        )
      else await emptied(running)
      await holds(name, range(0, 500))
      await running.runner.close(graceMs)
      assert.deepEqual(running.settlements, ones(50))
    })

    it(`in mode ${mode} loses nothing when the target is away and comes back`, async () => {
      const name = `${mode}-broken`
      const running = started(name, mode)
      await running.submit(readings(0, 10))
      await holds(name, range(0, 10))
      await harness.breakTarget(name)
      const waiting = range(1, 4).map((i) => running.submit(readings(i * 10, i * 10 + 10)))
      if (mode === 'outbox') {
        const settled = await Promise.all(waiting)
        const ids = settled.flatMap((each) => (each.status === 'stored' ? each.ids() : []))
        assert.equal(new Set(ids).size, 30, 'what is stored has names, each its own')
      }
      await until(isFailing(running), { what: 'the failure', timeoutMs: 30_000 })
      assert.deepEqual(running.settlements.slice(1), mode === 'outbox' ? ones(3) : [0, 0, 0])
      await harness.healTarget(name)
      assert.deepEqual(statuses(await Promise.all(waiting)), new Set([status]))
      await holds(name, range(0, 40))
      await running.runner.close(graceMs)
      assert.deepEqual(running.settlements, ones(4))
    })

    it(`in mode ${mode} acknowledges nothing once it is closed, and the next runner delivers the rest`, async () => {
      const name = `${mode}-closed`
      const running = started(name, mode)
      await running.submit(readings(0, 10))
      await holds(name, range(0, 10))
      await harness.breakTarget(name)
      const waiting = range(1, 4).map((i) => running.submit(readings(i * 10, i * 10 + 10)))
      await until(isFailing(running), { what: 'the failure', timeoutMs: 30_000 })
      await running.runner.close(graceMs)
      assert.deepEqual(statuses(await Promise.all(waiting)), new Set([mode === 'confirm' ? 'released' : 'stored']))
      assert.equal((await running.submit(readings(90, 99))).status, 'released')
      await harness.healTarget(name)
      const next = started(name, mode)
      if (mode === 'confirm') await next.submit(readings(10, 40))
      await next.submit(readings(40, 50))
      await holds(name, range(0, 50))
      await next.runner.close(graceMs)
      assert.deepEqual(running.settlements, ones(5))
    })
  }

  const poisoned = () => range(0, 20).map((n) => (n === 7 ? harness.poison : reading(n)))
  const healthy = range(0, 20).filter((n) => n !== 7)

  it('in mode confirm names the record that the target refuses when it has the others', async () => {
    const running = started('confirm-poison', 'confirm')
    const settled = await running.submit(poisoned())
    assert.deepEqual(
      settled.status === 'written' && settled.rejected.map(({ index, error }) => [index, error.disposition]),
      [[7, 'reject']],
    )
    await holds('confirm-poison', healthy)
    await running.runner.close(graceMs)
  })

  it('in mode outbox keeps the record that the target refuses until it is safe elsewhere', async () => {
    const name = 'outbox-poison'
    const isRefused = (running: Running) => {
      const { topic, payload } = harness.poison
      assert.deepEqual(
        running.refused.map(({ record, error }) => [record.topic, record.payload, error.disposition]),
        [[topic, payload, 'reject']],
      )
    }
    const first = started(name, 'outbox')
    assert.equal((await first.submit(poisoned())).status, 'stored')
    await until(() => first.refused.length > 0, { what: 'the refusal', timeoutMs: 30_000 })
    await holds(name, healthy)
    isRefused(first)
    assert.notEqual(entriesOf(first), 0)
    await first.runner.close(graceMs)
    const second = started(name, 'outbox')
    await until(() => second.refused.length > 0, { what: 'the refusal after the restart', timeoutMs: 30_000 })
    isRefused(second)
    second.release()
    await emptied(second)
    await second.runner.close(graceMs)
    const third = started(name, 'outbox')
    await third.submit(readings(20, 21))
    await emptied(third)
    assert.deepEqual(third.refused, [])
    await holds(name, [...healthy, 20])
    await third.runner.close(graceMs)
  })
}
