import { allocate } from '../../core/bytes.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Value } from '../../core/record.ts'

/** More values than that in one payload are refused: one byte can become an object of a hundred. */
export const mostValues = 1_000_000

const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Up to here a loop is faster than a TextDecoder: most keys are shorter. */
const shortText = 24

/** Undefined where it is not UTF-8. */
export function readText(bytes: Uint8Array): string | undefined {
  const short = bytes.length <= shortText ? readAscii(bytes) : undefined
  if (short !== undefined) return short
  try {
    return strictText.decode(bytes)
  } catch {
    return undefined
  }
}

/** Undefined where it is more than ASCII. */
function readAscii(bytes: Uint8Array): string | undefined {
  let text = ''
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes[i]!
    if (code >= 0x80) return undefined
    text += String.fromCharCode(code)
  }
  return text
}

/** What JSON has no number for is text, as in rows. */
export const floatValue = (float: number): number | string => (Number.isFinite(float) ? float : String(float))

/** Of its own, whatever becomes of the payload; a Buffer in Node.js. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  const own = allocate(bytes.length)
  own.set(bytes)
  return own
}

/** The key of an object in JSON; undefined for what cannot be one. */
export function keyText(key: unknown): string | undefined {
  if (typeof key === 'string') return key
  return typeof key === 'bigint' || Number.isInteger(key) ? String(key) : undefined
}

export function invalid(format: string, problem: string, cause?: unknown): PipelineError {
  return new PipelineError('BINARY_INVALID', { format, problem }, cause)
}

/** An object of entries in which the last of equal keys counts. */
export type Entries = { [key: string]: Value }
