import { readdirSync } from 'node:fs'
import type { Record } from '../core/record.ts'
import { pause } from '../core/retry.ts'
import type { RecordRunner, RunnerSnapshot, Settled } from '../core/sink-runner.ts'
import type { OutboxRunner, OutboxRunnerSnapshot } from './outbox-runner.ts'
import { segmentNumber } from './segment.ts'

/** Between two looks whether the outbox is empty. */
const LOOK_MS = 50
const OUTBOX_CLOSE_MS = 4000

/** Whether an outbox has left files in the directory. True also when nobody can tell: opening it says why. */
export function isOutbox(directory: string): boolean {
  try {
    return readdirSync(directory).some((name) => segmentNumber(name) !== undefined)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code !== 'ENOENT' && code !== 'ENOTDIR'
  }
}

/**
 * A sink's runner whose node had an outbox before: what that still holds is forwarded first, in order. What is submitted
 * meanwhile waits, then goes to the runner, and the outbox is closed.
 */
export class DrainFirst implements RecordRunner {
  readonly #runner: RecordRunner
  readonly #outbox: OutboxRunner
  readonly #abort = new AbortController()
  #waiting: { readonly records: readonly Record[]; readonly onSettled: (settled: Settled) => void }[] = []
  #draining: Promise<void> | undefined
  #isDrained = false

  constructor(runner: RecordRunner, outboxOver: (runner: RecordRunner) => OutboxRunner) {
    this.#runner = runner
    this.#outbox = outboxOver({
      start: () => runner.start(),
      submit: (records, onSettled) => runner.submit(records, onSettled),
      snapshot: () => runner.snapshot(),
      // The runner outlives the outbox, unless both are closed.
      close: (graceMs) => (this.#abort.signal.aborted ? runner.close(graceMs) : Promise.resolve()),
    })
  }

  start(): void {
    this.#outbox.start()
    this.#draining ??= this.#drain()
  }

  submit(records: readonly Record[], onSettled: (settled: Settled) => void): void {
    if (this.#isDrained) this.#runner.submit(records, onSettled)
    else if (this.#abort.signal.aborted) onSettled({ status: 'released' })
    else this.#waiting.push({ records, onSettled })
  }

  snapshot(): RunnerSnapshot | OutboxRunnerSnapshot {
    return (this.#isDrained ? this.#runner : this.#outbox).snapshot()
  }

  async close(graceMs: number): Promise<void> {
    this.#abort.abort()
    await this.#draining
    for (const { onSettled } of this.#waiting.splice(0)) onSettled({ status: 'released' })
    await (this.#isDrained ? this.#runner : this.#outbox).close(graceMs)
  }

  async #drain(): Promise<void> {
    const { signal } = this.#abort
    while (this.#outbox.snapshot().outbox?.entries !== 0) {
      await pause(LOOK_MS, signal)
      if (signal.aborted) return
    }
    await this.#outbox.close(OUTBOX_CLOSE_MS)
    this.#isDrained = true
    for (const { records, onSettled } of this.#waiting.splice(0)) this.#runner.submit(records, onSettled)
  }
}
