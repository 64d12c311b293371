import { setTimeout as delay } from 'node:timers/promises'
import { type Delivery, released } from '../core/delivery.ts'
import type { InboundPublish } from './publish-decoder.ts'

interface Held {
  readonly publish: InboundPublish
  readonly delivery: Delivery
}

/** What becomes of a message that nobody has taken. */
export type Unclaimed = (publish: InboundPublish, delivery: Delivery) => void

/** Messages that nobody takes at present, in the order in which they came. They wait a while for somebody who does. */
export class HeldMessages {
  readonly #held: Held[] = []
  readonly #waitMs: number
  readonly #isSuspended: () => boolean
  readonly #unclaimed: Unclaimed

  /** While it `isSuspended` no wait ends. */
  constructor(waitMs: number, isSuspended: () => boolean, unclaimed: Unclaimed) {
    this.#waitMs = waitMs
    this.#isSuspended = isSuspended
    this.#unclaimed = unclaimed
  }

  add(publish: InboundPublish, delivery: Delivery): void {
    const held = { publish, delivery }
    this.#held.push(held)
    void delay(this.#waitMs, undefined, { ref: false }).then(() => {
      const at = this.#held.indexOf(held)
      if (at < 0 || this.#isSuspended()) return
      this.#held.splice(at, 1)
      this.#unclaimed(publish, delivery)
    })
  }

  /** Everything, which is not held any longer. */
  take(): readonly Held[] {
    return this.#held.splice(0)
  }

  /** Releases what a server keeps, which is nothing of QoS 0. */
  giveBack(): void {
    const kept = this.#held.filter(({ publish }) => publish.qos > 0)
    for (const each of kept) this.#held.splice(this.#held.indexOf(each), 1)
    for (const { delivery } of kept) delivery.settle(released)
  }

  end(): void {
    for (const { publish, delivery } of this.take()) this.#unclaimed(publish, delivery)
  }
}
