const BURST_MS = 10_000

/** Adds up what comes in bursts, and says the sum once in ten seconds at most. */
export class BurstSum {
  readonly #say: (sum: number) => void
  #sum = 0
  #timer: NodeJS.Timeout | undefined

  constructor(say: (sum: number) => void) {
    this.#say = say
  }

  add(amount: number): void {
    this.#sum += amount
    this.#timer ??= setTimeout(() => this.flush(), BURST_MS).unref()
  }

  /** Says what has not been said yet. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const sum = this.#sum
    this.#sum = 0
    if (sum > 0) this.#say(sum)
  }
}
