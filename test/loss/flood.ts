import { type Numbered, type PublishOptions, publishNumbered } from '../services/publisher.ts'

/** A publisher that goes on until it is stopped: a test that fails must not leave it behind. */
export interface Flood extends AsyncDisposable {
  /** Resolves with everything that the broker has confirmed. */
  stop(): Promise<readonly Numbered[]>
}

export function startFlood(options: Omit<PublishOptions, 'count' | 'signal'>): Flood {
  const enough = new AbortController()
  const publishing = publishNumbered({ ...options, count: Number.MAX_SAFE_INTEGER, signal: enough.signal })
  const stop = () => {
    enough.abort()
    return publishing
  }
  return { stop, [Symbol.asyncDispose]: async () => void (await stop()) }
}
