import path from 'node:path'
import type { Damage } from './damage.ts'
import type { FileLayer } from './files.ts'
import type { OutboxEntry } from './frame.ts'
import type { Place } from './live-tail.ts'
import { type Patience, patiently } from './patience.ts'
import { type Segment, segmentHeaderBytes } from './segment.ts'
import { SegmentReader } from './segment-reader.ts'

interface Source {
  readonly files: FileLayer
  readonly directory: string
  readonly seed: number
  readonly damage: Damage
  readonly patience: Omit<Patience, 'signal'>
  /** Oldest first; the last one grows. */
  readonly segments: () => readonly Segment[]
}

/** Reads stored entries back from disk in order, each position once, and counts those that cannot be read. */
export class Replay {
  readonly #source: Source
  #queue: OutboxEntry[] = []
  #read = 0
  #open: { readonly segment: Segment; readonly reader: SegmentReader } | undefined
  #resume: Place | undefined

  constructor(source: Source) {
    this.#source = source
  }

  /** Everything up to here was handed out, or cannot be read. */
  get passed(): number {
    return this.#queue[0] ? this.#queue[0].position - 1 : this.#read
  }

  /** Goes on behind `position`, which lies at `place` where that is known. */
  seek(position: number, place?: Place): void {
    this.close()
    this.#queue = []
    this.#read = position
    this.#resume = place
  }

  /** The next entries, from one block of the disk at most; none when aborted or everything stored has been read. */
  async take(maxEntries: number, maxBytes: number, signal: AbortSignal): Promise<OutboxEntry[]> {
    const patience = { ...this.#source.patience, signal }
    while (this.#queue.length === 0 && !signal.aborted) if (!(await this.#fill(patience))) return []
    let bytes = 0
    let count = 0
    for (const entry of this.#queue) {
      bytes += entry.bytes.length
      if (count === maxEntries || (count > 0 && bytes > maxBytes)) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  close(): void {
    this.#open?.reader.close()
    this.#open = undefined
  }

  async #fill(patience: Patience): Promise<boolean> {
    const segment = this.#open?.segment ?? this.#source.segments().find(({ last }) => last > this.#read)
    if (!segment) return false
    const { bytes, last } = segment
    this.#read = Math.max(this.#read, segment.first - 1)
    const reader = await this.#reader(segment, patience)
    const entries = await reader?.nextPatiently(bytes, patience)
    for (const entry of entries ?? []) this.#accept(segment, entry, last)
    if (!entries && this.#read < last) {
      this.#source.damage.lost(segment, this.#read + 1, last)
      this.#read = last
    }
    if (this.#read >= last) this.#leave(segment)
    return true
  }

  #accept(segment: Segment, entry: OutboxEntry, last: number): void {
    const { position } = entry
    if (position <= this.#read || position > last) return
    if (position > this.#read + 1) this.#source.damage.lost(segment, this.#read + 1, position - 1)
    this.#read = position
    this.#queue.push(entry)
  }

  async #reader(segment: Segment, patience: Patience): Promise<SegmentReader | undefined> {
    if (this.#open) return this.#open.reader
    const { files, directory, seed } = this.#source
    const file = await patiently(() => files.open(path.join(directory, segment.name), 'read'), patience)
    if (!file) return undefined
    const offset = this.#resume?.segment === segment ? this.#resume.offset : segmentHeaderBytes
    this.#open = { segment, reader: new SegmentReader(file, seed, offset) }
    return this.#open.reader
  }

  #leave(segment: Segment): void {
    if (this.#open) this.#resume = { segment, offset: this.#open.reader.offset }
    this.close()
  }
}
