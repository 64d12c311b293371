import { setImmediate as immediate } from 'node:timers/promises'
import { PipelineError } from '../core/errors.ts'
import { type Backoff, pause, retryDelayMs } from '../core/retry.ts'
import type { FileLayer } from './files.ts'
import { type Group, Grouper } from './group.ts'
import type { Latencies } from './latencies.ts'
import type { Retention } from './retention.ts'
import { type Segment, SegmentWriter } from './segment.ts'
import type { Troubles } from './troubles.ts'
import { Wakeup } from './wakeup.ts'

interface Setting {
  readonly files: FileLayer
  readonly directory: string
  readonly id: string
  readonly seed: number
  readonly backoff: Backoff
  readonly maxBytes: number
  readonly groupBytes: number
  readonly retention: Retention
  readonly latencies: Latencies
  readonly troubles: Troubles
  /** The group is safe; it begins at `offset` of the segment. */
  readonly onStored: (group: Group, segment: Segment, offset: number) => void
}

/**
 * Stores groups one after another, each with one sync, while the next one fills. A group that could not be stored is
 * written again to a new segment, for ever; its positions do not change.
 */
export class Writer {
  readonly #setting: Setting
  readonly #groups: Grouper
  readonly #wakeup = new Wakeup()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #writing: SegmentWriter | undefined
  #number: number
  #closing = false
  #blocked = false

  constructor(setting: Setting, next: number) {
    this.#setting = setting
    this.#groups = new Grouper(setting.seed, next, setting.groupBytes)
    this.#number = setting.retention.segments.at(-1)?.number ?? 0
    this.#running = this.#run()
  }

  /** Entries wait because the outbox is full. */
  get blocked(): boolean {
    return this.#blocked
  }

  /** `onStored` gets the position of the first entry; it must not throw. */
  append(entries: readonly Uint8Array[], onStored: (first: number) => void): void {
    if (this.#closing) return
    this.#groups.add(entries, Date.now(), onStored)
    this.#wakeup.wake()
  }

  /** There may be room again. */
  look(): void {
    if (this.#blocked) this.#wakeup.wake()
  }

  /** Stores nothing more and settles nobody from now on. */
  halt(): void {
    this.#closing = true
    this.#stop.abort()
  }

  /** Stores what was appended for up to `graceMs`, unless the disk fails or is full. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#wakeup.wake()
    const deadline = setTimeout(() => this.#stop.abort(), graceMs)
    const stopped = new Promise((resolve) => this.#stop.signal.addEventListener('abort', resolve, { once: true }))
    await Promise.race([this.#running, stopped])
    clearTimeout(deadline)
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const group = this.#groups.first
      if (group && this.#hasRoom(group)) {
        this.#groups.take()
        await this.#store(group)
        continue
      }
      if (this.#closing) break
      await this.#wakeup.wait(signal)
      if (!group) await immediate()
    }
    await this.#writing?.close()
  }

  #hasRoom(group: Group): boolean {
    const { retention, troubles, directory, maxBytes } = this.#setting
    this.#blocked = !retention.admit(group.bytes, Date.now())
    if (this.#blocked) troubles.set('room', new PipelineError('OUTBOX_FULL', { path: directory, limit: maxBytes }))
    else troubles.clear('room')
    return !this.#blocked
  }

  async #store(group: Group): Promise<void> {
    const { troubles, backoff } = this.#setting
    const { signal } = this.#stop
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await this.#write(group)
        break
      } catch (error) {
        troubles.failed('write', error)
        await this.#writing?.abandon()
        this.#writing = undefined
        if (this.#closing) return this.#stop.abort()
        await pause(retryDelayMs(failures, backoff), signal)
      }
    }
    if (signal.aborted) return
    troubles.clear('write')
    for (const stored of group.stored) stored()
  }

  async #write(group: Group): Promise<void> {
    const { retention, latencies, onStored } = this.#setting
    if (this.#writing && !retention.mayExtend(this.#writing.segment, group.bytes, Date.now())) {
      await this.#writing.close()
      this.#writing = undefined
    }
    this.#writing ??= await this.#newSegment(group)
    const { segment } = this.#writing
    const offset = segment.bytes
    latencies.add(await this.#writing.store(group))
    retention.ages.note(group.first, group.oldestAt)
    if (!this.#stop.signal.aborted) onStored(group, segment, offset)
  }

  async #newSegment({ first, oldestAt }: Group): Promise<SegmentWriter> {
    const { files, directory, id, retention } = this.#setting
    const header = { id, previous: retention.stored, first, createdAt: oldestAt }
    const writer = await SegmentWriter.create(files, directory, ++this.#number, header)
    retention.add(writer.segment)
    return writer
  }
}
