import type { OutboxEntry } from './frame.ts'

/** Full batches at a time: one is written while the next is made ready. */
const mostBatches = 4

/** Entries that were handed out together. */
export interface Forwarded {
  readonly last: number
  readonly records: number
  readonly bytes: number
  done: boolean
}

/**
 * What is handed out and not confirmed, in order. Bounded in records and bytes, not in hand-outs: behind a record that
 * the target does not take, many small ones pass that it takes.
 */
export class OnTheWay {
  readonly #mostRecords: number
  readonly #mostBytes: number
  readonly #list: Forwarded[] = []
  #records = 0
  #bytes = 0

  /** The size of a full batch. */
  constructor(batchRecords: number, batchBytes: number) {
    this.#mostRecords = (mostBatches - 1) * batchRecords
    this.#mostBytes = (mostBatches - 1) * batchBytes
  }

  /** Whether there may be no room for another full batch. */
  get isFull(): boolean {
    return this.#records > this.#mostRecords || this.#bytes > this.#mostBytes
  }

  add(entries: readonly OutboxEntry[]): Forwarded {
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
    const forwarded = { last: entries.at(-1)!.position, records: entries.length, bytes, done: false }
    this.#list.push(forwarded)
    this.#records += forwarded.records
    this.#bytes += bytes
    return forwarded
  }

  /** Gives the position up to which everything is done now; undefined while something before it is not. */
  finish(forwarded: Forwarded): number | undefined {
    forwarded.done = true
    let last: number | undefined
    for (let first = this.#list[0]; first?.done; first = this.#list[0]) {
      this.#list.shift()
      this.#records -= first.records
      this.#bytes -= first.bytes
      last = first.last
    }
    return last
  }

  clear(): void {
    this.#list.length = 0
    this.#records = 0
    this.#bytes = 0
  }
}
