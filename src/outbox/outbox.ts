import { type ByteBudget, unlimited } from '../core/byte-budget.ts'
import { PipelineError } from '../core/errors.ts'
import { type Backoff, within } from '../core/retry.ts'
import { Damage } from './damage.ts'
import { type FileLayer, nodeFiles } from './files.ts'
import type { OutboxEntry } from './frame.ts'
import { Latencies } from './latencies.ts'
import type { DirectoryLock } from './lock.ts'
import { Outlet } from './outlet.ts'
import type { Patience } from './patience.ts'
import { answers, measure } from './probe.ts'
import { type Recovered, recover, seedOf } from './recovery.ts'
import { Replay } from './replay.ts'
import { type Limits, Retention, share } from './retention.ts'
import { storageError, Troubles } from './troubles.ts'
import { Writer } from './writer.ts'

export type { OutboxEntry } from './frame.ts'

export interface OutboxOptions extends Limits {
  readonly directory: string
  readonly retryBackoffMs: number
  readonly maxRetryBackoffMs: number
  /** Told whenever the policy `drop-oldest` has given up entries. */
  readonly onDropped?: (entries: number) => void
  /** Told that the directory may still be used by another process, and for how long that is waited for. */
  readonly onHeld?: (error: PipelineError) => void
  /** Length at which a file is followed by the next. */
  readonly segmentBytes?: number
  /** How much of what nobody has taken yet is kept in memory. */
  readonly memoryBytes?: number
  /** Shared with everybody else who holds records. */
  readonly budget?: ByteBudget
  readonly files?: FileLayer
}

export interface OutboxSnapshot {
  /** Stored and not yet confirmed. */
  readonly entries: number
  /** Of all segment files. */
  readonly bytes: number
  /** Wall-clock ms; undefined when nothing waits. May be early by the span of two marks in a long backlog. */
  readonly oldestStoredAt: number | undefined
  /** Of the latest fdatasyncs, measured at open first. */
  readonly syncMsP50: number | undefined
  readonly syncMsP99: number | undefined
  readonly dropped: number
  /** Entries found unreadable since open, and the files they were in. */
  readonly damagedEntries: number
  readonly damagedFiles: readonly string[]
  /** The same in words. */
  readonly damage: PipelineError | undefined
  /** Left over at the end of the newest file at open, by a write that was interrupted or by damage there. */
  readonly cutBytes: number
  /** Appends wait for room. */
  readonly blocked: boolean
  /** Of stored entries kept in memory. */
  readonly memoryBytes: number
  readonly error: PipelineError | undefined
}

/** A disk does not mind being asked: when there is room again, readings go on soon. */
const mostDiskBackoffMs = 5000

export function diskBackoff({ retryBackoffMs, maxRetryBackoffMs }: OutboxOptions): Backoff {
  return { baseMs: retryBackoffMs, maxMs: Math.min(maxRetryBackoffMs, mostDiskBackoffMs) }
}

const megabyte = 1024 * 1024
const mostGroupBytes = 4 * megabyte

interface Parts {
  readonly recovered: Recovered
  readonly lock: DirectoryLock
  readonly damage: Damage
  readonly troubles: Troubles
  readonly latencies: Latencies
  readonly closing: AbortController
  readonly patience: Omit<Patience, 'signal'>
}

/**
 * A durable queue in a directory. `append` says when entries are safe, `take` hands them out in order, `confirm`
 * moves the cursor. At least once: after a crash everything behind the cursor last written is handed out again.
 * What was stored is never left out unless the disk has lost it, and then it is counted and its file named.
 */
export class Outbox {
  /** Aborted when the directory is no longer ours: nothing more is stored or handed out, and all that is left is to close. */
  readonly lost: AbortSignal
  readonly #parts: Parts
  readonly #retention: Retention
  readonly #outlet: Outlet
  readonly #writer: Writer
  readonly #budget: ByteBudget
  /** Of entries that are appended and not stored. */
  #waitingBytes = 0
  #closed: Promise<void> | undefined

  /** Throws OUTBOX_LOCKED, OUTBOX_UNUSABLE or OUTBOX_FAILED; may be called again. Aborting throws the signal's reason. */
  static async open(options: OutboxOptions, signal: AbortSignal): Promise<Outbox> {
    const { directory, files = nodeFiles } = options
    const backoff = diskBackoff(options)
    let lock: DirectoryLock | undefined
    try {
      await files.makeDirectory(directory)
      lock = await files.lock(directory, signal, options.onHeld)
      const troubles = new Troubles(directory)
      const onError = (error: unknown) => troubles.failed('read', error)
      const diskWorks = () => answers(files, directory)
      const damage = new Damage(directory)
      const patience = { backoff, onError, diskWorks }
      const recovered = await recover(files, directory, damage, { ...patience, signal })
      const latencies = new Latencies()
      await measure(files, directory, latencies).catch((error) => troubles.failed('write', error))
      const closing = new AbortController()
      return new Outbox(options, { recovered, lock, damage, troubles, latencies, closing, patience })
    } catch (error) {
      await lock?.release().catch(() => {})
      signal.throwIfAborted()
      throw storageError(directory, error)
    }
  }

  private constructor(options: OutboxOptions, parts: Parts) {
    const { directory, files = nodeFiles, segmentBytes = 64 * megabyte, memoryBytes = 16 * megabyte } = options
    const { budget = unlimited } = options
    const { recovered, troubles, damage, latencies, patience, lock } = parts
    const { id, segments, confirmed, next } = recovered
    const place = { files, directory, id, seed: seedOf(id), troubles }
    const onDropped = options.onDropped ?? (() => {})
    this.lost = lock.lost
    this.#parts = parts
    this.#budget = budget
    const limits = { limits: options, segmentBytes, onDropped, onConfirmed: () => this.#writer.look() }
    const retention = new Retention({ ...place, ...limits }, segments, confirmed)
    const replay = new Replay({ ...place, damage, patience, segments: () => retention.segments })
    const outlet = new Outlet(retention, replay, memoryBytes, budget)
    this.#retention = retention
    this.#outlet = outlet
    const groupBytes = Math.min(mostGroupBytes, options.maxBytes / share)
    this.#writer = new Writer(
      {
        ...place,
        backoff: patience.backoff,
        maxBytes: options.maxBytes,
        groupBytes,
        retention,
        latencies,
        onStored: (...stored) => outlet.stored(...stored),
      },
      next,
    )
    this.lost.addEventListener('abort', () => this.#lockLost(directory), { once: true })
  }

  /** Names this outbox for good: `id` and a position together name an entry. */
  get id(): string {
    return this.#parts.recovered.id
  }

  /**
   * Copies the entries at once. `onStored` is called with the position of the first, those of the others follow it,
   * when all of them survive a power cut; never after `close`. It must not throw. While the outbox is full or the
   * disk fails, entries wait in memory: the caller bounds how many.
   */
  append(entries: readonly Uint8Array[], onStored: (firstPosition: number) => void): void {
    let bytes = 0
    for (const { length } of entries) bytes += length
    this.#hold(bytes)
    this.#writer.append(entries, (first) => {
      this.#hold(-bytes)
      onStored(first)
    })
  }

  /**
   * The next entries nobody has taken, as soon as there are any: at least one, however large. None means that it was
   * aborted or that no more will come. One call at a time.
   */
  async take(maxEntries: number, maxBytes: number, signal: AbortSignal): Promise<readonly OutboxEntry[]> {
    const stop = new AbortController()
    const abort = () => stop.abort()
    const signals = [signal, this.#parts.closing.signal]
    if (signals.some(({ aborted }) => aborted)) return []
    for (const one of signals) one.addEventListener('abort', abort)
    try {
      const entries = await this.#outlet.take(maxEntries, maxBytes, stop.signal)
      this.#parts.troubles.clear('read')
      return entries
    } catch (error) {
      if (stop.signal.aborted) return []
      throw error
    } finally {
      for (const one of signals) one.removeEventListener('abort', abort)
    }
  }

  /** Everything handed out up to and including `position` is done. */
  confirm(position: number): void {
    this.#outlet.confirm(position)
  }

  /** Hands out again everything that is not confirmed. Not while a `take` is under way. */
  rewind(): void {
    this.#outlet.rewind()
  }

  snapshot(): OutboxSnapshot {
    const { latencies, damage, recovered, troubles } = this.#parts
    const { entries, bytes, oldestStoredAt, dropped } = this.#retention
    return {
      entries,
      bytes,
      oldestStoredAt,
      dropped,
      syncMsP50: latencies.percentile(0.5),
      syncMsP99: latencies.percentile(0.99),
      damagedEntries: damage.entries,
      damagedFiles: damage.files,
      damage: damage.error,
      cutBytes: recovered.cutBytes,
      blocked: this.#writer.blocked,
      memoryBytes: this.#outlet.memoryBytes,
      error: troubles.worst,
    }
  }

  /** Stores what was appended for up to `graceMs`, unless the disk fails or is full, then writes the cursor. */
  close(graceMs: number): Promise<void> {
    this.#closed ??= this.#close(graceMs)
    return this.#closed
  }

  #hold(bytes: number): void {
    this.#waitingBytes += bytes
    this.#budget.add(bytes)
  }

  async #close(graceMs: number): Promise<void> {
    const { closing, lock } = this.#parts
    closing.abort()
    await this.#writer.close(graceMs)
    this.#hold(-this.#waitingBytes)
    this.#outlet.close()
    await within(graceMs, this.#retention.close())
    await within(
      graceMs,
      lock.release().catch(() => {}),
    )
  }

  #lockLost(directory: string): void {
    this.#writer.halt()
    this.#retention.halt()
    this.#parts.closing.abort()
    this.#parts.troubles.set('lock', new PipelineError('OUTBOX_LOCKED', { path: directory, holder: 'another process' }))
  }
}
