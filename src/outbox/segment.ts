import path from 'node:path'
import { crc32 } from 'node:zlib'
import { syncGate } from '../core/sync-gate.ts'
import type { FileLayer, OpenFile } from './files.ts'
import { writeFully } from './files.ts'
import type { Group } from './group.ts'

/** What the head of a segment file says. */
export interface SegmentHeader {
  readonly id: string
  /** The position of the entry before `first`: what lies between the two was never given away. */
  readonly previous: number
  /** The position of the first entry to come. */
  readonly first: number
  /** Wall-clock ms of the first entry. */
  readonly createdAt: number
}

/** One file of the log with the entries `first` to `last`; none while `last` is below `first`. */
export interface Segment {
  readonly number: number
  readonly name: string
  readonly previous: number
  readonly first: number
  readonly createdAt: number
  /** The last position known to be stored, by the writer's own account; frames beyond it do not count. */
  last: number
  /** Length of the stored part. */
  bytes: number
  /** No entry is younger. */
  newestAt: number
  /** Something in it could not be read. */
  damaged: boolean
}

export const segmentHeaderBytes = 64
const magic = 'RWLOBX01'

export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.seg`
}

/** The number of a segment file, or undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^(\d{12})\.seg$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

export function encodeHeader({ id, previous, first, createdAt }: SegmentHeader): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes)
  header.write(magic, 0, 'latin1')
  header.write(id, 8, 'hex')
  header.writeDoubleLE(previous, 16)
  header.writeDoubleLE(first, 24)
  header.writeDoubleLE(createdAt, 32)
  header.writeUInt32LE(crc32(header.subarray(0, 60)), 60)
  return header
}

export function decodeHeader(header: Buffer): SegmentHeader | undefined {
  if (header.length < segmentHeaderBytes || header.toString('latin1', 0, 8) !== magic) return undefined
  if (crc32(header.subarray(0, 60)) !== header.readUInt32LE(60)) return undefined
  return {
    id: header.toString('hex', 8, 16),
    previous: header.readDoubleLE(16),
    first: header.readDoubleLE(24),
    createdAt: header.readDoubleLE(32),
  }
}

/**
 * The segment that is written to. After a failed call it must be abandoned: what a failed sync has done to the pages
 * of a file is unknown, and a second sync may report a success that never happened.
 */
export class SegmentWriter {
  readonly segment: Segment
  readonly #file: OpenFile
  private constructor(segment: Segment, file: OpenFile) {
    this.segment = segment
    this.#file = file
  }

  /**
   * Resolves when the file, its head and its name survive a power cut. Leaves nothing behind when it fails, be it so
   * late that the next outbox has a file of this name.
   */
  static async create(
    files: FileLayer,
    directory: string,
    number: number,
    header: SegmentHeader,
  ): Promise<SegmentWriter> {
    const name = segmentName(number)
    const file = await files.open(path.join(directory, name), 'create')
    try {
      await writeFully(file, encodeHeader(header), 0)
      await syncGate.run(() => file.sync())
      await syncGate.run(() => files.syncDirectory(directory))
    } catch (error) {
      const isNamed = await file.isNamed().catch(() => false)
      await file.close().catch(() => {})
      if (isNamed) await files.unlink(path.join(directory, name)).catch(() => {})
      throw error
    }
    const { previous, first, createdAt } = header
    const none = { last: first - 1, bytes: segmentHeaderBytes, newestAt: createdAt, damaged: false }
    return new SegmentWriter({ number, name, previous, first, createdAt, ...none }, file)
  }

  /** Resolves to the milliseconds the sync took, when the group survives a power cut. */
  async store(group: Group): Promise<number> {
    let at = this.segment.bytes
    for (const { chunk, from, to } of group.ranges) {
      await writeFully(this.#file, chunk.subarray(from, to), at)
      at += to - from
    }
    const syncMs = await syncGate.run(async () => {
      const started = performance.now()
      await this.#file.sync()
      return performance.now() - started
    })
    this.segment.bytes = at
    this.segment.last = group.last
    this.segment.newestAt = group.newestAt
    return syncMs
  }

  /** Gives up the descriptor and, where it can, the space behind what is stored. */
  async abandon(): Promise<void> {
    await this.#file.truncate(this.segment.bytes).catch(() => {})
    await this.close()
  }

  async close(): Promise<void> {
    await this.#file.close().catch(() => {})
  }
}
