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

/** Undefined in browsers, which unpack nothing at once. */
const { process } = globalThis as { readonly process?: { getBuiltinModule?(name: string): unknown } }
const zlib = process?.getBuiltinModule?.('node:zlib') as Zlib | undefined

/**
 * Gives the bytes that were compressed. Stops at the limit, however much more would come. Throws CONFIG_INVALID where
 * this is not possible here; what it gives throws COMPRESSION_INVALID and UNPACKED_TOO_LARGE.
 */
export function createUnpack({ compression, maxUnpackedBytes }: UnpackOptions): (bytes: Uint8Array) => Uint8Array {
  if (compression === 'none') return (bytes) => bytes
  const unzip = { gzip: zlib?.gunzipSync, zlib: zlib?.inflateSync, zstd: zlib?.zstdDecompressSync }[compression]
  if (unzip === undefined) {
    const problem = `cannot be ${compression} here: that takes Node.js 22.15 or newer, and no browser does it`
    throw new PipelineError('CONFIG_INVALID', { field: 'compression', problem })
  }
  const fail = (problem: string, cause?: unknown): never => {
    throw new PipelineError('COMPRESSION_INVALID', { compression, problem }, cause)
  }
  const options = { maxOutputLength: maxUnpackedBytes, info: true } as const
  const unpack = (bytes: Uint8Array) => {
    try {
      return unzip(bytes, options)
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE')
        throw new PipelineError('UNPACKED_TOO_LARGE', { limit: maxUnpackedBytes }, error)
      return fail(messageOf(error), error)
    }
  }
  return (bytes) => {
    const { buffer, engine } = unpack(bytes)
    return engine.bytesWritten < bytes.length ? fail('there is something behind its end') : buffer
  }
}
