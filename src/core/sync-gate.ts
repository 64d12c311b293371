/**
 * Lets at most `limit` syncs run at once. A sync occupies one of libuv's four threads for as long as the disk takes;
 * without a limit four slow files stop every file, DNS and crypto call of the process.
 */
export class SyncGate {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  async run<T>(sync: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await sync()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }
}

/** One for the process: every sync of a file that readings wait for goes through it. */
export const syncGate = new SyncGate(2)
