import { type Backoff, pause, retryDelayMs } from '../core/retry.ts'

/** How reading waits out a disk that comes back. */
export interface Patience {
  readonly backoff: Backoff
  readonly signal: AbortSignal
  readonly onError: (error: unknown) => void
  /** Whether the disk as a whole answers: only then a read that keeps failing is damage and not an outage. */
  readonly diskWorks: () => Promise<boolean>
}

const attempts = 10

/** The result of `read`; undefined when it fails `tries` times and then once more on a disk that works. Throws only when aborted. */
export async function patiently<T>(
  read: () => Promise<T>,
  patience: Patience,
  tries = attempts,
): Promise<T | undefined> {
  let works = false
  for (let failures = 0; ; failures++) {
    try {
      return await read()
    } catch (error) {
      patience.onError(error)
      if (works) return undefined
      works = failures + 1 >= tries && (await patience.diskWorks())
      if (!works) await pause(retryDelayMs(failures, patience.backoff), patience.signal)
      patience.signal.throwIfAborted()
    }
  }
}
