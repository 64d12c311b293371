import { Problem, ProblemError } from '../../core/problem.ts'

/** What is wrong with a regular expression, without its text. `at` is where, in its own words. */
export const patternProblems = Problem.area('pattern', {
  end: 'its end',
  unexpected: '{at} is not expected',
  back: '{at} refers back to a group, which may take for ever',
  group: '{at} opens a kind of group that is not supported',
  deep: '{at} is nested more than {most} deep',
  unclosed: '{at} is where a ")" is missing',
  nothing: '{at} repeats what takes no character',
  order: '{at} has its numbers in the wrong order',
  class: '{at}: {reason}',
  large: 'its repetitions come to more than {most} parts',
})

/** Why a regular expression cannot be used. */
export class PatternProblem extends ProblemError {}

/** Which code points a class or an escape takes. */
export interface CodePoints {
  has(code: number): boolean
}

const asciiSize = 128
const known = new Map<string, CodePoints>()
const mostKnown = 1000

/** `[a-z]`, `\d`, `\p{L}`, `.` or one code point. Throws PatternProblem. */
export function codePointsOf(source: string, ignoreCase: boolean): CodePoints {
  const key = `${ignoreCase ? 'i' : ''}${source}`
  const found = known.get(key)
  if (found !== undefined) return found
  const made = readCodePoints(withoutNeedlessEscapes(source), ignoreCase)
  if (known.size >= mostKnown) known.clear()
  known.set(key, made)
  return made
}

const needless = /\\([^a-zA-Z0-9^$\\.*+?()[\]{}|/-])/gu
const withoutNeedlessEscapes = (source: string) =>
  source.replace(/\\[\s\S]/gu, (escaped) => escaped.replace(needless, '$1')).replace(/^\\-$/, '-')

/** JavaScript's own engine says what a class means: with a single code point it has nothing to go back to. */
function readCodePoints(source: string, ignoreCase: boolean): CodePoints {
  const ascii = nativePattern(source, ignoreCase ? 'iu' : 'u')
  const other = ignoreCase ? nativePattern(source, 'u') : ascii
  const low = Uint8Array.from({ length: asciiSize }, (_, code) => (ascii.test(String.fromCharCode(code)) ? 1 : 0))
  return { has: (code) => (code < asciiSize ? low[code] === 1 : other.test(String.fromCodePoint(code))) }
}

function nativePattern(source: string, flags: string): RegExp {
  try {
    return new RegExp(`^${source}$`, flags)
  } catch (error) {
    const { message } = error as Error
    const reason = /: ([^:]+)$/.exec(message)?.[1] ?? message
    throw new PatternProblem(patternProblems.of('class', { at: JSON.stringify(source.slice(0, 40)), reason }))
  }
}
