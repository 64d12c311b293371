import type { Delivery } from './delivery.ts'
import type { Record } from './record.ts'

/** Records that are settled together, in arrival order. `bytes` counts topics and payloads. */
export interface Batch {
  readonly records: readonly Record[]
  readonly bytes: number
  readonly delivery: Delivery
}

/**
 * The life of a source: `open` is called once and resolves when the source has started to try; from then on it hands
 * over batches in arrival order and reconnects by itself. Every batch's delivery is settled exactly once by the
 * receiver. `accepted` and `rejected` acknowledge to the origin; `released` makes it hand the records over again.
 * `close` stops handing over, sends the acknowledgements already due, and may be called twice.
 */
export interface Source {
  open(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
