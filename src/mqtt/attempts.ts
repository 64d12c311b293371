import { type Backoff, reconnectDelaysMs } from '../core/retry.ts'
import { isHangUp, isTakeover } from './connection-error.ts'
import type { EpochEnd } from './epoch.ts'

export interface AttemptLimits {
  readonly reconnect: Backoff
  /** False: a connection that has ended is not taken up again. */
  readonly autoReconnect?: boolean
  /** After so many attempts in a row that fail at every broker no more are made. Absent and 0: for ever. */
  readonly connectAttempts?: number
}

/** How a connection, or an attempt to make one at any of the brokers, has ended. `connectedMs`: 0 for an attempt. */
export interface Ended extends EpochEnd {
  readonly connectedMs: number
}

const STABLE_MS = 10_000
const RESTART_MS = 20
/** So many connections in a row that the broker ended before they were stable are a takeover. */
const TAKEOVERS = 3

/** Counts connections and attempts that have ended: whether to go on, and after which wait. */
export class Attempts {
  readonly #limits: AttemptLimits
  readonly #delayMs: (n: number) => number
  #inARow = 0
  #failures = 0
  #takeovers = 0

  constructor(limits: AttemptLimits) {
    this.#limits = limits
    this.#delayMs = reconnectDelaysMs(limits.reconnect)
  }

  /** How many attempts in a row have failed. */
  get inARow(): number {
    return this.#inARow
  }

  /** Whether the broker lets us in and throws us out again and again, as one does that has a second client of our name. */
  get areTakeovers(): boolean {
    return this.#takeovers >= TAKEOVERS
  }

  /** Says whether it was the last one. */
  ended({ closedHere, connectedMs }: Ended): boolean {
    const { autoReconnect = true, connectAttempts = 0 } = this.#limits
    this.#inARow = connectedMs === 0 ? this.#inARow + 1 : 0
    if (closedHere) return false
    return (this.#inARow === 0 && !autoReconnect) || (connectAttempts > 0 && this.#inARow >= connectAttempts)
  }

  /** It has ended, and there is no other broker to try at once: how long to wait. `isIntended`: that was no failure. */
  waitMs({ closedHere, error, connectedMs }: Ended, isIntended: boolean): number {
    const isBrief = connectedMs > 0 && connectedMs < STABLE_MS
    const isThrownOut = !closedHere && (isHangUp(error) || isTakeover(error)) && isBrief
    this.#takeovers = isThrownOut ? this.#takeovers + 1 : 0
    this.#failures = isIntended ? 0 : connectedMs > STABLE_MS ? 1 : this.#failures + 1
    if (isIntended) return 0
    const atOnce = closedHere && this.#failures === 1
    return atOnce ? RESTART_MS : this.#delayMs(this.#failures - 1)
  }
}
