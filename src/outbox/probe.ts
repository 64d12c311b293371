import path from 'node:path'
import { syncGate } from '../core/sync-gate.ts'
import { type FileLayer, writeFully } from './files.ts'
import { Latencies } from './latencies.ts'

const probes = 5

/** A full disk answers. */
export async function answers(files: FileLayer, directory: string): Promise<boolean> {
  try {
    await measure(files, directory, new Latencies())
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOSPC'
  }
}

/** A few real syncs, so that a slow disk shows before the first message. */
export async function measure(files: FileLayer, directory: string, latencies: Latencies): Promise<void> {
  const name = path.join(directory, 'probe')
  const file = await files.open(name, 'replace')
  try {
    const block = Buffer.alloc(4096, 1)
    for (let i = 0; i < probes; i++) {
      await writeFully(file, block, i * block.length)
      const started = performance.now()
      await syncGate.run(() => file.sync())
      latencies.add(performance.now() - started)
    }
  } finally {
    await file.close()
    await files.unlink(name)
  }
}
