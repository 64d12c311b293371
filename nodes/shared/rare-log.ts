/** Says the first of many like messages at once, and of those that follow one a minute, with how many there were. */
export class RareLog {
  readonly #say: (text: string) => void
  readonly #now: () => number
  #saidAtMs = Number.NEGATIVE_INFINITY
  #unsaid = 0

  /** `now` is monotonic milliseconds. */
  constructor(say: (text: string) => void, now = () => performance.now()) {
    this.#say = say
    this.#now = now
  }

  note(text: string): void {
    const now = this.#now()
    if (now - this.#saidAtMs < 60_000) {
      this.#unsaid++
      return
    }
    this.#say(this.#unsaid > 0 ? `${text} (and ${this.#unsaid} more like it since the last one)` : text)
    this.#saidAtMs = now
    this.#unsaid = 0
  }
}
