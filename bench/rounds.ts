import { type Drain, drain, type Load, type Options, type Services } from './measure.ts'
import type { Variant } from './pipeline.ts'

export interface Plan extends Omit<Load, 'payloadBytes'> {
  readonly rounds: number
  readonly sizes: readonly number[]
}

/**
 * The variants of one round follow each other, so that they meet the same machine; who begins changes by round. With
 * `onFailure` a variant that fails is told there, and left out of its round.
 */
export async function runRounds(
  services: Services,
  variants: readonly Variant[],
  { rounds, sizes, ...load }: Plan,
  { onFailure, ...options }: Options & { readonly onFailure?: (what: string, error: unknown) => void } = {},
): Promise<Drain[][]> {
  const found: Drain[][] = []
  for (let round = 0; round < rounds; round++) {
    const drains: Drain[] = []
    for (const payloadBytes of sizes)
      for (const variant of inTurn(variants, round)) {
        try {
          const drained = await drain(services, variant, { ...load, payloadBytes }, options)
          drains.push(drained)
          console.log(progress(round, drained))
        } catch (error) {
          if (!onFailure) throw error
          onFailure(`drain of ${payloadBytes} B by ${variant.name}`, error)
        }
      }
    found.push(drains)
  }
  return found
}

export const inTurn = <T>(items: readonly T[], round: number): T[] =>
  items.map((_, i) => items[(i + round) % items.length]!)

function progress(round: number, { variant, payloadBytes, ratePerSecond, cpuSecondsPer100k, ...rest }: Drain): string {
  const { lost, duplicated, outOfOrder, unacknowledged } = rest
  const faults = `lost ${lost}, duplicated ${duplicated}, out of order ${outOfOrder}, not acknowledged ${unacknowledged}`
  const figures = `${Math.round(ratePerSecond)}/s, ${cpuSecondsPer100k.toFixed(2)} CPU s / 100k`
  return `round ${round + 1}: ${variant} ${payloadBytes} B: ${figures}, ${faults}`
}
