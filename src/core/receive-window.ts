import { type ByteBudget, unlimited } from './byte-budget.ts'

export interface WindowLimits {
  readonly records: number
  readonly bytes: number
  /** Shared with everybody else who holds records. */
  readonly budget?: ByteBudget
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
  readonly #budget: ByteBudget
  readonly #leaveBudget: () => void
  /** Released ones are undefined: what they held would stay in memory while messages go on arriving. */
  #entries: (Admitted<T> | undefined)[] = []
  #head = 0
  #bytes = 0
  #flushing: NodeJS.Immediate | undefined
  #wasFull = false

  constructor(limits: WindowLimits, release: (items: readonly T[]) => void, onRoom: () => void = () => {}) {
    this.#limits = limits
    this.#release = release
    this.#onRoom = onRoom
    this.#budget = limits.budget ?? unlimited
    this.#leaveBudget = this.#budget.join(() => this.#look())
  }

  get records(): number {
    return this.#entries.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    const { records, bytes } = this.#limits
    return this.records >= records || this.#bytes >= bytes || this.#budget.stops(this.#bytes)
  }

  admit(item: T, bytes: number): Admitted<T> {
    const entry = { item, bytes, settled: false }
    this.#entries.push(entry)
    this.#hold(bytes)
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
    let bytes = 0
    for (let entry = this.#entries[this.#head]; entry?.settled; entry = this.#entries[this.#head]) {
      due.push(entry.item)
      bytes += entry.bytes
      this.#entries[this.#head++] = undefined
    }
    if (due.length === 0) return
    this.#compact()
    this.#release(due)
    this.#hold(-bytes)
    this.#look()
  }

  /** Forgets every entry: nothing more is released, and nothing may be admitted. */
  close(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    this.#leaveBudget()
    this.#hold(-this.#bytes)
    this.#entries = []
    this.#head = 0
  }

  #hold(bytes: number): void {
    this.#bytes += bytes
    this.#budget.add(bytes)
  }

  #look(): void {
    if (!this.#wasFull || this.full) return
    this.#wasFull = false
    this.#onRoom()
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
