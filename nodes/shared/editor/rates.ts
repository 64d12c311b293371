/** Points of the chart: a minute. */
export const chartPoints = 60

interface Sample {
  readonly total: number
  readonly atMs: number
}

/** Rates of running totals, which begin anew when a node is deployed. */
export class Rates {
  readonly #last = new Map<string, Sample>()
  readonly #history = new Map<string, number[]>()

  /** Notes the present total and gives the rate per second since the one before; 0 for the first. */
  note(key: string, total: number, atMs: number): number {
    const last = this.#last.get(key)
    this.#last.set(key, { total, atMs })
    const elapsedMs = last ? atMs - last.atMs : 0
    const rate = last && elapsedMs > 0 ? (Math.max(0, total - last.total) * 1000) / elapsedMs : 0
    const history = this.#history.get(key) ?? []
    if (last) history.push(rate)
    if (history.length > chartPoints) history.shift()
    this.#history.set(key, history)
    return rate
  }

  history(key: string): readonly number[] {
    return this.#history.get(key) ?? []
  }
}

/** At each moment the lowest of all that go back so far. All end now. */
export function lowestOf(histories: readonly (readonly number[])[]): readonly number[] {
  const points = Math.max(0, ...histories.map(({ length }) => length))
  return Array.from({ length: points }, (_, i) =>
    Math.min(...histories.flatMap((history) => history.at(i - points) ?? [])),
  )
}

/** The points of an SVG polyline of 120 by 24, the newest at the right edge. */
export function chartLine(history: readonly number[], highest: number): string {
  const step = 120 / (chartPoints - 1)
  const y = (rate: number) => 23 - (highest > 0 ? (22 * rate) / highest : 0)
  const first = chartPoints - history.length
  return history.map((rate, i) => `${((first + i) * step).toFixed(1)},${y(rate).toFixed(1)}`).join(' ')
}
