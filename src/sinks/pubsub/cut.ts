import { createHash } from 'node:crypto'

const hashLength = 8
const ellipsis = '…'

/** At most so many bytes: what is longer ends in `…` and 8 hex digits of its SHA-256, so that two stay distinct. */
export function cut(text: string, limit: number): string {
  if (text.length * 3 <= limit || Buffer.byteLength(text) <= limit) return text
  const hash = createHash('sha256').update(text).digest('hex').slice(0, hashLength)
  const bytes = Buffer.from(text)
  let end = limit - Buffer.byteLength(ellipsis) - hashLength
  while ((bytes[end]! & 0b1100_0000) === 0b1000_0000) end--
  return bytes.toString('utf8', 0, end) + ellipsis + hash
}
