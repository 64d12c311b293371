import { setTimeout as delay } from 'node:timers/promises'
import { type Delivery, released } from '../core/delivery.ts'
import type { Message } from './epoch.ts'
import type { InboundPublish } from './publish-decoder.ts'

/** What becomes of a message that nobody has taken. */
export type Unclaimed = (publish: InboundPublish, delivery: Delivery) => void

/** Messages that nobody takes at present, in the order in which they came. They wait a while for somebody who does. */
export class HeldMessages {
  #held: Message[] = []
  #ended = false
  readonly #waitMs: number
  readonly #isSuspended: () => boolean
  readonly #unclaimed: Unclaimed

  /** While it `isSuspended` no wait ends. */
  constructor(waitMs: number, isSuspended: () => boolean, unclaimed: Unclaimed) {
    this.#waitMs = waitMs
    this.#isSuspended = isSuspended
    this.#unclaimed = unclaimed
  }

  /** What comes after the end is nobody's. */
  add(message: Message): void {
    if (this.#ended) {
      this.#unclaimed(message.publish, message.delivery)
      return
    }
    this.#held.push(message)
    this.#await(message)
  }

  /** Older than all that is here. */
  putFirst(messages: readonly Message[]): void {
    this.#held = [...messages, ...this.#held]
    for (const message of messages) this.#await(message)
  }

  #await(message: Message): void {
    void delay(this.#waitMs, undefined, { ref: false }).then(() => {
      const at = this.#held.indexOf(message)
      if (at < 0 || this.#isSuspended()) return
      this.#held.splice(at, 1)
      this.#unclaimed(message.publish, message.delivery)
    })
  }

  /** Everything, which is not held any longer. */
  take(): readonly Message[] {
    return this.#held.splice(0)
  }

  /** Releases what its server keeps. */
  giveBack(): void {
    const isKept = ({ publish, epoch }: Message) => epoch?.keeps(publish) === true
    const kept = this.#held.filter(isKept)
    this.#held = this.#held.filter((message) => !isKept(message))
    for (const { delivery } of kept) delivery.settle(released)
  }

  end(): void {
    this.#ended = true
    for (const { publish, delivery } of this.take()) this.#unclaimed(publish, delivery)
  }
}
