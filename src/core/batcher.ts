export interface BatchLimits {
  readonly batchRecords: number
  readonly batchBytes: number
  readonly lingerMs: number
}

/**
 * Collects items in order. A batch is ready when one of the limits is reached or its first item has waited `lingerMs`;
 * `onReady` says so once per batch, and `take` hands it out. What stays behind a taken batch counts as having waited.
 */
export class Batcher<T> {
  readonly #limits: BatchLimits
  readonly #onReady: () => void
  /** Taken ones are undefined: a stream that never ends would hold thousands of them. */
  #items: ({ readonly item: T; readonly bytes: number } | undefined)[] = []
  #head = 0
  #bytes = 0
  #due = false
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor(limits: BatchLimits, onReady: () => void) {
    this.#limits = limits
    this.#onReady = onReady
  }

  get records(): number {
    return this.#items.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  get ready(): boolean {
    return this.records > 0 && (this.#due || this.#full)
  }

  get #full(): boolean {
    return this.records >= this.#limits.batchRecords || this.#bytes >= this.#limits.batchBytes
  }

  add(item: T, bytes: number): void {
    const wasReady = this.ready
    this.#items.push({ item, bytes })
    this.#bytes += bytes
    if (wasReady) return
    if (this.#full) this.#signal()
    else if (this.#timer === undefined && this.#immediate === undefined) this.#startLinger()
  }

  /** At most one batch; the first item is taken even when it alone is over the byte limit. */
  take(): { readonly items: T[]; readonly bytes: number } {
    this.#stopLinger()
    const items: T[] = []
    let bytes = 0
    while (this.records > 0 && items.length < this.#limits.batchRecords) {
      const next = this.#items[this.#head]!
      if (items.length > 0 && bytes + next.bytes > this.#limits.batchBytes) break
      items.push(next.item)
      bytes += next.bytes
      this.#items[this.#head++] = undefined
    }
    this.#bytes -= bytes
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
    this.#due = this.records > 0
    return { items, bytes }
  }

  /** Ends the waiting; what was collected can still be taken. */
  close(): void {
    this.#stopLinger()
    this.#due = this.records > 0
  }

  #startLinger(): void {
    const elapsed = () => {
      this.#due = true
      this.#signal()
    }
    if (this.#limits.lingerMs === 0) this.#immediate = setImmediate(elapsed)
    else this.#timer = setTimeout(elapsed, this.#limits.lingerMs)
  }

  #signal(): void {
    this.#stopLinger()
    this.#onReady()
  }

  #stopLinger(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
    this.#timer = undefined
    this.#immediate = undefined
  }
}
