import type { PipelineError } from '../core/errors.ts'
import { pause } from '../core/retry.ts'

/** Whether a connection is wanted at present, and who waits for it to stand. On at first. */
export class OnOff {
  #off: PromiseWithResolvers<void> | undefined
  #waiting = new AbortController()
  readonly #arrivals = new Set<PromiseWithResolvers<void>>()

  get isOff(): boolean {
    return this.#off !== undefined
  }

  off(): void {
    this.#off ??= Promise.withResolvers<void>()
    this.hurry()
  }

  /** Ends a pause. */
  hurry(): void {
    this.#waiting.abort()
  }

  on(): void {
    this.#off?.resolve()
    this.#off = undefined
  }

  /** Resolves when it is on, or the signal is aborted. */
  async untilOn(signal: AbortSignal): Promise<void> {
    if (!this.#off || signal.aborted) return
    const { promise, resolve } = this.#off
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
  }

  /** Resolves after `ms`, or at once with `off`, `hurry` and an aborted signal. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#waiting = new AbortController()
    await pause(ms, AbortSignal.any([signal, this.#waiting.signal]))
  }

  /** Resolves when the connection stands; throws why the next attempt fails. */
  arrival(): Promise<void> {
    const arrival = Promise.withResolvers<void>()
    this.#arrivals.add(arrival)
    return arrival.promise
  }

  arrived(): void {
    for (const { resolve } of this.#arrivals) resolve()
    this.#arrivals.clear()
  }

  failed(error: PipelineError): void {
    for (const { reject } of this.#arrivals) reject(error)
    this.#arrivals.clear()
  }
}
