export interface Backoff {
  readonly baseMs: number
  readonly maxMs: number
}

/** Upper bound of the wait before attempt `n` (from 0): doubling, capped. */
export function backoffCeilingMs(n: number, { baseMs, maxMs }: Backoff): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(n, 30))
}

/** The wait before retry `n` (from 0): the ceiling, varied by half up and down so that many senders spread out. */
export function retryDelayMs(n: number, backoff: Backoff, random: () => number = Math.random): number {
  return backoffCeilingMs(n, backoff) * (0.5 + random())
}

/** How long `n` retries take where each fails at once: the waits between them, as they are on average. */
export function totalRetryMs(n: number, backoff: Backoff): number {
  const growing = Array.from({ length: Math.min(n, 31) }, (_none, i) => backoffCeilingMs(i, backoff))
  return growing.reduce((sum, wait) => sum + wait, 0) + Math.max(0, n - 31) * backoffCeilingMs(31, backoff)
}

/**
 * The waits before reconnects, by their number from 0: anything below the ceiling, so that a plant of gateways does not
 * come back at once. The second mirrors the first: whoever was early, and too early, comes again when the first tries of
 * the others are over, so that the two never add up.
 */
export function reconnectDelaysMs(backoff: Backoff, random: () => number = Math.random): (n: number) => number {
  let drawn = 0
  return (n) => {
    drawn = n === 1 ? 1 - drawn : random()
    return backoffCeilingMs(n, backoff) * drawn
  }
}

/** Resolves after `ms`, or at once when the signal is aborted: the caller asks the signal what to do next. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

/** Waits for what may hang, as a disk may, for at most `ms`. */
export async function within(ms: number, work: Promise<void>): Promise<void> {
  const done = new AbortController()
  try {
    await Promise.race([work, pause(ms, done.signal)])
  } finally {
    done.abort()
  }
}
