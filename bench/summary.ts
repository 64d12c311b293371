import type { Drain } from './measure.ts'
import { type Variant, variants } from './variants.ts'

export interface Summary {
  readonly variant: Variant['name']
  readonly payloadBytes: number
  readonly messages: number
  readonly drains: number
  readonly ratePerSecond: Spread
  readonly cpuSecondsPer100k: Spread
  readonly peakRssMiB: number
  /** Medians of the ratios to the stock flow's drain of the same round. */
  readonly rateToStock: number
  readonly stockCpuToOurs: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  readonly unacknowledged: number
}

interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** `rounds[r]` holds one drain per variant and payload size, run one after the other. */
export function summarize(rounds: readonly (readonly Drain[])[]): Summary[] {
  const sizes = [...new Set(rounds.flat().map(({ payloadBytes }) => payloadBytes))]
  return sizes.flatMap((bytes) => variants.map(({ name }) => summarizeVariant(rounds, name, bytes)))
}

function summarizeVariant(rounds: readonly (readonly Drain[])[], name: Variant['name'], bytes: number): Summary {
  const of = (variant: Variant['name']) =>
    rounds.map((round) => round.find((drain) => drain.variant === variant && drain.payloadBytes === bytes)!)
  const own = of(name)
  const stock = of('stock')
  const sum = (pick: (drain: Drain) => number) => own.reduce((total, drain) => total + pick(drain), 0)
  return {
    variant: name,
    payloadBytes: bytes,
    messages: own[0]!.messages,
    drains: own.length,
    ratePerSecond: spread(own.map((drain) => drain.ratePerSecond)),
    cpuSecondsPer100k: spread(own.map((drain) => drain.cpuSecondsPer100k)),
    peakRssMiB: Math.max(...own.map((drain) => drain.peakRssMiB)),
    rateToStock: spread(own.map((drain, i) => drain.ratePerSecond / stock[i]!.ratePerSecond)).median,
    stockCpuToOurs: spread(own.map((drain, i) => stock[i]!.cpuSecondsPer100k / drain.cpuSecondsPer100k)).median,
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    unacknowledged: sum(({ unacknowledged }) => unacknowledged),
  }
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}
