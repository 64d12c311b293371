import { PipelineError } from '../core/errors.ts'
import { pause } from '../core/retry.ts'

/**
 * Waits for a token: neither a request nor a call has begun while there is none, so that their own limits do not count
 * yet. Rejects with TARGET_TIMEOUT after `ms`, and with DELIVERY_RELEASED when aborted.
 */
export async function inTime<T>(token: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  const stop = new AbortController()
  const end = () => stop.abort()
  signal.addEventListener('abort', end)
  let isOver = false
  const late = pause(signal.aborted ? 0 : ms, stop.signal).then(() => {
    if (isOver) return token
    if (signal.aborted) throw new PipelineError('DELIVERY_RELEASED')
    const problem = `no token within ${ms} ms`
    throw new PipelineError('TARGET_TIMEOUT', { target: "Google's sign-in service", problem })
  })
  try {
    return await Promise.race([token, late])
  } finally {
    isOver = true
    signal.removeEventListener('abort', end)
    end()
  }
}
