const kept = 512

/** The latest durations and their percentiles. */
export class Latencies {
  readonly #ms: number[] = []
  #at = 0

  add(ms: number): void {
    this.#ms[this.#at] = ms
    this.#at = (this.#at + 1) % kept
  }

  /** `share` from 0 to 1; undefined before the first duration. */
  percentile(share: number): number | undefined {
    const sorted = this.#ms.toSorted((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  }
}
