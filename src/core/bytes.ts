/** Bytes and text in Node.js, where bytes are Buffers (what other nodes know), and in browsers, which have none. */
const { Buffer: NodeBuffer } = globalThis as { readonly Buffer?: typeof Buffer }

export const allocate = (size: number): Uint8Array => NodeBuffer?.alloc(size) ?? new Uint8Array(size)

export const fromText = (text: string): Uint8Array => NodeBuffer?.from(text) ?? new TextEncoder().encode(text)

/** How many bytes become characters at once: every one of them is an argument of a function call. */
const chunkBytes = 8192

export function toBase64(bytes: Uint8Array): string {
  if (NodeBuffer) return NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
  let binary = ''
  for (let at = 0; at < bytes.length; at += chunkBytes)
    binary += String.fromCharCode(...bytes.subarray(at, at + chunkBytes))
  return btoa(binary)
}
