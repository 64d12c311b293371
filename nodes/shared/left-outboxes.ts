import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { messageOf } from '../../src/core/errors.ts'
import { isOutbox } from '../../src/outbox/drain-first.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { count } from './status.ts'

const LOOK_MS = 60_000
const CLOSE_MS = 1000

/** What waits in the folders below `root` that no running sink uses: nobody else would tell of it after a restart. */
export async function* leftOutboxes(root: string, inUse: ReadonlySet<string>): AsyncGenerator<string> {
  const names = await readdir(root).catch(() => [])
  for (const directory of names.map((name) => path.join(root, name)))
    if (!inUse.has(directory) && isOutbox(directory)) yield* describe(directory)
}

async function* describe(directory: string): AsyncGenerator<string> {
  try {
    const entries = await entriesIn(directory)
    if (entries > 0)
      yield `${count(entries)} readings wait in ${directory}, an outbox that no running sink uses; ` +
        'a sink with that outbox folder forwards them.'
  } catch (error) {
    yield messageOf(error)
  }
}

async function entriesIn(directory: string): Promise<number> {
  const limits = { maxBytes: Number.POSITIVE_INFINITY, maxAgeMs: 0, whenFull: 'block' } as const
  const backoff = { retryBackoffMs: 100, maxRetryBackoffMs: 1000 }
  const outbox = await Outbox.open({ directory, ...limits, ...backoff }, AbortSignal.timeout(LOOK_MS))
  try {
    return outbox.snapshot().entries
  } finally {
    await outbox.close(CLOSE_MS)
  }
}
