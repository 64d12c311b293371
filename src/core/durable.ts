import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { syncGate } from './sync-gate.ts'

/** Of a file that is open: what was written survives a power failure. */
export const syncData = (file: { datasync(): Promise<void> }): Promise<void> => syncGate.run(() => file.datasync())

/** Makes the names in a directory survive a power failure. */
export const syncDirectory = (directory: string): Promise<void> => syncGate.run(() => syncNames(directory))

/** The same for who has passed the gate. Windows cannot open a directory; its file systems journal the names themselves. */
export async function syncNames(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The directory and those above it: each new one is a name in the one above, which has to survive as well. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let made = path.resolve(directory); made.length >= first.length; made = path.dirname(made))
    await syncDirectory(path.dirname(made))
}
