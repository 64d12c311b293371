/** From and to, both included. */
export type Range = readonly [from: number, to: number]

/** The oldest are forgotten: an outbox hands out again what is a few batches old at most. */
const mostRanges = 20_000

/** A set of whole numbers that mostly follow each other. */
export class Positions {
  readonly #ranges: [number, number][]
  constructor(ranges: readonly Range[] = []) {
    this.#ranges = ranges.map(([from, to]) => [from, to])
  }

  get ranges(): readonly Range[] {
    return this.#ranges
  }

  has(position: number): boolean {
    const range = this.#ranges[this.#firstEndingAt(position)]
    return range !== undefined && range[0] <= position
  }

  add(position: number): void {
    const at = this.#firstEndingAt(position - 1)
    const range = this.#ranges[at]
    if (!range || range[0] > position + 1) this.#ranges.splice(at, 0, [position, position])
    else {
      range[0] = Math.min(range[0], position)
      range[1] = Math.max(range[1], position)
      this.#join(at)
    }
    if (this.#ranges.length > mostRanges) this.#ranges.shift()
  }

  #join(at: number): void {
    const [range, next] = [this.#ranges[at]!, this.#ranges[at + 1]]
    if (!next || next[0] > range[1] + 1) return
    range[1] = Math.max(range[1], next[1])
    this.#ranges.splice(at + 1, 1)
  }

  /** The place of the first range that ends at the position or behind it. */
  #firstEndingAt(position: number): number {
    let [low, high] = [0, this.#ranges.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#ranges[middle]![1] < position) low = middle + 1
      else high = middle
    }
    return low
  }
}
