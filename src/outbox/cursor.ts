import path from 'node:path'
import { crc32 } from 'node:zlib'
import { syncGate } from '../core/sync-gate.ts'
import type { FileLayer } from './files.ts'
import { readUpTo, writeFully } from './files.ts'

/** How far an outbox was done when the cursor was written. It may be older than the truth, never ahead of it. */
export interface Cursor {
  readonly id: string
  /** Every entry up to here is confirmed or dropped. */
  readonly position: number
  /** Entries up to here were stored. */
  readonly last: number
}

const name = 'cursor'
const temporary = 'cursor.tmp'
const mostBytes = 1024

/** Undefined when there is none or it is not whole: then everything that is there is handed out again. */
export async function readCursor(files: FileLayer, directory: string): Promise<Cursor | undefined> {
  try {
    const file = await files.open(path.join(directory, name), 'read')
    try {
      const block = Buffer.alloc(mostBytes)
      const { bytes } = await readUpTo(file, block, 0)
      return parseCursor(block.toString('utf8', 0, bytes))
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

/** Resolves when the cursor survives a power cut; until then the earlier one stands. */
export async function writeCursor(files: FileLayer, directory: string, cursor: Cursor): Promise<void> {
  const file = await files.open(path.join(directory, temporary), 'replace')
  try {
    const { id, position, last } = cursor
    const text = JSON.stringify({ id, position, last })
    await writeFully(file, Buffer.from(`${text} ${crc32(text)}\n`), 0)
    await syncGate.run(() => file.sync())
  } finally {
    await file.close()
  }
  await files.rename(path.join(directory, temporary), path.join(directory, name))
  await syncGate.run(() => files.syncDirectory(directory))
}

function parseCursor(line: string): Cursor | undefined {
  const [, text, sum] = /^(\{.*\}) (\d+)\n$/.exec(line) ?? []
  return text !== undefined && crc32(text) === Number(sum) ? (JSON.parse(text) as Cursor) : undefined
}
