import { Batcher, type BatchLimits } from './batcher.ts'
import { type ByteBudget, unlimited } from './byte-budget.ts'
import { PipelineError, toPipelineError } from './errors.ts'
import { byLane, type Held, HeldLanes, shownOf, writeOnce } from './held-lanes.ts'
import type { Record } from './record.ts'
import { pause, retryDelayMs } from './retry.ts'
import type { Rejection, Sink, WriteResult } from './sink.ts'
import { Tally } from './tally.ts'

export interface RunnerOptions extends BatchLimits {
  /** 0 = for ever. */
  readonly maxRetries: number
  readonly retryBackoffMs: number
  readonly maxRetryBackoffMs: number
  readonly onError: 'retry' | 'dead-letter' | 'stop'
}

/**
 * `written`: the target has every record that is not rejected. `stored`: every record survives a power cut here and is
 * on its way; `ids` makes the list of what they are known by. `released`: the runner was closed before; nobody may
 * acknowledge them.
 */
export type Settled = Written | { readonly status: 'stored'; readonly ids: () => readonly string[] }
export type Written =
  | { readonly status: 'written'; readonly rejected: readonly Rejection[] }
  | { readonly status: 'released' }

/** What a sink's node talks to, whatever the delivery mode. */
export interface RecordRunner {
  start(): void
  /** Never throws, and settles once; a record that cannot be written is one of the rejected. */
  submit(records: readonly Record[], onSettled: (settled: Settled) => void): void
  snapshot(): RunnerSnapshot
  /** Goes on for up to `graceMs`, then gives up; what is not settled by then is released. */
  close(graceMs: number): Promise<void>
}

export interface RunnerSnapshot {
  readonly phase: 'opening' | 'ready' | 'failing' | 'closed'
  readonly error: PipelineError | undefined
  /** Wall-clock ms since when writes have failed without a success; undefined while all is well. */
  readonly failingSince: number | undefined
  readonly pendingRecords: number
  /** Wall-clock ms when the oldest of them came in; undefined when there is none. */
  readonly oldestPendingAt: number | undefined
  readonly confirmed: number
  readonly rejected: number
  /** Failed attempts to open or write since start. */
  readonly retries: number
  /** Of them, those since the last success. */
  readonly failures: number
  /** The latest of their errors, also when all is well again, and its wall-clock ms. */
  readonly lastFailure: { readonly error: PipelineError; readonly at: number } | undefined
  /** The sink's own. */
  readonly counters: NonNullable<Sink['counters']>
  readonly weaknesses: NonNullable<Sink['weaknesses']>
}

interface Submission {
  open: number
  /** Wall-clock ms. */
  readonly since: number
  readonly rejected: Rejection[]
  readonly onSettled: (settled: Written) => void
}

interface Pending<Request> {
  readonly request: Request
  readonly index: number
  readonly bytes: number
  readonly lane: string | undefined
  readonly submission: Submission
  readonly route: string | undefined
  readonly receivedAt: number
}

/**
 * Batches, writes, retries and settles for every sink, one write at a time, in the order of submission; where a target
 * takes a part of a batch only, in that order per lane.
 * A submission is settled when the target has confirmed or refused each of its records.
 */
export class SinkRunner<Request> implements RecordRunner {
  readonly #sink: Sink<Request>
  readonly #options: RunnerOptions
  readonly #budget: ByteBudget
  readonly #tally: Tally
  readonly #batcher: Batcher<Pending<Request>>
  readonly #held: HeldLanes<Pending<Request>>
  readonly #abort = new AbortController()
  readonly #submissions = new Set<Submission>()
  #wake: (() => void) | undefined
  #opened = false
  #closing = false
  #running: Promise<void> | undefined
  #state: { phase: RunnerSnapshot['phase']; error?: PipelineError; failingSince?: number } = { phase: 'opening' }
  #pendingRecords = 0
  #pendingBytes = 0
  #confirmed = 0
  #rejected = 0
  #retries = 0
  #failures = 0
  #lastFailure: RunnerSnapshot['lastFailure']

  constructor(sink: Sink<Request>, options: RunnerOptions, budget: ByteBudget = unlimited, tally = new Tally()) {
    this.#sink = sink
    this.#options = options
    this.#budget = budget
    this.#tally = tally
    this.#batcher = new Batcher(options, () => this.#wake?.())
    this.#held = new HeldLanes({ baseMs: options.retryBackoffMs, maxMs: options.maxRetryBackoffMs }, () =>
      this.#wake?.(),
    )
  }

  /** Opens the sink in the background, for as long as it takes. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Never throws: a record that cannot be prepared is one of the rejected. */
  submit(records: readonly Record[], onSettled: (settled: Written) => void): void {
    const submission: Submission = { open: records.length, since: Date.now(), rejected: [], onSettled }
    if (this.#closing || records.length === 0) {
      onSettled(this.#closing ? { status: 'released' } : { status: 'written', rejected: [] })
      return
    }
    this.#submissions.add(submission)
    this.#pendingRecords += records.length
    for (const [index, record] of records.entries()) {
      try {
        const { request, bytes, lane } = this.#sink.prepare(record)
        this.#hold(bytes)
        const { route, receivedAt } = record
        this.#batcher.add({ request, index, bytes, lane, submission, route, receivedAt }, bytes)
      } catch (error) {
        const { route, receivedAt } = record
        this.#finish({ submission, index, bytes: 0, route, receivedAt }, toPipelineError(error))
      }
    }
  }

  snapshot(): RunnerSnapshot {
    const held = this.#held.trouble
    const { phase, error = held?.error ?? this.#sink.trouble, failingSince = held?.since } = this.#state
    return {
      phase,
      error,
      failingSince,
      pendingRecords: this.#pendingRecords,
      oldestPendingAt: this.#submissions.values().next().value?.since,
      confirmed: this.#confirmed,
      rejected: this.#rejected,
      retries: this.#retries,
      failures: Math.max(this.#failures, this.#held.failures),
      lastFailure: this.#lastFailure,
      counters: this.#sink.counters ?? {},
      weaknesses: this.#sink.weaknesses ?? [],
    }
  }

  /** Writes what it has for up to `graceMs`, then gives up; what is not confirmed by then is released. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#batcher.close()
    this.#held.close()
    this.#wake?.()
    const deadline = setTimeout(() => this.#abort.abort(), graceMs)
    if (this.#state.phase !== 'ready') this.#abort.abort()
    await Promise.race([this.#running, afterAbort(this.#abort.signal, 1000)])
    clearTimeout(deadline)
    this.#abort.abort()
    // A write that ended meanwhile may have left something here.
    this.#held.close()
    this.#state = { phase: 'closed' }
    for (const { onSettled } of this.#submissions) onSettled({ status: 'released' })
    this.#submissions.clear()
    this.#pendingRecords = 0
    this.#hold(-this.#pendingBytes)
    await this.#sink.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    await this.#untilDone(() => this.#open())
    while (!signal.aborted && (!this.#closing || this.#batcher.records > 0)) {
      if (this.#held.due) await this.#replay()
      else if (this.#batcher.ready) await this.#write(this.#batcher.take().items)
      else await this.#nextBatch()
    }
  }

  async #open(): Promise<void> {
    if (this.#opened) return
    await this.#sink.open(this.#abort.signal)
    this.#opened = true
  }

  #hold(bytes: number): void {
    this.#pendingBytes += bytes
    this.#budget.add(bytes)
  }

  #nextBatch(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
      if (this.#closing || this.#abort.signal.aborted) this.#wake()
    })
  }

  /** Confirms, rejects or holds every record of the batch; leaves records open only when the runner is closed. */
  async #write(items: readonly Pending<Request>[]): Promise<void> {
    const batch = this.#held.pass(items)
    if (batch.length === 0) return
    const result = await this.#untilDone(async () => {
      await this.#open()
      return this.#attempt(batch)
    })
    if (result === undefined) return
    if (result instanceof PipelineError) return this.#isolate(batch, result)
    const held = this.#settle(batch, result)
    if (held) this.#put(held)
  }

  /** The oldest of what is held, once: it must not keep the rest waiting. */
  async #replay(): Promise<void> {
    const { batchRecords, batchBytes } = this.#options
    const held = await writeOnce(this.#held.take(batchRecords, batchBytes), {
      write: async (batch) => {
        const result = await this.#attempt(batch)
        return this.#abort.signal.aborted ? undefined : this.#settle(batch, result)
      },
      reject: (item, error) => this.#abort.signal.aborted || this.#finish(item, error),
    })
    if (this.#abort.signal.aborted) return
    if (held) this.#put(held)
    else this.#held.settle()
  }

  async #attempt(batch: readonly Pending<Request>[]): Promise<WriteResult> {
    const requests = batch.map(({ request }) => request)
    const result = checked(await this.#sink.write(requests, this.#abort.signal), batch.length)
    const [first] = result.held ?? []
    if (first && this.#options.onError === 'stop') throw first.error
    return result
  }

  /** Finishes what is confirmed or rejected and gives the rest. */
  #settle(
    batch: readonly Pending<Request>[],
    { rejected, held = [] }: WriteResult,
  ): Held<Pending<Request>> | undefined {
    const rejections = new Map(rejected.map(({ index, error }) => [index, error]))
    const errors = new Map(held.map(({ index, error }) => [batch[index]!, error]))
    for (const [i, pending] of batch.entries()) if (!errors.has(pending)) this.#finish(pending, rejections.get(i))
    if (held.length === 0) return undefined
    return { items: batch.filter((pending) => errors.has(pending)), error: shownOf([...errors.values()]), errors }
  }

  #put(held: Held<Pending<Request>>): void {
    this.#retries++
    this.#lastFailure = { error: held.error, at: Date.now() }
    const over = new Set<Pending<Request>>()
    const kept: PipelineError[] = []
    for (const { items, error } of byLane(held)) {
      const failures = this.#held.failuresOf(items[0]!)
      if (!this.#isExhausted(error, failures)) kept.push(error)
      else
        for (const item of items) {
          over.add(item)
          this.#finish(item, exhausted(error, failures))
        }
    }
    if (kept.length === 0) this.#held.settle()
    else this.#held.put({ items: held.items.filter((item) => !over.has(item)), error: shownOf(kept) })
  }

  /** The target refuses the batch as a whole: halve it until the record at fault is alone. */
  async #isolate(batch: readonly Pending<Request>[], error: PipelineError): Promise<void> {
    const [only] = batch
    if (error.code === 'RETRIES_EXHAUSTED') {
      for (const pending of batch) this.#finish(pending, this.#sink.isStored?.(pending.request) ? undefined : error)
      return
    }
    if (batch.length === 1 && only) return this.#finish(only, error)
    const middle = batch.length >> 1
    await this.#write(batch.slice(0, middle))
    await this.#write(batch.slice(middle))
  }

  /** Repeats until success. Returns the error when the records are at fault, undefined when the runner is closed. */
  async #untilDone<T>(attempt: () => Promise<T>): Promise<T | PipelineError | undefined> {
    const { signal } = this.#abort
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const result = await attempt()
        if (signal.aborted) return undefined
        this.#state = { phase: 'ready' }
        this.#failures = 0
        return result
      } catch (thrown) {
        if (signal.aborted) return undefined
        const error = toPipelineError(thrown)
        if (error.disposition === 'reject') {
          this.#state = { phase: 'ready' }
          return error
        }
        this.#fail(error)
        if (this.#isExhausted(error, failures)) return exhausted(error, failures)
        await this.#waitAfter(error, failures)
      }
    }
    return undefined
  }

  /** What an operator has to put right is held, however often it fails. */
  #isExhausted({ disposition }: PipelineError, failures: number): boolean {
    const { maxRetries, onError } = this.#options
    if (disposition !== 'retry' || this.#pendingRecords === 0) return false
    return onError === 'dead-letter' || (onError === 'retry' && maxRetries > 0 && failures >= maxRetries)
  }

  #fail(error: PipelineError): void {
    this.#retries++
    this.#failures++
    this.#lastFailure = { error, at: Date.now() }
    const isStopped = this.#options.onError === 'stop' && error.disposition !== 'fatal'
    const shown = isStopped ? new PipelineError('STOPPED', { problem: error.message }, error) : error
    this.#state = { phase: 'failing', error: shown, failingSince: this.#state.failingSince ?? Date.now() }
  }

  async #waitAfter(error: PipelineError, failures: number): Promise<void> {
    const { signal } = this.#abort
    const { retryBackoffMs, maxRetryBackoffMs, onError } = this.#options
    if (this.#closing) return this.#abort.abort()
    if (error.disposition === 'fatal' || onError === 'stop') return untilAborted(signal)
    await pause(retryDelayMs(failures, { baseMs: retryBackoffMs, maxMs: maxRetryBackoffMs }), signal)
  }

  #finish(pending: Omit<Pending<Request>, 'request' | 'lane'>, error: PipelineError | undefined): void {
    const { submission, index, bytes, route, receivedAt } = pending
    this.#hold(-bytes)
    if (error) {
      submission.rejected.push({ index, error })
      this.#rejected++
    } else {
      this.#confirmed++
      this.#tally.confirmed(route, Date.now() - receivedAt)
    }
    this.#pendingRecords--
    if (--submission.open > 0) return
    this.#submissions.delete(submission)
    submission.onSettled({ status: 'written', rejected: submission.rejected })
  }
}

const exhausted = (error: PipelineError, failures: number) =>
  new PipelineError('RETRIES_EXHAUSTED', { attempts: failures + 1, problem: error.message }, error)

/** accepted + rejected + held = batch, always: a sink that names others would have some confirmed that are not. */
function checked(result: WriteResult, records: number): WriteResult {
  const list = [...result.rejected, ...(result.held ?? [])].map(({ index }) => index)
  const named = new Set(list)
  if (named.size !== list.length || list.some((i) => !Number.isInteger(i) || i < 0 || i >= records))
    throw new Error(`the sink rejected records that are not in its batch of ${records}`)
  return result
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function afterAbort(signal: AbortSignal, ms: number): Promise<void> {
  await untilAborted(signal)
  await pause(ms, AbortSignal.timeout(ms + 1000))
}
