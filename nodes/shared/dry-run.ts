import { toPipelineError } from '../../src/core/errors.ts'
import { encodePayload, type Record } from '../../src/core/record.ts'
import type { Rejection, Sink } from '../../src/core/sink.ts'
import type { RecordRunner, RunnerSnapshot, Settled } from '../../src/core/sink-runner.ts'

const LONGEST = 300

/**
 * In the place of a sink's runner: says what would be written and settles it. What the sink itself would refuse is
 * refused here as well. The target is never opened, and what an outbox still holds stays there.
 */
export class DryRun<Request> implements RecordRunner {
  readonly #sink: Pick<Sink<Request>, 'prepare'>
  readonly #log: (line: string) => void
  #logged = 0
  #rejected = 0
  #isClosed = false

  constructor(sink: Pick<Sink<Request>, 'prepare'>, log: (line: string) => void) {
    this.#sink = sink
    this.#log = log
  }

  start(): void {}

  submit(records: readonly Record[], onSettled: (settled: Settled) => void): void {
    if (this.#isClosed) {
      onSettled({ status: 'released' })
      return
    }
    const rejected = records.flatMap((record, index) => this.#check(record, index))
    this.#rejected += rejected.length
    this.#logged += records.length - rejected.length
    onSettled({ status: 'written', rejected })
  }

  snapshot(): RunnerSnapshot {
    return {
      phase: this.#isClosed ? 'closed' : 'ready',
      error: undefined,
      failingSince: undefined,
      pendingRecords: 0,
      oldestPendingAt: undefined,
      confirmed: this.#logged,
      rejected: this.#rejected,
      retries: 0,
      failures: 0,
      lastFailure: undefined,
      counters: {},
      weaknesses: [],
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  #check(record: Record, index: number): readonly Rejection[] {
    try {
      this.#sink.prepare(record)
      this.#log(`dry run, not written: ${record.topic} ${shown(record)}`)
      return []
    } catch (error) {
      return [{ index, error: toPipelineError(error) }]
    }
  }
}

function shown({ payload }: Record): string {
  const bytes = encodePayload(payload)
  const text = Buffer.from(bytes.subarray(0, LONGEST)).toString()
  if (text.includes('\0') || text.includes('\ufffd')) return `${bytes.length} bytes`
  return bytes.length > LONGEST ? `${text}…` : text
}
