import type { Problem } from '../core/problem.ts'
import { SchemaProblem, type Token, tokenize } from './ddl-tokens.ts'
import { sqlProblems } from './sql-problems.ts'

/** Goes through the tokens of a SQL text. `is…` looks, `take…` goes on if it found something, `expect…` fails if not. */
export class DdlReader {
  readonly #source: string
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = tokenize(source)
  }

  /** Where it is; `goTo` comes back here. */
  get position(): number {
    return this.#at
  }

  goTo(position: number): void {
    this.#at = position
  }

  token(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)!
  }

  next(): Token {
    const token = this.token()
    this.#at++
    return token
  }

  isWord(word: string, ahead = 0): boolean {
    const { kind, value } = this.token(ahead)
    return kind === 'word' && value.toUpperCase() === word
  }

  isSign(sign: string, ahead = 0): boolean {
    const { kind, value } = this.token(ahead)
    return kind === 'sign' && value === sign
  }

  takeWord(word: string): boolean {
    const found = this.isWord(word)
    if (found) this.#at++
    return found
  }

  /** All of these words in a row, or nothing. */
  takeWords(...words: readonly string[]): boolean {
    const found = words.every((word, ahead) => this.isWord(word, ahead))
    if (found) this.#at += words.length
    return found
  }

  takeSign(sign: string): boolean {
    const found = this.isSign(sign)
    if (found) this.#at++
    return found
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) this.fail(word)
  }

  expectSign(sign: string): void {
    if (!this.takeSign(sign)) this.fail(`"${sign}"`)
  }

  /** A name, quoted or not. */
  expectName(what: Problem): string {
    const { kind, value } = this.token()
    if ((kind !== 'word' && kind !== 'name') || value === '') this.fail(what)
    this.#at++
    return value
  }

  /** A text in single quotes. */
  expectText(what: Problem): string {
    if (this.token().kind !== 'text') this.fail(what)
    return this.next().value
  }

  expectWholeNumber(what: Problem, min: number, max: number): number {
    const { kind, value, line } = this.token()
    if (kind !== 'word' || !/^[0-9]+$/.test(value)) this.fail(what)
    if (Number(value) < min || Number(value) > max)
      throw new SchemaProblem(line, sqlProblems.of('range', { what, min, max, value }))
    this.#at++
    return Number(value)
  }

  /** Behind what stands in parentheses, whatever it is. */
  skipParentheses(): void {
    this.expectSign('(')
    for (let depth = 1; depth > 0; this.#at++) {
      if (this.token().kind === 'end') this.fail('")"')
      depth += this.nesting('(', ')')
    }
  }

  nesting(open: string, close: string, ahead = 0): number {
    return this.isSign(open, ahead) ? 1 : this.isSign(close, ahead) ? -1 : 0
  }

  /** The source from the token at `start` to the one before the current one, on one line and not too long. */
  textFrom(start: number): string {
    const text = this.#source.slice(this.#tokens[start]!.start, this.#tokens[this.#at - 1]!.end)
    const flat = text.slice(0, 1000).replace(/\s+/g, ' ')
    return flat.length > 80 ? `${flat.slice(0, 79)}…` : flat
  }

  lineAt(position: number): number {
    return this.#tokens[position]!.line
  }

  /** `expected`: words or signs of SQL as they are, or what they are. */
  fail(expected: string | Problem): never {
    const { line, start, end } = this.token()
    const text = this.#source.slice(start, Math.min(end, start + 40))
    const found = text === '' ? sqlProblems.of('end') : `"${text}"`
    throw new SchemaProblem(line, sqlProblems.of('expected', { expected, found }))
  }
}
