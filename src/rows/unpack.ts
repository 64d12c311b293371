import { messageOf, PipelineError } from '../core/errors.ts'

/** Of payloads that are compressed as a whole. */
export const compressions = ['none', 'gzip', 'zlib', 'zstd'] as const
export type Compression = (typeof compressions)[number]

export interface UnpackOptions {
  readonly compression: Compression
  readonly maxUnpackedBytes: number
}

/** `engine.bytesWritten` is how much of the input it has taken. */
type Unzip = (
  bytes: Uint8Array,
  options: { readonly maxOutputLength: number; readonly info: true },
) => { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } }
interface Zlib {
  readonly gunzipSync: Unzip
  readonly inflateSync: Unzip
  /** Since Node.js 22.15. */
  readonly zstdDecompressSync?: Unzip
}

/** What the payloads of one message may still grow by together: a few bytes each can become a bomb of many. */
export interface Room {
  left: number
}

/** What is packed better than this is hardly data. */
const usualRatio = 20

const ofOne = '"Largest unpacked payload"'
const ofBatch =
  'what is left of the room that all readings of one batch share: make "Batch records" of the source smaller'

/** Undefined in browsers, which unpack nothing at once. */
const { process } = globalThis as { readonly process?: { getBuiltinModule?(name: string): unknown } }
const zlib = process?.getBuiltinModule?.('node:zlib') as Zlib | undefined

/**
 * Gives the bytes that were compressed. Stops at the limit, however much more would come. Throws CONFIG_INVALID where
 * this is not possible here; what it gives throws COMPRESSION_INVALID and UNPACKED_TOO_LARGE.
 */
export function createUnpack({
  compression,
  maxUnpackedBytes,
}: UnpackOptions): (bytes: Uint8Array, room?: Room) => Uint8Array {
  if (compression === 'none') return (bytes) => bytes
  const unzip = { gzip: zlib?.gunzipSync, zlib: zlib?.inflateSync, zstd: zlib?.zstdDecompressSync }[compression]
  if (unzip === undefined) {
    const problem = `cannot be ${compression} here: that takes Node.js 22.15 or newer, and no browser does it`
    throw new PipelineError('CONFIG_INVALID', { field: 'compression', problem })
  }
  const fail = (problem: string, cause?: unknown): never => {
    throw new PipelineError('COMPRESSION_INVALID', { compression, problem }, cause)
  }
  const unpack = (bytes: Uint8Array, limit: number) => {
    try {
      return unzip(bytes, { maxOutputLength: limit, info: true })
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE')
        throw new PipelineError('UNPACKED_TOO_LARGE', { limit, why: limit < maxUnpackedBytes ? ofBatch : ofOne }, error)
      return fail(messageOf(error), error)
    }
  }
  return (bytes, room) => {
    const usual = usualRatio * bytes.length
    const limit = Math.min(maxUnpackedBytes, usual + (room?.left ?? maxUnpackedBytes))
    const { buffer, engine } = unpack(bytes, Math.max(1, limit))
    if (room) room.left -= Math.max(0, buffer.length - usual)
    return engine.bytesWritten < bytes.length ? fail('there is something behind its end') : buffer
  }
}
