import { messageOf, PipelineError, toPipelineError } from '../core/errors.ts'
import type { Record } from '../core/record.ts'
import { pause, retryDelayMs, within } from '../core/retry.ts'
import type { RecordRunner, RunnerSnapshot, Settled } from '../core/sink-runner.ts'
import { type Forwarded, OnTheWay } from './on-the-way.ts'
import { diskBackoff, Outbox, type OutboxEntry, type OutboxOptions, type OutboxSnapshot } from './outbox.ts'
import { decodeRecord, encodeRecord } from './record-codec.ts'

export interface OutboxRunnerOptions extends OutboxOptions {
  /** How many records are taken from the disk together, and in what size. */
  readonly batchRecords: number
  readonly batchBytes: number
  /** Most records forwarded in a second; 0 = as fast as the target takes them. */
  readonly forwardPerSecond: number
}

export interface Refused {
  readonly record: Record
  readonly error: PipelineError
}

export interface OutboxRunnerSnapshot extends RunnerSnapshot {
  /** Undefined until the outbox is open. */
  readonly outbox: (OutboxSnapshot & { readonly directory: string }) | undefined
}

/** Of the grace at close, what the outbox may need after the target. */
const OUTBOX_CLOSE_MS = 3000
/** How long a close waits for a disk that does not answer. */
const OUTBOX_HANGS_MS = 1000

interface Submitted {
  readonly entries: readonly Uint8Array[]
  readonly onSettled: (settled: Settled) => void
}

/**
 * Settles records when they are on disk, and forwards them in the background, in order, through the sink's own runner.
 * A record leaves the outbox when the target has confirmed it, or when `refused` says that its rejection is safe.
 */
export class OutboxRunner implements RecordRunner {
  readonly #runner: RecordRunner
  readonly #options: OutboxRunnerOptions
  readonly #refused: (refused: readonly Refused[], then: () => void) => void
  readonly #abort = new AbortController()
  /** In order. They outlive an outbox that is lost before it has stored them. */
  readonly #unsettled = new Set<Submitted>()
  readonly #onTheWay: OnTheWay
  #room: (() => void) | undefined
  #outbox: Outbox | undefined
  #running: Promise<void> | undefined
  #error: PipelineError | undefined

  constructor(
    runner: RecordRunner,
    options: OutboxRunnerOptions,
    refused: (refused: readonly Refused[], then: () => void) => void,
  ) {
    this.#runner = runner
    this.#options = options
    this.#onTheWay = new OnTheWay(options.batchRecords, options.batchBytes)
    this.#refused = refused
  }

  start(): void {
    this.#runner.start()
    this.#running ??= this.#run()
  }

  /** `onSettled` says `stored` when every record survives a power cut; never after `close`. */
  submit(records: readonly Record[], onSettled: (settled: Settled) => void): void {
    const refused: Refused[] = []
    const entries: Uint8Array[] = []
    for (const record of records) {
      try {
        entries.push(encodeRecord(record))
      } catch (error) {
        refused.push({ record, error: new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error) })
      }
    }
    if (refused.length === 0) {
      this.#append(entries, onSettled)
      return
    }
    const isRefused = new Promise<void>((resolve) => this.#refused(refused, resolve))
    this.#append(entries, (settled) => void isRefused.then(() => onSettled(settled)))
  }

  snapshot(): OutboxRunnerSnapshot {
    const snapshot = this.#runner.snapshot()
    const { directory } = this.#options
    const outbox = this.#outbox && { ...this.#outbox.snapshot(), directory }
    const pendingRecords = outbox?.entries ?? snapshot.pendingRecords
    const phase = this.#outbox || snapshot.phase === 'closed' ? snapshot.phase : 'opening'
    const error = this.#error ?? outbox?.error
    // How long and how often the target has failed says nothing of the disk.
    return { ...snapshot, phase, pendingRecords, outbox, ...(error && { error, failingSince: undefined }) }
  }

  async close(graceMs: number): Promise<void> {
    this.#abort.abort()
    this.#room?.()
    await this.#runner.close(Math.max(0, graceMs - OUTBOX_CLOSE_MS))
    if (this.#running) await within(OUTBOX_HANGS_MS, this.#running)
    await this.#outbox?.close(1000)
    for (const { onSettled } of this.#unsettled) onSettled({ status: 'released' })
    this.#unsettled.clear()
  }

  #append(entries: readonly Uint8Array[], onSettled: (settled: Settled) => void): void {
    if (this.#abort.signal.aborted) {
      onSettled({ status: 'released' })
      return
    }
    const submitted = { entries, onSettled }
    this.#unsettled.add(submitted)
    if (this.#outbox) this.#store(this.#outbox, submitted)
  }

  #store(outbox: Outbox, submitted: Submitted): void {
    const { entries, onSettled } = submitted
    const stored = (ids: () => readonly string[]) => {
      if (this.#unsettled.delete(submitted)) onSettled({ status: 'stored', ids })
    }
    if (entries.length === 0) stored(() => [])
    else outbox.append(entries, (first) => stored(() => entries.map((_, i) => recordId(outbox, first + i))))
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      await this.#open()
      await this.#forward()
      if (!signal.aborted) await this.#leave()
    }
  }

  async #open(): Promise<void> {
    const { signal } = this.#abort
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const onHeld = (error: PipelineError) => {
          this.#error = error
        }
        const outbox = await Outbox.open({ ...this.#options, onHeld }, signal)
        if (signal.aborted) return void (await outbox.close(0))
        this.#outbox = outbox
        this.#error = undefined
        outbox.lost.addEventListener('abort', () => this.#room?.(), { once: true })
        for (const submitted of [...this.#unsettled]) this.#store(outbox, submitted)
        return
      } catch (error) {
        await this.#failed(error, failures)
      }
    }
  }

  /** The lock is lost. What was handed out and is not confirmed is handed out again by the next outbox. */
  async #leave(): Promise<void> {
    const outbox = this.#outbox!
    this.#error = outbox.snapshot().error
    this.#outbox = undefined
    this.#onTheWay.clear()
    await outbox.close(OUTBOX_HANGS_MS)
  }

  async #forward(): Promise<void> {
    const { signal } = this.#abort
    const { batchRecords, batchBytes, forwardPerSecond } = this.#options
    const mostRecords = forwardPerSecond > 0 ? Math.min(batchRecords, forwardPerSecond) : batchRecords
    for (let failures = 0; !signal.aborted; ) {
      try {
        const entries = await this.#outbox!.take(mostRecords, batchBytes, signal)
        if (entries.length === 0) return
        this.#error = undefined
        failures = 0
        this.#hand(entries)
        await this.#pace(entries.length)
        if (this.#onTheWay.isFull) await this.#untilRoom()
      } catch (error) {
        await this.#failed(error, failures++)
      }
    }
  }

  #failed(error: unknown, failures: number): Promise<void> {
    this.#error = toPipelineError(error)
    return pause(retryDelayMs(failures, diskBackoff(this.#options)), this.#abort.signal)
  }

  #hand(entries: readonly OutboxEntry[]): void {
    const outbox = this.#outbox!
    const forwarded = this.#onTheWay.add(entries)
    const records: Record[] = []
    const unreadable: Refused[] = []
    for (const { position, bytes } of entries) {
      try {
        records.push({ ...decodeRecord(bytes), id: recordId(outbox, position) })
      } catch (error) {
        unreadable.push({ record: asBytes(bytes), error: unreadableError(error) })
      }
    }
    this.#runner.submit(records, (settled) => {
      if (settled.status !== 'written') return
      const refused = settled.rejected.map(({ index, error }) => ({ record: records[index]!, error }))
      refused.push(...unreadable)
      if (refused.length === 0) this.#done(forwarded)
      else this.#refused(refused, () => this.#done(forwarded))
    })
  }

  /** In order: what is confirmed is confirmed up to a position. */
  #done(forwarded: Forwarded): void {
    const last = this.#onTheWay.finish(forwarded)
    if (last !== undefined) this.#outbox!.confirm(last)
    this.#room?.()
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = () => {
        const isOver = this.#abort.signal.aborted || this.#outbox!.lost.aborted
        if (this.#onTheWay.isFull && !isOver) return
        this.#room = undefined
        resolve()
      }
      this.#room()
    })
  }

  async #pace(records: number): Promise<void> {
    const { forwardPerSecond } = this.#options
    if (forwardPerSecond > 0) await pause((records * 1000) / forwardPerSecond, this.#abort.signal)
  }
}

/** Stored by a version that this one does not know: kept as it is. */
function asBytes(bytes: Uint8Array): Record {
  return { topic: '', payload: bytes, qos: 0, retain: false, dup: false, receivedAt: Date.now() }
}

function unreadableError(error: unknown): PipelineError {
  return new PipelineError('OUTBOX_UNREADABLE', { problem: messageOf(error) }, error)
}

const recordId = ({ id }: Outbox, position: number): string => `${id}-${position}`
