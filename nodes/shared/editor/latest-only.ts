const QUIET_MS = 300

/** Asks one question at a time, and shows an answer only while no newer one is wanted. */
export class LatestOnly {
  /** Asks with what is entered then; gives what shows the answer. */
  readonly #ask: () => Promise<() => void>
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAsking = false
  #isWantedAgain = false
  #isClosed = false

  constructor(ask: () => Promise<() => void>) {
    this.#ask = ask
  }

  /** Once nobody has called this for 300 ms. */
  soon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.now(), QUIET_MS)
  }

  now(): void {
    clearTimeout(this.#timer)
    if (this.#isAsking) this.#isWantedAgain = true
    else void this.#run()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #run(): Promise<void> {
    this.#isAsking = true
    this.#isWantedAgain = false
    try {
      const show = await this.#ask()
      if (!this.#isWantedAgain && !this.#isClosed) show()
    } finally {
      this.#isAsking = false
    }
    if (this.#isWantedAgain && !this.#isClosed) void this.#run()
  }
}
