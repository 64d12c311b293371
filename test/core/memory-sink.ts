import { setImmediate as turn } from 'node:timers/promises'
import type { ByteBudget } from '../../src/core/byte-budget.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { Prepared, Sink, WriteResult } from '../../src/core/sink.ts'
import { type RunnerOptions, SinkRunner, type Written } from '../../src/core/sink-runner.ts'

export type Behaviour = (batch: readonly number[], signal: AbortSignal) => WriteResult | Promise<WriteResult>

export const outage = () => new PipelineError('TARGET_UNREACHABLE', { target: 'memory', problem: 'gone' })
export const poisonous = (n: number) => new PipelineError('RECORD_INVALID', { target: 'memory', problem: `bad ${n}` })
export const allWritten: WriteResult = { rejected: [] }

/** A target in memory that does what its behaviour says, and notices when it is not used as a sink may be. */
export class MemorySink implements Sink<number> {
  readonly batches: (readonly number[])[] = []
  /** What the behaviour has confirmed, in order. */
  readonly stored: number[] = []
  readonly misuses: string[] = []
  opened = 0
  closed = 0
  openFailures: Error[] = []
  trouble: PipelineError | undefined
  behaviour: Behaviour = () => allWritten
  laneOf: (n: number) => string | undefined = () => undefined
  #writing = false

  async open(): Promise<void> {
    this.opened++
    await turn()
    const failure = this.openFailures.shift()
    if (failure) throw failure
  }

  prepare({ payload }: Record): Prepared<number> {
    if (typeof payload !== 'number') throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: 'no number' })
    return { request: payload, bytes: 10, lane: this.laneOf(payload) }
  }

  async write(batch: readonly number[], signal: AbortSignal): Promise<WriteResult> {
    if (this.#writing) this.misuses.push('a write during a write')
    if (this.opened === 0) this.misuses.push('a write before open')
    if (this.closed > 0) this.misuses.push('a write after close')
    if (batch.length === 0) this.misuses.push('an empty batch')
    this.#writing = true
    this.batches.push(batch)
    try {
      await turn()
      const result = await this.behaviour(batch, signal)
      const others = new Set([...result.rejected, ...(result.held ?? [])].map(({ index }) => index))
      this.stored.push(...batch.filter((_, i) => !others.has(i)))
      return result
    } finally {
      this.#writing = false
    }
  }

  async close(): Promise<void> {
    this.closed++
  }
}

/** Writes all of a batch, or nothing of it if one of these is in it. */
export function refusing(...poison: readonly number[]): Behaviour {
  return (batch) => {
    const bad = batch.find((n) => poison.includes(n))
    if (bad !== undefined) throw poisonous(bad)
    return allWritten
  }
}

export const reading = (payload: number | string): Record => ({
  topic: 't',
  payload,
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 0,
})

export const quick: RunnerOptions = {
  batchRecords: 10,
  batchBytes: 1 << 20,
  lingerMs: 0,
  maxRetries: 0,
  retryBackoffMs: 1,
  maxRetryBackoffMs: 2,
  onError: 'retry',
}

/** A runner whose every submission's settlements are recorded: exactly one each is right. */
export function startRunner(sink: Sink<number>, changed: Partial<RunnerOptions> = {}, budget?: ByteBudget) {
  const runner = new SinkRunner(sink, { ...quick, ...changed }, budget)
  const settlements: Written[][] = []
  runner.start()
  return {
    runner,
    settlements,
    submit: (...payloads: readonly (number | string)[]): Promise<Written> => {
      const mine: Written[] = []
      settlements.push(mine)
      return new Promise((resolve) =>
        runner.submit(payloads.map(reading), (settled) => {
          mine.push(settled)
          resolve(settled)
        }),
      )
    },
    settledOnce: () => settlements.every(({ length }) => length === 1),
  }
}

export function createGate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

export const written: Written = { status: 'written', rejected: [] }
export const released: Written = { status: 'released' }

/** Index and code of each rejected record, in the order of the indices. */
export function rejections(settled: Written): string[] {
  if (settled.status === 'released') return ['released']
  return settled.rejected.toSorted((a, b) => a.index - b.index).map(({ index, error }) => `${index} ${error.code}`)
}
