import type { Problem } from '../../core/problem.ts'
import { type CodePoints, codePointsOf, PatternProblem, patternProblems } from './code-points.ts'

/** A regular expression as it is written. `one` takes a single code point, `at` and `look` take nothing. */
export type Part =
  | { readonly kind: 'one'; readonly points: CodePoints }
  | { readonly kind: 'sequence'; readonly parts: readonly Part[] }
  | { readonly kind: 'either'; readonly options: readonly Part[] }
  /** `most` undefined: any number of times. */
  | { readonly kind: 'repeat'; readonly part: Part; readonly least: number; readonly most: number | undefined }
  | { readonly kind: 'at'; readonly place: 'start' | 'end' | 'boundary' | 'inside' }
  | { readonly kind: 'look'; readonly part: Part; readonly behind: boolean; readonly negated: boolean }

const mostLevels = 200

/**
 * Reads a regular expression of ECMAScript with the flag `u`, as JSON Schema asks for; a backslash in front of a sign that
 * needs none (`\@`) is forgiven. Throws PatternProblem, also for back references, which nothing can match in linear time.
 */
export const parsePattern = (source: string, ignoreCase: boolean): Part =>
  new PatternReader(source, ignoreCase).pattern()

const groupStart = /\((?:\?(?::|<?[=!]|<[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*>))?/uy
const quantifier = /(?:[*+?]|\{([0-9]+)(,([0-9]*))?\})\??/y
const boundary = /[\^$]|\\[bB]/y
/** A class, an escape, or one code point that means itself. */
const atom =
  /\[(?:\\[\s\S]|[^\]\\])*\]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?:[pP]\{[^}]*\}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[a-zA-Z]|[\s\S])|[^\\()[\]{}*+?|]/uy

const places = { '^': 'start', $: 'end', '\\b': 'boundary', '\\B': 'inside' } as const

class PatternReader {
  readonly #source: string
  readonly #ignoreCase: boolean
  #at = 0
  #level = 0

  constructor(source: string, ignoreCase: boolean) {
    this.#source = source
    this.#ignoreCase = ignoreCase
  }

  pattern(): Part {
    const part = this.#either()
    if (this.#at < this.#source.length) this.#fail((at) => patternProblems.of('unexpected', { at }))
    return part
  }

  #either(): Part {
    const options = [this.#sequence()]
    while (this.#source[this.#at] === '|') {
      this.#at++
      options.push(this.#sequence())
    }
    return options.length === 1 ? options[0]! : { kind: 'either', options }
  }

  #sequence(): Part {
    const parts: Part[] = []
    for (let sign = this.#source[this.#at]; sign !== undefined && sign !== '|' && sign !== ')'; ) {
      parts.push(this.#quantified(this.#single()))
      sign = this.#source[this.#at]
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
  }

  #single(): Part {
    const place = this.#take(boundary)
    if (place !== undefined) return { kind: 'at', place: places[place as keyof typeof places] }
    const start = this.#at
    const group = this.#take(groupStart)
    if (group !== undefined) return this.#group(group, start)
    const one = this.#take(atom)
    if (one === undefined) return this.#fail((at) => patternProblems.of('unexpected', { at }))
    if (/^\\[1-9k]/.test(one)) {
      this.#at = start
      this.#fail((at) => patternProblems.of('back', { at }))
    }
    return { kind: 'one', points: codePointsOf(one, this.#ignoreCase) }
  }

  #group(opened: string, start: number): Part {
    if (opened === '(' && this.#source[this.#at] === '?') {
      this.#at = start
      this.#fail((at) => patternProblems.of('group', { at }))
    }
    if (++this.#level > mostLevels) this.#fail((at) => patternProblems.of('deep', { at, most: mostLevels }))
    const part = this.#either()
    this.#level--
    if (this.#source[this.#at] !== ')') this.#fail((at) => patternProblems.of('unclosed', { at }))
    this.#at++
    const sign = /^\(\?(<?)([=!])$/.exec(opened)
    if (sign === null) return part.kind === 'at' || part.kind === 'look' ? { kind: 'sequence', parts: [part] } : part
    return { kind: 'look', part, behind: sign[1] !== '', negated: sign[2] === '!' }
  }

  #quantified(part: Part): Part {
    const start = this.#at
    quantifier.lastIndex = start
    const [written, least, range, most] = quantifier.exec(this.#source) ?? []
    if (written === undefined) return part
    if (part.kind === 'at' || part.kind === 'look') this.#fail((at) => patternProblems.of('nothing', { at }))
    this.#at += written.length
    const sign = written[0]
    if (sign !== '{') return { kind: 'repeat', part, least: sign === '+' ? 1 : 0, most: sign === '?' ? 1 : undefined }
    const upTo = range === undefined ? Number(least) : most === '' ? undefined : Number(most)
    if (upTo !== undefined && upTo < Number(least)) {
      this.#at = start
      this.#fail((at) => patternProblems.of('order', { at }))
    }
    return { kind: 'repeat', part, least: Number(least), most: upTo }
  }

  #take(form: RegExp): string | undefined {
    form.lastIndex = this.#at
    const found = form.exec(this.#source)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #fail(problemAt: (at: string | Problem) => Problem): never {
    const rest = this.#source.slice(this.#at, this.#at + 20)
    throw new PatternProblem(problemAt(rest === '' ? patternProblems.of('end') : JSON.stringify(rest)))
  }
}
