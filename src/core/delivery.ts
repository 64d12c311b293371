import { PipelineError } from './errors.ts'

/**
 * How a delivery ended. `accepted`: every target has it. `rejected`: the data is at fault and is stored as a dead
 * letter. `released`: nobody has it, the source must hand it over again.
 */
export type Outcome =
  | { readonly status: 'accepted' }
  | { readonly status: 'rejected' | 'released'; readonly error: PipelineError }

export const accepted: Outcome = Object.freeze({ status: 'accepted' })
export const released: Outcome = Object.freeze({
  status: 'released',
  error: new PipelineError('DELIVERY_RELEASED'),
})

/**
 * The right to settle one batch of source records, once. It belongs to the batch and not to a record, because a batch
 * may be split on its way: each part then needs a right of its own, and `fork` makes them.
 */
export interface Delivery {
  /** The first call counts, later ones do nothing. */
  settle(outcome: Outcome): void
  /** Splits the right among `holders` (at least 1): settled when all have settled, with the worst outcome. */
  fork(holders: number): readonly Delivery[]
}

const rank = { accepted: 0, rejected: 1, released: 2 } as const

export function createDelivery(onSettled: (outcome: Outcome) => void): Delivery {
  return new SingleDelivery(onSettled)
}

class SingleDelivery implements Delivery {
  #onSettled: ((outcome: Outcome) => void) | undefined
  constructor(onSettled: (outcome: Outcome) => void) {
    this.#onSettled = onSettled
  }

  settle(outcome: Outcome): void {
    const onSettled = this.#onSettled
    this.#onSettled = undefined
    onSettled?.(outcome)
  }

  fork(holders: number): readonly Delivery[] {
    if (!Number.isInteger(holders) || holders < 1) throw new RangeError(`fork needs at least 1 holder, not ${holders}`)
    let left = holders
    let worst = accepted
    const join = (outcome: Outcome) => {
      if (rank[outcome.status] > rank[worst.status]) worst = outcome
      if (--left === 0) this.settle(worst)
    }
    return Array.from({ length: holders }, () => new SingleDelivery(join))
  }
}
