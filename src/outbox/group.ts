import { encodeFrame, frameHeaderBytes } from './frame.ts'

/** Part of a chunk of memory that holds whole frames. */
export interface Range {
  readonly chunk: Buffer
  readonly from: number
  to: number
}

/** What one sync makes durable: frames of consecutive positions, and who waits for them. */
export interface Group {
  readonly ranges: Range[]
  readonly first: number
  last: number
  bytes: number
  /** Wall-clock ms of the first and the last append. */
  readonly oldestAt: number
  newestAt: number
  readonly stored: (() => void)[]
}

const chunkBytes = 256 * 1024

/**
 * Copies entries into frames the moment they are appended, so that nobody can change them later, and collects the
 * frames in groups. A group closes when it is taken or has reached its size.
 */
export class Grouper {
  readonly #seed: number
  readonly #groupBytes: number
  #next: number
  #chunk: Buffer = Buffer.alloc(0)
  #used = 0
  #groups: Group[] = []

  constructor(seed: number, next: number, groupBytes: number) {
    this.#seed = seed
    this.#groupBytes = groupBytes
    this.#next = next
  }

  get next(): number {
    return this.#next
  }

  /** The group to be stored next. */
  get first(): Group | undefined {
    return this.#groups[0]
  }

  take(): void {
    this.#groups.shift()
  }

  /** `onStored` belongs to the group of the last entry. */
  add(entries: readonly Uint8Array[], storedAt: number, onStored: (first: number) => void): void {
    const first = this.#next
    let group = this.#openGroup(storedAt)
    for (const bytes of entries) {
      if (group.bytes >= this.#groupBytes) group = this.#newGroup(storedAt)
      this.#encode(group, bytes, storedAt)
    }
    group.stored.push(() => onStored(first))
  }

  #encode(group: Group, bytes: Uint8Array, storedAt: number): void {
    const frameBytes = frameHeaderBytes + bytes.length
    if (this.#used + frameBytes > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkBytes, frameBytes))
      this.#used = 0
    }
    const from = this.#used
    encodeFrame(this.#chunk, from, this.#seed, this.#next, storedAt, bytes)
    this.#used += frameBytes
    const range = group.ranges.at(-1)
    if (range?.chunk === this.#chunk) range.to = this.#used
    else group.ranges.push({ chunk: this.#chunk, from, to: this.#used })
    group.last = this.#next++
    group.bytes += frameBytes
    group.newestAt = storedAt
  }

  #openGroup(now: number): Group {
    const last = this.#groups.at(-1)
    return last && last.bytes < this.#groupBytes ? last : this.#newGroup(now)
  }

  #newGroup(now: number): Group {
    const first = this.#next
    const group = { ranges: [], first, last: first - 1, bytes: 0, oldestAt: now, newestAt: now, stored: [] }
    this.#groups.push(group)
    return group
  }
}
