import path from 'node:path'
import { syncGate } from '../core/sync-gate.ts'
import { Ages } from './ages.ts'
import { writeCursor } from './cursor.ts'
import type { FileLayer } from './files.ts'
import type { Segment } from './segment.ts'
import type { Troubles } from './troubles.ts'

export interface Limits {
  /** Of all segment files together; also the confirmed entries of a file count until the file goes. */
  readonly maxBytes: number
  /** 0 = no limit. */
  readonly maxAgeMs: number
  readonly whenFull: 'block' | 'drop-oldest'
}

interface Setting {
  readonly files: FileLayer
  readonly directory: string
  readonly id: string
  readonly limits: Limits
  readonly segmentBytes: number
  readonly onDropped: (entries: number) => void
  /** There may be room again. */
  readonly onConfirmed: () => void
  readonly troubles: Troubles
}

/** The cursor is what a crash repeats from: written often, but for at most a twentieth of the disk's time. */
const housekeepingMs = { least: 50, most: 1000, share: 20 }
const damagedKept = 3
/** A file is dropped or deleted as a whole, so that it must be a small part of what the limits allow; so must a group. */
export const share = 8

/** Which segments there are, how far they are done, and when one may go. The newest stays: it tells where to go on. */
export class Retention {
  readonly ages = new Ages()
  readonly #setting: Setting
  readonly #segments: Segment[]
  #confirmed: number
  #persisted: number
  #done: Segment[] = []
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> = Promise.resolve()
  #tookMs = 0
  #closed = false
  #halted = false

  constructor(setting: Setting, segments: Segment[], confirmed: number) {
    this.#setting = setting
    this.#segments = segments
    this.#confirmed = confirmed
    this.#persisted = confirmed
    for (const { first, createdAt } of segments) this.ages.note(first, createdAt)
    this.#release()
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  get confirmed(): number {
    return this.#confirmed
  }

  /** The last position that is safe. */
  get stored(): number {
    const newest = this.#segments.at(-1)
    if (!newest) return this.#confirmed
    return newest.last < newest.first ? newest.previous : newest.last
  }

  get dropped(): number {
    return this.#dropped
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Stored and neither confirmed nor dropped. */
  get entries(): number {
    return this.#segments.reduce((sum, segment) => sum + this.#waiting(segment), 0)
  }

  /** Wall-clock ms; undefined when nothing waits. */
  get oldestStoredAt(): number | undefined {
    return this.#confirmed < this.stored ? this.ages.storedAt(this.#confirmed + 1) : undefined
  }

  /** A newest segment that stayed empty has failed, and goes. */
  add(segment: Segment): void {
    const before = this.#segments.at(-1)
    if (before && before.last < before.first) this.#done.push(this.#segments.pop()!)
    this.#segments.push(segment)
    this.#release()
  }

  mayExtend(segment: Segment, bytes: number, now: number): boolean {
    const { maxBytes, maxAgeMs } = this.#setting.limits
    if (segment.last < segment.first) return true
    if (maxAgeMs > 0 && now - segment.createdAt > maxAgeMs / share) return false
    return segment.bytes + bytes <= Math.min(this.#setting.segmentBytes, maxBytes / share)
  }

  /** Whether `bytes` more may be stored, after dropping what the policy drops. An empty outbox takes any group. */
  admit(bytes: number, now: number): boolean {
    if (this.#setting.limits.whenFull === 'drop-oldest') {
      this.expire(now)
      while (this.#isOver(bytes)) this.#drop(this.#segments.find((segment) => this.#waiting(segment) > 0)!)
    }
    return !this.#isOver(bytes) && !this.#isOld(now)
  }

  /** Drops the segments in which every entry is over its age, where the policy says so. */
  expire(now: number): void {
    const { maxAgeMs, whenFull } = this.#setting.limits
    if (maxAgeMs === 0 || whenFull === 'block') return
    for (const segment of [...this.#segments]) {
      if (now - segment.newestAt <= maxAgeMs) return
      this.#drop(segment)
    }
  }

  confirm(position: number): void {
    if (position <= this.#confirmed) return
    this.#confirmed = Math.min(position, this.stored)
    this.ages.forget(this.#confirmed + 1)
    this.#release()
    this.#schedule()
    this.#setting.onConfirmed()
  }

  /** Touches no file from now on. */
  halt(): void {
    this.#closed = true
    this.#halted = true
    clearTimeout(this.#timer)
  }

  /** Writes the cursor and deletes what is done, as far as the disk lets it. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#working
    if (!this.#halted) await this.#housekeep()
  }

  #waiting({ first, last }: Segment): number {
    return Math.max(0, last - Math.max(first - 1, this.#confirmed))
  }

  #isOver(bytes: number): boolean {
    return this.#confirmed < this.stored && this.bytes + bytes > this.#setting.limits.maxBytes
  }

  #isOld(now: number): boolean {
    const { maxAgeMs, whenFull } = this.#setting.limits
    return whenFull === 'block' && maxAgeMs > 0 && now - (this.oldestStoredAt ?? now) > maxAgeMs
  }

  #drop(segment: Segment): void {
    const entries = this.#waiting(segment)
    this.confirm(segment.last)
    if (entries === 0) return
    this.#dropped += entries
    this.#setting.onDropped(entries)
  }

  #release(): void {
    while (this.#segments.length > 1 && this.#segments[0]!.last <= this.#confirmed)
      this.#done.push(this.#segments.shift()!)
    if (this.#done.length > 0) this.#schedule()
  }

  #schedule(): void {
    if (this.#timer || this.#closed) return
    const run = () => {
      this.#working = this.#housekeep().then(() => {
        this.#timer = undefined
        if (this.#done.length > 0 || this.#persisted < this.#confirmed) this.#schedule()
      })
    }
    const { least, most, share: part } = housekeepingMs
    this.#timer = setTimeout(run, Math.min(most, Math.max(least, this.#tookMs * part))).unref()
  }

  async #housekeep(): Promise<void> {
    const { files, directory, id, troubles } = this.#setting
    const started = performance.now()
    try {
      await this.#deleteDone()
      const cursor = { id, position: this.#confirmed, last: this.stored }
      if (this.#persisted < cursor.position || this.#closed) await writeCursor(files, directory, cursor)
      this.#persisted = cursor.position
      troubles.clear('housekeeping')
    } catch (error) {
      troubles.failed('housekeeping', error)
    }
    this.#tookMs = performance.now() - started
  }

  async #deleteDone(): Promise<void> {
    const { files, directory } = this.#setting
    if (this.#done.length === 0) return
    for (let segment = this.#done[0]; segment; segment = this.#done[0]) {
      await this.#deleteFile(path.join(directory, segment.name), segment.damaged)
      this.#done.shift()
    }
    const aside = (await files.list(directory)).filter((name) => name.endsWith('.damaged')).sort()
    for (const name of aside.slice(0, -damagedKept)) await files.unlink(path.join(directory, name))
    await syncGate.run(() => files.syncDirectory(directory))
  }

  /** A damaged file is set aside, because somebody may want to look for what is left in it. */
  async #deleteFile(file: string, damaged: boolean): Promise<void> {
    const { files } = this.#setting
    try {
      await (damaged ? files.rename(file, `${file}.damaged`) : files.unlink(file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}
