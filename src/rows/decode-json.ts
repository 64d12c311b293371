import { PipelineError } from '../core/errors.ts'
import type { Value } from '../core/record.ts'
import { maxDepth, refuseDepth } from './json-depth.ts'
import { decodeUtf8, parseJson } from './json-text.ts'
import { narrow } from './scalars.ts'

/** Integers beyond 2^53 have at least 16 digits, and not behind a decimal point; or a number overflows. */
const needsText = /(?:^|[^.0-9])[0-9]{16}|[eE]\+?[0-9]{3}/

/** Any JSON value, strictly; integers beyond 2^53 are BigInt. Throws JSON_INVALID, also for a number beyond a double. */
export function decodeJson(bytes: Uint8Array): Value {
  const text = decodeUtf8(bytes)
  if (text.length > 2 * maxDepth) refuseDepth(text)
  if (needsText.test(text)) return exactly(text)
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return exactly(text)
    throw error
  }
}

const exactly = (text: string): Value => parseJson<number | bigint>(text, { lenient: false, number: readNumber })

function readNumber(text: string): number | bigint {
  if (/^-?[0-9]+$/.test(text)) return text === '-0' ? -0 : narrow(BigInt(text))
  const value = Number(text)
  if (Number.isFinite(value)) return value
  throw new PipelineError('JSON_INVALID', { problem: `the number ${text.slice(0, 60)} is too large` })
}
