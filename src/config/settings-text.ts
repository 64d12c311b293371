import { Problem, ProblemError } from '../core/problem.ts'

export const settingsProblems = Problem.area('settings', {
  unreadable: 'cannot be read at "{found}"',
  brace: 'cannot be read: a closing brace is missing',
})

export type Settings = ReadonlyMap<string, string>

/**
 * What somebody has pasted: a dictionary (Python, JSON, with comments and trailing commas) or lines of `key=value` or
 * `key: value` (Java properties, YAML, TOML). Of nested dictionaries the inner keys count. Empty values and None are left
 * out; the last of equal keys wins.
 */
export function readSettings(text: string): Settings | Problem {
  const open = dictionary.exec(text)
  const entries = open ? readDictionary(text, open[0].length - 1) : readLines(text)
  if (entries instanceof Problem) return entries
  return new Map(entries.filter(([, value]) => value !== ''))
}

type Entry = readonly [key: string, value: string]

/** Up to the brace: comments, and perhaps the name that the dictionary is given. */
const dictionary = /^(?:\s|#.*|\/\/.*)*(?:[\w.'"[\] ]+[:=]\s*)?\{/

function readLines(text: string): Entry[] {
  return text
    .replace(/\\\r?\n\s*/g, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:[#!;]|\[.*\]$|---)/.test(line))
    .map(readLine)
}

const quotedKey = /^(["'])(.+?)\1\s*[:=]\s*(.*)$/
const plainKey = /^((?:\\.|[^\s:=\\])+)\s*[:=]?\s*(.*)$/

function readLine(line: string): Entry {
  const quoted = quotedKey.exec(line)
  if (quoted) return [quoted[2]!, plainValue(quoted[3]!)]
  const [, key = line, value = ''] = plainKey.exec(line) ?? []
  return [unescaped(key), plainValue(value)]
}

function plainValue(text: string): string {
  const quoted = /^(["'])(.*)\1,?(?:\s+#.*)?$/.exec(text)
  if (quoted) return unescaped(quoted[2]!)
  return isNothing(text) ? '' : unescaped(text)
}

const isNothing = (word: string) => /^(?:None|null|undefined|~)$/.test(word)

/** `\u0041` is A. */
const withCharacters = (text: string) =>
  text.replace(/\\u([\da-fA-F]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))

/** Java's escapes, but only those that cannot be meant as a path of Windows. */
const unescaped = (text: string) => withCharacters(text).replace(/\\([\\:=#!"' ])/g, '$1')

const token = /\s+|#.*|\/\/.*|(["'])((?:\\.|(?!\1)[^\\])*)\1|[{}[\],:]|=>?|[^\s{}[\],:="'#]+/y

interface Token {
  readonly text: string
  readonly kind: 'sign' | 'word' | 'quoted'
}

class Unreadable extends ProblemError {}

function readDictionary(text: string, start: number): readonly Entry[] | Problem {
  try {
    return new DictionaryReader(tokensOf(text, start)).read()
  } catch (error) {
    if (error instanceof Unreadable) return error.problem
    throw error
  }
}

class DictionaryReader {
  readonly #tokens: readonly Token[]
  readonly #entries: Entry[] = []
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  read(): readonly Entry[] {
    this.#dictionary()
    return this.#entries
  }

  #dictionary(): void {
    this.#at++
    while (!this.#takes('}')) {
      const { text: key, kind } = this.#next()
      if (kind === 'sign' || !(this.#takes(':') || this.#takes('=') || this.#takes('=>'))) throw unexpected(key)
      if (this.#isSign('{')) this.#dictionary()
      else this.#entries.push([key, this.#takes('[') ? this.#list() : this.#scalar()])
      if (!this.#takes(',') && !this.#isSign('}')) throw unexpected(this.#next().text)
    }
  }

  #list(): string {
    const values: string[] = []
    while (!this.#takes(']')) {
      values.push(this.#scalar())
      if (!this.#takes(',') && !this.#isSign(']')) throw unexpected(this.#next().text)
    }
    return values.join(',')
  }

  #scalar(): string {
    const { text, kind } = this.#next()
    if (kind === 'sign') throw unexpected(text)
    return kind === 'word' && isNothing(text) ? '' : text
  }

  #next(): Token {
    const found = this.#tokens[this.#at++]
    if (found === undefined) throw new Unreadable(settingsProblems.of('brace'))
    return found
  }

  #isSign(sign: string): boolean {
    const found = this.#tokens[this.#at]
    return found?.kind === 'sign' && found.text === sign
  }

  #takes(sign: string): boolean {
    const found = this.#isSign(sign)
    if (found) this.#at++
    return found
  }
}

const unexpected = (found: string) => new Unreadable(settingsProblems.of('unreadable', { found: found.slice(0, 40) }))

function tokensOf(text: string, start: number): readonly Token[] {
  const tokens: Token[] = []
  token.lastIndex = start
  while (token.lastIndex < text.length) {
    const at = token.lastIndex
    const [found, quote, inner] = token.exec(text) ?? []
    if (found === undefined) throw unexpected(text.slice(at))
    if (quote) tokens.push({ text: stringText(inner!), kind: 'quoted' })
    else if (/^(?:[{}[\],:]|=>?)$/.test(found)) tokens.push({ text: found, kind: 'sign' })
    else if (!/^(?:\s|#|\/\/)/.test(found)) tokens.push({ text: found, kind: 'word' })
  }
  return tokens
}

const escapes: { readonly [letter: string]: string } = { n: '\n', r: '\r', t: '\t' }

const stringText = (inner: string) =>
  withCharacters(inner).replace(/\\([nrt\\"'/])/g, (_, letter: string) => escapes[letter] ?? letter)
