import { type Problem, ProblemError } from '../core/problem.ts'
import { sqlProblems } from './sql-problems.ts'

/** Why a schema text cannot be read; the message names the line and what was expected. */
export class SchemaProblem extends ProblemError {
  constructor(line: number, problem: Problem) {
    super(sqlProblems.of('line', { line, problem }))
  }
}

export interface Token {
  readonly kind: 'word' | 'name' | 'text' | 'sign' | 'end'
  /** What it means: a name or text without its quotes, a word or sign as it is written. */
  readonly value: string
  readonly line: number
  /** Where it stands in the source. */
  readonly start: number
  readonly end: number
}

const blank = /(?:\s+|--[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)+/y
const word = /[\p{L}\p{N}_$]+/uy
const quoted = { '`': /`[^`]*(?:``[^`]*)*`/y, "'": /'[^']*(?:''[^']*)*'/y } as const

/** Splits SQL text; comments vanish. The last token is always `end`. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  let line = 1
  const advance = (by: number) => {
    line += source.slice(at, at + by).split('\n').length - 1
    at += by
  }
  for (;;) {
    advance(lengthAt(blank, source, at))
    if (at >= source.length) break
    const { kind, value, length } = read(source, at, line)
    tokens.push({ kind, value, line, start: at, end: at + length })
    advance(length)
  }
  return [...tokens, { kind: 'end', value: '', line, start: at, end: at }]
}

function lengthAt(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex - at : 0
}

function read(source: string, at: number, line: number): Pick<Token, 'kind' | 'value'> & { readonly length: number } {
  const first = source[at]!
  if (first === '`' || first === "'") {
    const length = lengthAt(quoted[first], source, at)
    if (length === 0) throw new SchemaProblem(line, sqlProblems.of('unclosed', { sign: first }))
    const value = source.slice(at + 1, at + length - 1).replaceAll(first + first, first)
    return { kind: first === '`' ? 'name' : 'text', value, length }
  }
  if (source.startsWith('/*', at)) throw new SchemaProblem(line, sqlProblems.of('openComment'))
  const letters = lengthAt(word, source, at)
  return letters > 0
    ? { kind: 'word', value: source.slice(at, at + letters), length: letters }
    : { kind: 'sign', value: first, length: 1 }
}
