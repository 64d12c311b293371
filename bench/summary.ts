import type { Drain } from './measure.ts'
import type { Variant } from './pipeline.ts'

export interface Summary {
  readonly variant: Variant['name']
  readonly payloadBytes: number
  readonly messages: number
  readonly drains: number
  readonly ratePerSecond: Spread
  readonly cpuSecondsPer100k: Spread
  readonly peakRssMiB: number
  /** Medians of the ratios to the stock flow's drain of the same round; NaN where there is none. */
  readonly rateToStock: number
  readonly stockCpuToOurs: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly unacknowledged: number
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** `rounds[r]` holds at most one drain per variant and payload size, run one after the other. */
export function summarize(rounds: readonly (readonly Drain[])[]): Summary[] {
  const drains = rounds.flat()
  const sizes = [...new Set(drains.map(({ payloadBytes }) => payloadBytes))]
  const names = [...new Set(drains.map(({ variant }) => variant))]
  return sizes.flatMap((bytes) =>
    names
      .filter((name) => drains.some((drain) => drain.variant === name && drain.payloadBytes === bytes))
      .map((name) => summarizeVariant(rounds, name, bytes)),
  )
}

/** Medians of the ratios of one figure of two variants within each round. */
export function ratio(
  rounds: readonly (readonly Drain[])[],
  payloadBytes: number,
  [over, under]: readonly [Variant['name'], Variant['name']],
  figure: 'ratePerSecond' | 'cpuSecondsPer100k',
): number {
  const of = (round: readonly Drain[], name: Variant['name']) =>
    round.find((drain) => drain.variant === name && drain.payloadBytes === payloadBytes)?.[figure]
  const ratios = rounds.map((round) => (of(round, over) ?? NaN) / (of(round, under) ?? NaN))
  return spread(ratios.filter((one) => !Number.isNaN(one))).median
}

function summarizeVariant(rounds: readonly (readonly Drain[])[], name: Variant['name'], bytes: number): Summary {
  const own = rounds.flat().filter((drain) => drain.variant === name && drain.payloadBytes === bytes)
  const sum = (pick: (drain: Drain) => number) => own.reduce((total, drain) => total + pick(drain), 0)
  return {
    variant: name,
    payloadBytes: bytes,
    messages: own[0]!.messages,
    drains: own.length,
    ratePerSecond: spread(own.map((drain) => drain.ratePerSecond)),
    cpuSecondsPer100k: spread(own.map((drain) => drain.cpuSecondsPer100k)),
    peakRssMiB: Math.max(...own.map((drain) => drain.peakRssMiB)),
    rateToStock: ratio(rounds, bytes, [name, 'stock'], 'ratePerSecond'),
    stockCpuToOurs: ratio(rounds, bytes, ['stock', name], 'cpuSecondsPer100k'),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    unacknowledged: sum(({ unacknowledged }) => unacknowledged),
  }
}

export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: NaN, min: NaN, max: NaN }
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** In milliseconds. */
export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
