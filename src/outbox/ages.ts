interface Mark {
  readonly position: number
  readonly storedAt: number
}

const closestMs = 1000
const mostMarks = 4096

/**
 * Remembers since when entries have been waiting, in bounded memory: one mark per second, fewer for a long backlog.
 * The age it tells is never too low, and too high by at most the distance of two marks.
 */
export class Ages {
  #marks: Mark[] = []

  note(position: number, storedAt: number): void {
    const at = this.#after(position)
    const before = this.#marks[at - 1]
    if (before && storedAt - before.storedAt < closestMs) return
    this.#marks.splice(at, 0, { position, storedAt })
    if (this.#marks.length > mostMarks) this.#marks = this.#marks.filter((_, index) => index % 2 === 0)
  }

  /** Wall-clock ms at which the entry at `position` was stored, or a little before. */
  storedAt(position: number): number | undefined {
    return (this.#marks[this.#after(position) - 1] ?? this.#marks[0])?.storedAt
  }

  /** Nothing before `position` will be asked for again. */
  forget(position: number): void {
    const keep = this.#after(position) - 1
    if (keep > 0) this.#marks.splice(0, keep)
  }

  /** Index of the first mark beyond the position. */
  #after(position: number): number {
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#marks[middle]!.position <= position) low = middle + 1
      else high = middle
    }
    return low
  }
}
