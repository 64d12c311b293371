import type { OpenFile } from './files.ts'
import { readUpTo } from './files.ts'
import { entryAt, frameBytesAt, frameHeaderBytes, isIntact, type OutboxEntry, resyncAfter } from './frame.ts'
import { type Patience, patiently } from './patience.ts'

const blockBytes = 1024 * 1024
const skippedBytes = 64 * 1024

/** Reads the intact frames of a segment in order, block by block, and finds its way past damage. */
export class SegmentReader {
  readonly #file: OpenFile
  readonly #seed: number
  #offset: number
  #wanted = blockBytes
  #unreadable = 0
  /** Behind the last intact frame. */
  validEnd: number
  /** Some stretch of the file was given up. */
  skipped = false

  constructor(file: OpenFile, seed: number, offset: number) {
    this.#file = file
    this.#seed = seed
    this.#offset = offset
    this.validEnd = offset
  }

  /** Up to where the file has been dealt with. */
  get offset(): number {
    return this.#offset
  }

  /** The intact entries of the next block, perhaps none; undefined at `end`. Throws what reading throws; may be called again. */
  async next(end: number): Promise<OutboxEntry[] | undefined> {
    const length = Math.min(this.#wanted, end - this.#offset)
    if (length <= 0) return undefined
    const block = Buffer.allocUnsafeSlow(length)
    const { bytes, ended, error } = await readUpTo(this.#file, block, this.#offset)
    const entries: OutboxEntry[] = []
    const consumed = this.#parse(block.subarray(0, bytes), ended || this.#offset + bytes >= end, end, entries)
    if (consumed === 0 && error !== undefined) {
      this.#unreadable = this.#offset + bytes
      throw error
    }
    this.#offset = ended ? end : this.#offset + consumed
    return entries
  }

  /** As `next`; what cannot be read in ten attempts is passed over, and from then on one failure is enough. */
  async nextPatiently(end: number, patience: Patience): Promise<OutboxEntry[] | undefined> {
    for (;;) {
      const result = await patiently(
        async () => ({ entries: await this.next(end) }),
        patience,
        this.skipped ? 1 : undefined,
      )
      if (result) return result.entries
      this.#skip()
    }
  }

  close(): Promise<void> {
    return this.#file.close().catch(() => {})
  }

  #skip(): void {
    this.skipped = true
    this.#offset = (Math.floor(this.#unreadable / skippedBytes) + 1) * skippedBytes
  }

  /** Bytes dealt with. The frame that the block cuts off is left for the next block unless this is the last. */
  #parse(block: Buffer, isLast: boolean, end: number, entries: OutboxEntry[]): number {
    let at = 0
    this.#wanted = blockBytes
    while (at + frameHeaderBytes <= block.length) {
      const frameBytes = frameBytesAt(block, at)
      if (
        frameBytes !== undefined &&
        at + frameBytes > block.length &&
        !isLast &&
        this.#offset + at + frameBytes <= end
      ) {
        this.#wanted = Math.max(blockBytes, frameBytes)
        return at
      }
      if (frameBytes !== undefined && at + frameBytes <= block.length && isIntact(block, at, frameBytes, this.#seed)) {
        entries.push(entryAt(block, at, frameBytes))
        at += frameBytes
        this.validEnd = this.#offset + at
      } else at = resyncAfter(block, at, block.length)
    }
    return isLast ? block.length : Math.min(at, block.length)
  }
}
