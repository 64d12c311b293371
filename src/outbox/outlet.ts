import type { ByteBudget } from '../core/byte-budget.ts'
import type { OutboxEntry } from './frame.ts'
import type { Group } from './group.ts'
import { LiveTail } from './live-tail.ts'
import type { Replay } from './replay.ts'
import type { Retention } from './retention.ts'
import type { Segment } from './segment.ts'
import { Wakeup } from './wakeup.ts'

/** Hands entries out once, in order: from memory while the taker keeps up, else from disk until it has caught up. */
export class Outlet {
  readonly #retention: Retention
  readonly #replay: Replay
  readonly #memoryBytes: number
  readonly #budget: ByteBudget
  readonly #tail = new LiveTail()
  readonly #wakeup = new Wakeup()
  #live = false
  /** The last position that was given to the taker. */
  #handedOut = 0
  /** As `handedOut`, and beyond it what can never be given. */
  #passed = 0
  #budgetedBytes = 0

  /** Keeps up to `memoryBytes` in memory, and nothing while the budget is full. */
  constructor(retention: Retention, replay: Replay, memoryBytes: number, budget: ByteBudget) {
    this.#retention = retention
    this.#replay = replay
    this.#memoryBytes = memoryBytes
    this.#budget = budget
    this.rewind()
  }

  get memoryBytes(): number {
    return this.#tail.bytes
  }

  /** A group became safe. */
  stored(group: Group, segment: Segment, offset: number): void {
    if (this.#live) {
      this.#tail.push(group, segment, offset)
      if (this.#tail.bytes > this.#memoryBytes || this.#budget.full) this.#spill()
      this.#account()
    }
    this.#wakeup.wake()
  }

  /** At least one entry, as soon as there is one; none when aborted. */
  async take(maxEntries: number, maxBytes: number, signal: AbortSignal): Promise<readonly OutboxEntry[]> {
    while (!signal.aborted) {
      this.#retention.expire(Date.now())
      this.#live ||= this.#passed >= this.#retention.stored
      // From here to `handedOut` nothing may be waited for: a confirmation in between would count these as done.
      const entries = this.#live
        ? this.#fromMemory(maxEntries, maxBytes)
        : await this.#replay.take(maxEntries, maxBytes, signal)
      this.#passed = this.#live ? (entries.at(-1)?.position ?? this.#passed) : this.#replay.passed
      const due = entries.filter(({ position }) => position > this.#retention.confirmed)
      if (due.length > 0) {
        this.#handedOut = due.at(-1)!.position
        this.#retention.ages.note(due[0]!.position, due[0]!.storedAt)
        return due
      }
      this.#passOverLost()
      const isEmpty = this.#live && entries.length === 0
      if (isEmpty || this.#passed >= this.#retention.stored) await this.#wakeup.wait(signal)
    }
    return []
  }

  /** Entries up to `position` are done; those never handed out are not. */
  confirm(position: number): void {
    this.#retention.confirm(position >= this.#handedOut ? this.#passed : position)
  }

  rewind(): void {
    this.#tail.clear()
    this.#account()
    this.#handedOut = this.#passed = this.#retention.confirmed
    this.#live = this.#passed >= this.#retention.stored
    this.#replay.seek(this.#passed)
  }

  close(): void {
    this.#tail.clear()
    this.#account()
    this.#replay.close()
  }

  #fromMemory(maxEntries: number, maxBytes: number): OutboxEntry[] {
    const entries = this.#tail.take(maxEntries, maxBytes)
    this.#account()
    return entries
  }

  #account(): void {
    this.#budget.add(this.#tail.bytes - this.#budgetedBytes)
    this.#budgetedBytes = this.#tail.bytes
  }

  /** What cannot be read must not keep its segment, or the depth, for ever. */
  #passOverLost(): void {
    if (this.#retention.confirmed >= this.#handedOut) this.#retention.confirm(this.#passed)
  }

  #spill(): void {
    const place = this.#tail.clear()
    this.#live = false
    this.#replay.seek(this.#passed, place)
  }
}
