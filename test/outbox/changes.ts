/** Bytes written, or the new length, since the last sync. */
export type Change = { readonly at: number; readonly bytes: Buffer } | { readonly length: number }

export function apply(content: Buffer, change: Change): Buffer {
  if ('length' in change) return resized(content, change.length)
  const result = resized(content, Math.max(content.length, change.at + change.bytes.length))
  change.bytes.copy(result, change.at)
  return result
}

function resized(content: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length)
  content.copy(result)
  return result
}
