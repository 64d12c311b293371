import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test/services/processes.ts'
import { type Percentiles, percentiles } from './summary.ts'

/** How long the fdatasyncs of one Node process took. */
export interface SyncTimes {
  /** Of the process. */
  readonly env: { readonly [name: string]: string }
  /** When the process has ended in order; undefined if it synced nothing or was no Node process. */
  read(): Percentiles | undefined
}

export function observeSyncs(): SyncTimes {
  const file = join(temporaryDirectory('syncs'), 'times.json')
  const loaded = new URL('sync-times.ts', import.meta.url).href
  return {
    env: { NODE_OPTIONS: `--import=${loaded}`, ROWLINE_BENCH_SYNC_TIMES: file },
    read: () => {
      const times = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as number[]) : []
      return times.length === 0 ? undefined : percentiles(times)
    },
  }
}
