/**
 * What everything in a process that holds records in memory may hold together: windows, batches, requests, outboxes.
 * It refuses nothing. Sources stop reading while it is full, and what was read drains by itself.
 */
export class ByteBudget {
  readonly maxBytes: number
  readonly #readers = new Set<() => void>()
  #held = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get held(): number {
    return this.#held
  }

  get full(): boolean {
    return this.#held >= this.maxBytes
  }

  /** Somebody begins to hold so many bytes, or ends it where the number is negative. */
  add(bytes: number): void {
    const wasFull = this.full
    this.#held += bytes
    if (wasFull && !this.full) for (const onRoom of this.#readers) onRoom()
  }

  /** One more reads from a source; `onRoom` is called whenever the budget is no longer full. Returns what ends it. */
  join(onRoom: () => void): () => void {
    this.#readers.add(onRoom)
    return () => this.#readers.delete(onRoom)
  }

  /**
   * Whether a reader that holds so much has to stop. Each may have its share of one half however full it is, so that a
   * flow whose target is down does not stop the others.
   */
  stops(readerBytes: number): boolean {
    return this.full && readerBytes >= this.maxBytes / 2 / Math.max(1, this.#readers.size)
  }
}

export const unlimited = new ByteBudget(Number.POSITIVE_INFINITY)
