import { PipelineError } from '../core/errors.ts'
import {
  backslash,
  closeArray,
  closeObject,
  colon,
  comma,
  minus,
  nine,
  openArray,
  openObject,
  quote,
  space,
  zero,
} from './json-codes.ts'
import { maxDepth, tooDeep } from './json-depth.ts'

/** JSON in which a number that is no short integer can be something else than a JavaScript number. */
export type Json<N> = null | boolean | string | number | N | readonly Json<N>[] | JsonObject<N>
export interface JsonObject<N> {
  readonly [key: string]: Json<N>
}

export interface JsonRules<N> {
  /**
   * Makes the value of a number from its text, which has the form that JSON asks for. Not asked about integers of at
   * most 15 digits, whose text is that of the JavaScript number.
   */
  readonly number: (text: string) => N
  /** Takes what Flink takes: control characters in strings, and anything behind the first value. */
  readonly lenient: boolean
}

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
 * Reads JSON with the text of every number known; about three times slower than JSON.parse. The last of several equal
 * keys counts. Throws JSON_INVALID with the position, counted in characters from 1.
 */
export function parseJson<N>(text: string, rules: JsonRules<N>): Json<N> {
  return new JsonReader(text, rules).document()
}

/** Sets a key as an own one, `__proto__` too. */
export function setOwn<T>(object: { [key: string]: T }, key: string, value: T): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const shortDigits = 15
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what has to be escaped
const controls = /[\x00-\x1f]/g
const escapes = Array.from({ length: 32 }, (_, code) => `\\u${code.toString(16).padStart(4, '0')}`)

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
    this.#nextSign()
    const value = this.#value()
    this.#nextSign()
    if (!this.#rules.lenient && this.#at < this.#text.length) this.#fail('expected the end')
    return value
  }

  #value(): Json<N> {
    switch (this.#text.charCodeAt(this.#at)) {
      case openObject:
        return this.#object()
      case openArray:
        return this.#array()
      case quote:
        return this.#string()
      case 0x74:
        return this.#literal('true', true)
      case 0x66:
        return this.#literal('false', false)
      case 0x6e:
        return this.#literal('null', null)
      default:
        return this.#number()
    }
  }

  #literal<T>(text: string, value: T): T {
    if (!this.#text.startsWith(text, this.#at)) this.#fail('expected a value')
    this.#at += text.length
    return value
  }

  #object(): JsonObject<N> {
    const object: { [key: string]: Json<N> } = {}
    this.#enter()
    if (this.#nextSign() !== closeObject) {
      for (;;) {
        if (this.#nextSign() !== quote) this.#fail('expected a key in quotes')
        const key = this.#string()
        if (this.#nextSign() !== colon) this.#fail('expected ":"')
        this.#at++
        this.#nextSign()
        setOwn(object, key, this.#value())
        const sign = this.#nextSign()
        if (sign === closeObject) break
        if (sign !== comma) this.#fail('expected "," or "}"')
        this.#at++
      }
    }
    this.#leave()
    return object
  }

  #array(): readonly Json<N>[] {
    const array: Json<N>[] = []
    this.#enter()
    if (this.#nextSign() !== closeArray) {
      for (;;) {
        this.#nextSign()
        array.push(this.#value())
        const sign = this.#nextSign()
        if (sign === closeArray) break
        if (sign !== comma) this.#fail('expected "," or "]"')
        this.#at++
      }
    }
    this.#leave()
    return array
  }

  #enter(): void {
    if (++this.#depth > maxDepth) throw tooDeep(this.#at)
    this.#at++
  }

  #leave(): void {
    this.#depth--
    this.#at++
  }

  #number(): number | N {
    const start = this.#at
    const short = this.#shortInteger()
    if (short !== undefined) return short
    number.lastIndex = start
    if (!number.test(this.#text)) this.#fail('expected a value')
    const length = number.lastIndex - start
    if (length > maxNumberLength) this.#fail(`a number has more than ${maxNumberLength} characters`)
    this.#at += length
    return this.#rules.number(this.#text.slice(start, this.#at))
  }

  /** Undefined where there is something else, also -0, which has another text than its number. */
  #shortInteger(): number | undefined {
    const text = this.#text
    const negative = text.charCodeAt(this.#at) === minus
    const start = negative ? this.#at + 1 : this.#at
    let at = start
    let value = 0
    let code = text.charCodeAt(at)
    for (; code >= zero && code <= nine && at - start <= shortDigits; code = text.charCodeAt(++at))
      value = value * 10 + code - zero
    const digits = at - start
    // a point, an exponent, or a leading zero
    if (digits === 0 || digits > shortDigits || code === 0x2e || code === 0x65 || code === 0x45) return undefined
    if (text.charCodeAt(start) === zero && (digits > 1 || negative)) return undefined
    this.#at = at
    return negative ? -value : value
  }

  #string(): string {
    const text = this.#text
    const start = this.#at
    for (let at = start + 1; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return text.slice(start + 1, at)
      }
      if (code === backslash || code < space) return this.#escaped(start, at)
    }
    return this.#fail('the closing quote is missing of the string')
  }

  /** The string at `start`, whose first character that is not plain text stands at `from`. */
  #escaped(start: number, from: number): string {
    const text = this.#text
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return this.#unescape(start, at + 1)
      }
      if (code === backslash) {
        if (text.charCodeAt(++at) < space) return this.#badEscape(start)
      } else if (code < space && !this.#rules.lenient) {
        this.#at = at
        this.#fail('a control character in a string has to be escaped')
      }
    }
    return this.#fail('the closing quote is missing of the string')
  }

  #unescape(start: number, end: number): string {
    const quoted = this.#text.slice(start, end)
    try {
      return JSON.parse(quoted.replace(controls, (control) => escapes[control.charCodeAt(0)]!))
    } catch {
      return this.#badEscape(start)
    }
  }

  #badEscape(start: number): never {
    this.#at = start
    return this.#fail('there is an escape that JSON does not know in the string')
  }

  /** The code of the next character that is no white space. */
  #nextSign(): number {
    let code = this.#text.charCodeAt(this.#at)
    while (code === space || code === 0x0a || code === 0x0d || code === 0x09) code = this.#text.charCodeAt(++this.#at)
    return code
  }

  #fail(what: string): never {
    const found = JSON.stringify(this.#text.slice(this.#at, this.#at + 20)).slice(0, 40)
    const where = found === '""' ? 'but the text ends' : `found ${found}`
    throw new PipelineError('JSON_INVALID', { problem: `${what} at character ${this.#at + 1}, ${where}` })
  }
}
