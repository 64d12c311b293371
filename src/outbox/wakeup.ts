/** One sleeper at a time, who looks again at what he waits for whenever somebody wakes him. */
export class Wakeup {
  #wake: (() => void) | undefined

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** Resolves at the next `wake` or abort. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        resolve()
      }
      if (signal.aborted) return resolve()
      this.#wake = wake
      signal.addEventListener('abort', wake)
    })
  }
}
