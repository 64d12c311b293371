import { toBase64 } from '../../core/bytes.ts'
import { PipelineError } from '../../core/errors.ts'
import type { Row } from '../../core/record.ts'
import { readText } from './binary-value.ts'

/** The text of a payload. Throws TEXT_INVALID. */
export function decodeText(bytes: Uint8Array): string {
  const text = readText(bytes)
  if (text === undefined) throw new PipelineError('TEXT_INVALID')
  return text
}

/** Bytes as a row, for targets that take JSON alone. */
export const wrapBytes = (bytes: Uint8Array): Row => ({
  data: toBase64(bytes),
  size: bytes.length,
  encoding: 'base64',
})
