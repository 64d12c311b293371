/** Why a regular expression cannot be used: what is wrong with it, without its text. */
export class PatternProblem extends Error {}

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
    const reason = /: ([^:]+)$/.exec((error as Error).message)?.[1] ?? 'is not known'
    throw new PatternProblem(`${JSON.stringify(source.slice(0, 40))}: ${reason}`)
  }
}
