import { messageOf, PipelineError } from '../core/errors.ts'
import { backslash, closeArray, closeObject, openArray, openObject, quote } from './json-codes.ts'

/** Deeper documents are refused: nothing that clones or writes them further on would survive them. */
export const maxDepth = 1000

/** Throws JSON_INVALID for a text that is nested too deep, which JSON.parse would go into. What is no JSON may pass. */
export function refuseDepth(text: string): void {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (code === openArray || code === openObject) {
      if (++depth > maxDepth) throw tooDeep(at)
    } else if (code === closeArray || code === closeObject) depth--
  }
}

/** Where the closing quote is of the string that opens at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) return at
    if (code === backslash) at++
  }
  return text.length
}

/** What JSON_INVALID says of a text, as the rest of a sentence. */
export const jsonReason = (error: unknown): string => messageOf(error).replace(/^The payload is not valid JSON: /, '')

export const tooDeep = (at: number): PipelineError =>
  new PipelineError('JSON_INVALID', { problem: `it is nested more than ${maxDepth} deep at character ${at + 1}` })
