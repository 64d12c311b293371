import { crc32 } from 'node:zlib'

/** `position` rises by one from entry to entry and never names two entries of one outbox; there may be gaps. */
export interface OutboxEntry {
  readonly position: number
  readonly bytes: Uint8Array
  /** Wall-clock milliseconds. */
  readonly storedAt: number
}

/**
 * An entry on disk: marker 4, payload length 4, length ^ marker 4, crc32 4, position 8, storedAt 8, payload. Little
 * endian. The crc covers what comes after it, seeded with the outbox id, so that a frame inside a payload is none.
 * The length is checked by itself: a flipped bit in it must not make the reader swallow the frames behind it.
 */
export const frameHeaderBytes = 32
const marker = 0xf7d1b29e
const markerBytes = Buffer.alloc(4)
markerBytes.writeUInt32LE(marker)

export function encodeFrame(
  into: Buffer,
  at: number,
  seed: number,
  position: number,
  storedAt: number,
  bytes: Uint8Array,
): void {
  into.writeUInt32LE(marker, at)
  into.writeUInt32LE(bytes.length, at + 4)
  into.writeUInt32LE((bytes.length ^ marker) >>> 0, at + 8)
  into.writeDoubleLE(position, at + 16)
  into.writeDoubleLE(storedAt, at + 24)
  into.set(bytes, at + frameHeaderBytes)
  const checked = into.subarray(at + 16, at + frameHeaderBytes + bytes.length)
  into.writeUInt32LE(crc32(checked, seed), at + 12)
}

/** Length of the frame whose header is at `at`, payload included; undefined when this is no header. */
export function frameBytesAt(block: Buffer, at: number): number | undefined {
  const length = block.readUInt32LE(at + 4)
  if (block.readUInt32LE(at) !== marker || block.readUInt32LE(at + 8) !== (length ^ marker) >>> 0) return undefined
  return frameHeaderBytes + length
}

/** The entry of a frame that lies whole in the block, without looking at its crc. It shares the block's memory. */
export function entryAt(block: Buffer, at: number, frameBytes: number): OutboxEntry {
  return {
    position: block.readDoubleLE(at + 16),
    storedAt: block.readDoubleLE(at + 24),
    bytes: block.subarray(at + frameHeaderBytes, at + frameBytes),
  }
}

export function isIntact(block: Buffer, at: number, frameBytes: number, seed: number): boolean {
  return crc32(block.subarray(at + 16, at + frameBytes), seed) === block.readUInt32LE(at + 12)
}

/** Where the next frame may begin after damage at `at`; `end` when nothing in the block looks like one. */
export function resyncAfter(block: Buffer, at: number, end: number): number {
  const found = block.indexOf(markerBytes, at + 1)
  if (found >= 0 && found < end) return found
  return Math.max(at + 1, end - markerBytes.length + 1)
}
