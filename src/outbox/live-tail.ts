import { entryAt, frameBytesAt, type OutboxEntry } from './frame.ts'
import type { Group } from './group.ts'
import type { Segment } from './segment.ts'

/** Where on disk reading goes on. */
export interface Place {
  readonly segment: Segment
  readonly offset: number
}

interface LiveRange {
  readonly chunk: Buffer
  at: number
  readonly to: number
  readonly segment: Segment
  /** Where `chunk[0]` would lie in the segment. */
  readonly base: number
}

/** What is stored and not yet taken, in memory, so that nothing is read back while the target keeps up. */
export class LiveTail {
  #ranges: LiveRange[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** `offset` is where the group begins in the segment. */
  push(group: Group, segment: Segment, offset: number): void {
    let at = offset
    for (const { chunk, from, to } of group.ranges) {
      this.#ranges.push({ chunk, at: from, to, segment, base: at - from })
      at += to - from
    }
    this.#bytes += group.bytes
  }

  /** The first entry is taken even when it alone is over `maxBytes`. */
  take(maxEntries: number, maxBytes: number): OutboxEntry[] {
    const entries: OutboxEntry[] = []
    let bytes = 0
    let emptied = 0
    for (const range of this.#ranges) {
      while (range.at < range.to) {
        const frameBytes = frameBytesAt(range.chunk, range.at)!
        const entry = entryAt(range.chunk, range.at, frameBytes)
        bytes += entry.bytes.length
        if (entries.length >= maxEntries || (entries.length > 0 && bytes > maxBytes))
          return this.#taken(entries, emptied)
        entries.push(entry)
        range.at += frameBytes
        this.#bytes -= frameBytes
      }
      emptied++
    }
    return this.#taken(entries, emptied)
  }

  /** Forgets everything and says where on disk it begins. */
  clear(): Place | undefined {
    const head = this.#ranges.find(({ at, to }) => at < to)
    this.#ranges = []
    this.#bytes = 0
    return head && { segment: head.segment, offset: head.base + head.at }
  }

  #taken(entries: OutboxEntry[], emptied: number): OutboxEntry[] {
    this.#ranges.splice(0, emptied)
    return entries
  }
}
