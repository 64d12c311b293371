import { repeatedIn } from '../config/fields.ts'
import { PipelineError } from '../core/errors.ts'
import type { Problem } from '../core/problem.ts'
import type { Captures } from '../core/record.ts'

import { rowProblems } from './problems.ts'

type Part = { readonly literal: string } | { readonly capture: string; readonly rest: boolean }

const capture = /^\{([A-Za-z]\w*)(\.\.\.)?\}$/
const mostShown = 100
/** How the two are written. */
const [one, rest] = ['{name}', '{name...}'] as const

/** Why a text is no pattern, without its subject. */
export function patternProblem(pattern: string): Problem | undefined {
  const texts = pattern.split('/')
  const wrong = texts.find((text) => /[{}]/.test(text) && !capture.test(text))
  if (wrong !== undefined) return rowProblems.of('part', { part: wrong, name: one })
  const wildcard = texts.find((text) => /[+#]/.test(text))
  if (wildcard !== undefined) return rowProblems.of('wildcard', { part: wildcard, name: one, rest })
  if (texts.slice(0, -1).some((text) => text.endsWith('...}'))) return rowProblems.of('rest', { rest })
  const names = namesIn(pattern)
  const twice = repeatedIn(names)
  return twice === undefined ? undefined : rowProblems.of('nameTwice', { name: `{${twice}}` })
}

/** The names of the captures, in order. */
export const namesIn = (pattern: string): readonly string[] =>
  partsOf(pattern).flatMap((part) => ('capture' in part ? part.capture : []))

const partsOf = (pattern: string): readonly Part[] =>
  pattern.split('/').map((text) => {
    const match = capture.exec(text)
    return match === null ? { literal: text } : { capture: match[1]!, rest: match[2] !== undefined }
  })

/**
 * What a topic holds where a pattern without problems has names. A literal is that part exactly, `{name}` one part that
 * is not empty, `{name...}` one or more such parts. Throws TOPIC_STRUCTURE.
 */
export function compileTopicPattern(pattern: string): (topic: string) => Captures {
  const parts = partsOf(pattern)
  const open = parts.some((part) => 'capture' in part && part.rest)
  return (topic) => {
    const found = topic.split('/')
    const fail = (problem: string): never => {
      throw new PipelineError('TOPIC_STRUCTURE', { pattern, problem })
    }
    if (open ? found.length < parts.length : found.length !== parts.length)
      fail(`it has ${count(found.length)}, not ${open ? 'at least ' : ''}${parts.length}`)
    const captures: { [name: string]: string } = {}
    for (const [i, part] of parts.entries()) {
      const text = found[i]!
      if ('literal' in part) {
        if (text !== part.literal) fail(`part ${i + 1} is ${shown(text)}, not ${shown(part.literal)}`)
        continue
      }
      const taken = part.rest ? found.slice(i) : [text]
      const empty = taken.indexOf('')
      if (empty >= 0) fail(`part ${i + empty + 1} is empty`)
      captures[part.capture] = taken.join('/')
    }
    return captures
  }
}

const count = (parts: number) => (parts === 1 ? '1 part' : `${parts} parts`)

export const shown = (text: string): string =>
  JSON.stringify(text.length > mostShown ? `${text.slice(0, mostShown - 1)}…` : text)
