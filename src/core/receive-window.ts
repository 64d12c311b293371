export interface WindowLimits {
  readonly records: number
  readonly bytes: number
}

export interface Admitted<T> {
  readonly item: T
  readonly bytes: number
  settled: boolean
}

/**
 * What has arrived over one connection and is not yet acknowledged. Entries are settled in any order and released in
 * arrival order [MQTT-4.6.0-2], all that are due in one call per turn of the event loop. The limits ask the caller to
 * stop reading; they never refuse an entry, because a broker may have sent more before it notices.
 */
export class ReceiveWindow<T> {
  readonly #limits: WindowLimits
  readonly #release: (items: readonly T[]) => void
  readonly #onRoom: () => void
  #entries: Admitted<T>[] = []
  #head = 0
  #bytes = 0
  #flushing: NodeJS.Immediate | undefined
  #wasFull = false

  constructor(limits: WindowLimits, release: (items: readonly T[]) => void, onRoom: () => void = () => {}) {
    this.#limits = limits
    this.#release = release
    this.#onRoom = onRoom
  }

  get records(): number {
    return this.#entries.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.records >= this.#limits.records || this.#bytes >= this.#limits.bytes
  }

  admit(item: T, bytes: number): Admitted<T> {
    const entry = { item, bytes, settled: false }
    this.#entries.push(entry)
    this.#bytes += bytes
    if (this.full) this.#wasFull = true
    return entry
  }

  settle(entry: Admitted<T>): void {
    entry.settled = true
    if (this.#flushing === undefined && this.#entries[this.#head] === entry)
      this.#flushing = setImmediate(() => this.flush())
  }

  /** Releases the settled prefix now instead of at the end of this turn. */
  flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    const due: T[] = []
    for (let entry = this.#entries[this.#head]; entry?.settled; entry = this.#entries[this.#head]) {
      due.push(entry.item)
      this.#bytes -= entry.bytes
      this.#head++
    }
    if (due.length === 0) return
    this.#compact()
    this.#release(due)
    if (this.#wasFull && !this.full) {
      this.#wasFull = false
      this.#onRoom()
    }
  }

  /** Forgets every entry: nothing more is released. */
  clear(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    this.#entries = []
    this.#head = 0
    this.#bytes = 0
  }

  #compact(): void {
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0
      this.#head = 0
    } else if (this.#head > 1024 && this.#head > this.#entries.length / 2) {
      this.#entries.splice(0, this.#head)
      this.#head = 0
    }
  }
}
