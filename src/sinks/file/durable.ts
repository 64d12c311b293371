import type { FileHandle } from 'node:fs/promises'
import { syncData } from '../../core/durable.ts'

/** Writes every byte; one call of the system may write less. `onWritten` hears how many more there are, also if it fails. */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  onWritten: (bytes: number) => void,
): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written)
    written += bytesWritten
    onWritten(bytesWritten)
  }
}

/** To copy more than this costs more than another call of the system. */
const mostCopied = 256 << 10

/** The same bytes in few pieces: small lines together, large ones as they are. */
export function* pieces(lines: readonly Uint8Array[]): Generator<Uint8Array> {
  let [from, bytes] = [0, 0]
  for (const [at, { length }] of lines.entries()) {
    if (bytes > 0 && bytes + length > mostCopied) {
      yield joined(lines.slice(from, at))
      ;[from, bytes] = [at, 0]
    }
    bytes += length
  }
  if (bytes > 0) yield joined(lines.slice(from))
}

const joined = (lines: readonly Uint8Array[]) => (lines.length === 1 ? lines[0]! : Buffer.concat(lines))

const chunkBytes = 64 << 10

/** Cuts what stands after the last line feed and returns how many bytes that were. */
export async function cutTornLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const end = await endOfLastLine(handle, size)
  if (end === size) return 0
  await handle.truncate(end)
  await syncData(handle)
  return size - end
}

async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(chunkBytes)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkBytes)
    const { bytesRead } = await handle.read(chunk, 0, end - start, start)
    const lineFeed = chunk.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (lineFeed >= 0) return start + lineFeed + 1
    end = start
  }
  return 0
}
