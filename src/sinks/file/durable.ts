import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'

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

/** Makes the names in a directory survive a power failure. Windows has no such call. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  await handle.sync().finally(() => handle.close())
}

/** The directory and those above it, each of them durable. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made))
}

const chunkBytes = 64 << 10

/** Cuts what stands after the last line feed and returns how many bytes that were. */
export async function cutTornLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const end = await endOfLastLine(handle, size)
  if (end === size) return 0
  await handle.truncate(end)
  await handle.datasync()
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
