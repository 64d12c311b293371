export interface Address {
  readonly host: string
  readonly port: number
}

/** The brokers of one connection in the order in which they are tried. One that works is kept until it fails. */
export class Addresses {
  readonly #all: readonly Address[]
  #at = 0
  /** How many were tried since one has worked or all have failed. */
  #tried = 0
  #answered: Address

  constructor({ host, port }: Address, fallbacks: readonly Address[] = []) {
    this.#all = [{ host, port }, ...fallbacks]
    this.#answered = this.#all[0]!
  }

  get current(): Address {
    return this.#all[this.#at]!
  }

  /** The current one cannot be reached. Says whether there is another one to try before a wait. */
  next(): boolean {
    this.#at = (this.#at + 1) % this.#all.length
    this.#tried = (this.#tried + 1) % this.#all.length
    return this.#tried > 0
  }

  /** The current one has answered. Says whether it is another one than the last that did. */
  answered(): boolean {
    const isOther = this.#answered !== this.current
    this.#answered = this.current
    this.#tried = 0
    return isOther
  }
}
