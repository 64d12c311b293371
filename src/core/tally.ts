/** Upper bounds in seconds; what is above the last counts in the total alone. */
export const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600] as const

/** Routes beyond these count together, as `otherRoutes`: a label with a value for each topic would fill Prometheus. */
const mostRoutes = 50
export const otherRoutes = 'other'

export interface RouteTally {
  received: number
  confirmed: number
  /** By reason. */
  readonly rejected: Map<string, number>
  /** From receipt to confirmation: how many are within each of `durationBuckets` and above the one before. */
  readonly durations: number[]
  durationSeconds: number
}

/** What a node has done with records since Node-RED started, by route. The numbers never go back. */
export class Tally {
  readonly #routes = new Map<string, RouteTally>()

  get routes(): ReadonlyMap<string, RouteTally> {
    return this.#routes
  }

  received(route: string | undefined): void {
    this.#of(route).received++
  }

  rejected(route: string | undefined, reason: string): void {
    const { rejected } = this.#of(route)
    rejected.set(reason, (rejected.get(reason) ?? 0) + 1)
  }

  /** `durationMs` by the wall clock, which may have been set back meanwhile. */
  confirmed(route: string | undefined, durationMs: number): void {
    const tally = this.#of(route)
    const seconds = Math.max(0, durationMs) / 1000
    const bucket = durationBuckets.findIndex((bound) => seconds <= bound)
    if (bucket >= 0) tally.durations[bucket]!++
    tally.durationSeconds += seconds
    tally.confirmed++
  }

  #of(route = ''): RouteTally {
    const known = this.#routes.get(route)
    if (known) return known
    if (this.#routes.size >= mostRoutes && route !== otherRoutes) return this.#of(otherRoutes)
    const durations = durationBuckets.map(() => 0)
    const tally = { received: 0, confirmed: 0, rejected: new Map(), durations, durationSeconds: 0 }
    this.#routes.set(route, tally)
    return tally
  }
}
