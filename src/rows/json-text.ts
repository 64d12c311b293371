import { PipelineError } from '../core/errors.ts'

/** JSON in which a number can be something else than a JavaScript number. */
export type Json<N> = null | boolean | string | N | readonly Json<N>[] | JsonObject<N>
export interface JsonObject<N> {
  readonly [key: string]: Json<N>
}

export interface JsonRules<N> {
  /** Makes the value of a number from its text, which has the form that JSON asks for. */
  readonly number: (text: string) => N
  /** Takes what Flink takes: control characters in strings, and anything behind the first value. */
  readonly lenient: boolean
}

/** Deeper documents are refused: nothing that clones or writes them further on would survive them. */
export const maxDepth = 1000
/** Longer numbers are refused: making a BigInt of a number takes more than linear time. */
const maxNumberLength = 1000

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The text of UTF-8 bytes without a byte order mark; JSON_INVALID when they are something else. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw new PipelineError('JSON_INVALID', { problem: 'it is not UTF-8 text' }, error)
  }
}

/**
 * Reads JSON with the text of every number known; five times slower than JSON.parse. The last of several equal keys
 * counts. Throws JSON_INVALID with the position, counted in characters from 1.
 */
export function parseJson<N>(text: string, rules: JsonRules<N>): Json<N> {
  return new JsonReader(text, rules).document()
}

/** Sets a key as an own one, `__proto__` too. */
export function setOwn<T>(object: { [key: string]: T }, key: string, value: T): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

const space = /[ \t\r\n]*/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const literals = { t: ['true', true], f: ['false', false], n: ['null', null] } as const
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
const controls = /[\x00-\x1f]/g

class JsonReader<N> {
  readonly #text: string
  readonly #rules: JsonRules<N>
  #at = 0
  #depth = 0

  constructor(text: string, rules: JsonRules<N>) {
    this.#text = text
    this.#rules = rules
  }

  document(): Json<N> {
    this.#skipSpace()
    const value = this.#value()
    this.#skipSpace()
    if (!this.#rules.lenient && this.#at < this.#text.length) this.#fail('expected the end')
    return value
  }

  #value(): Json<N> {
    const first = this.#text[this.#at]
    if (first === '{') return this.#nested(() => this.#object())
    if (first === '[') return this.#nested(() => this.#array())
    if (first === '"') return this.#string()
    if (first === 't' || first === 'f' || first === 'n') {
      const [literal, value] = literals[first]
      if (!this.#text.startsWith(literal, this.#at)) this.#fail('expected a value')
      this.#at += literal.length
      return value
    }
    return this.#number()
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) this.#fail(`it is nested more than ${maxDepth} deep`)
    const value = read()
    this.#depth--
    return value
  }

  #object(): JsonObject<N> {
    const object: { [key: string]: Json<N> } = {}
    this.#at++
    this.#skipSpace()
    if (this.#takes('}')) return object
    do {
      this.#skipSpace()
      if (this.#text[this.#at] !== '"') this.#fail('expected a key in quotes')
      const key = this.#string()
      this.#skipSpace()
      if (!this.#takes(':')) this.#fail('expected ":"')
      this.#skipSpace()
      setOwn(object, key, this.#value())
      this.#skipSpace()
    } while (this.#takes(','))
    if (!this.#takes('}')) this.#fail('expected "," or "}"')
    return object
  }

  #array(): readonly Json<N>[] {
    const array: Json<N>[] = []
    this.#at++
    this.#skipSpace()
    if (this.#takes(']')) return array
    do {
      this.#skipSpace()
      array.push(this.#value())
      this.#skipSpace()
    } while (this.#takes(','))
    if (!this.#takes(']')) this.#fail('expected "," or "]"')
    return array
  }

  #number(): N {
    number.lastIndex = this.#at
    if (!number.test(this.#text)) this.#fail('expected a value')
    const length = number.lastIndex - this.#at
    if (length > maxNumberLength) this.#fail(`a number has more than ${maxNumberLength} characters`)
    this.#at += length
    return this.#rules.number(this.#text.slice(this.#at - length, this.#at))
  }

  #string(): string {
    const start = this.#at
    let plainText = true
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at)
      if (code === 0x22) {
        this.#at = at + 1
        return plainText ? this.#text.slice(start + 1, at) : this.#unescape(start, at + 1)
      }
      if (code === 0x5c) {
        plainText = false
        if (this.#text.charCodeAt(++at) < 0x20) return this.#badEscape(start)
      } else if (code < 0x20) {
        this.#at = at
        if (!this.#rules.lenient) this.#fail('a control character in a string has to be escaped')
        plainText = false
      }
    }
    return this.#fail('the closing quote is missing of the string')
  }

  #unescape(start: number, end: number): string {
    const quoted = this.#text.slice(start, end)
    try {
      return JSON.parse(quoted.replace(controls, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`))
    } catch {
      return this.#badEscape(start)
    }
  }

  #badEscape(start: number): never {
    this.#at = start
    return this.#fail('there is an escape that JSON does not know in the string')
  }

  #skipSpace(): void {
    if (this.#text.charCodeAt(this.#at) > 0x20) return
    space.lastIndex = this.#at
    space.test(this.#text)
    this.#at = space.lastIndex
  }

  #takes(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false
    this.#at++
    return true
  }

  #fail(what: string): never {
    const found = this.#text.slice(this.#at, this.#at + 20)
    const where = found === '' ? 'but the text ends' : `found ${JSON.stringify(found)}`
    throw new PipelineError('JSON_INVALID', { problem: `${what} at character ${this.#at + 1}, ${where}` })
  }
}
