/** Thrown where one document takes more steps than `Effort` allows. */
export class EffortExceeded extends Error {}

/**
 * How much work one document may cause, counted in steps of some ten nanoseconds. Regular expressions and schemas that
 * refer to themselves need no clock then: the same document always gets the same answer, on a slow machine too.
 */
export class Effort {
  readonly #limit: number
  #left: number

  constructor(limit: number) {
    this.#limit = limit
    this.#left = limit
  }

  restart(): void {
    this.#left = this.#limit
  }

  /** Throws EffortExceeded. */
  spend(steps: number): void {
    this.#left -= steps
    if (this.#left < 0) throw new EffortExceeded('it takes too long')
  }
}
