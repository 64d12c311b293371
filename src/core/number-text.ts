/** What JSON.stringify writes as it is. */
export const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/**
 * A number as it is written, where no JavaScript number has all of its digits: `12345678901234567890.12`. JSON.stringify
 * writes every digit, and calculations see the nearest number. Survives the cloning of messages.
 */
export class NumberText {
  /** The form that JSON asks for. */
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  toJSON(): unknown {
    return rawJSON(this.text)
  }

  toString(): string {
    return this.text
  }

  valueOf(): number {
    return Number(this.text)
  }
}
