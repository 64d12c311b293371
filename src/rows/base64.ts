import { allocate } from '../core/bytes.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const sextets = new Int8Array(128).fill(-1)
for (const [value, character] of [...alphabet].entries()) sextets[character.charCodeAt(0)] = value

const padding = 0x3d
const space = 0x20

/**
 * The bytes of a base64 text as Jackson reads it for Flink: padding is asked for, white space may stand between groups
 * of four characters, and padding within the text is taken. Undefined where it is no base64.
 */
export function readBase64(text: string): Uint8Array | undefined {
  const bytes = allocate(Math.ceil((text.length * 3) / 4))
  let size = 0
  for (let at = 0; at < text.length; ) {
    if (text.charCodeAt(at) <= space) {
      at++
      continue
    }
    const group = readGroup(text, at)
    if (group === undefined) return undefined
    const { bits, length } = group
    for (let i = 0; i < length; i++) bytes[size++] = bits >> (16 - 8 * i)
    at += 4
  }
  return bytes.subarray(0, size)
}

/** Three bytes in 24 bits, of which the first `length` count. */
function readGroup(text: string, at: number): { readonly bits: number; readonly length: number } | undefined {
  const sextet = (i: number) => sextets[text.charCodeAt(at + i)] ?? -1
  const [a, b, c, d] = [sextet(0), sextet(1), sextet(2), sextet(3)]
  if (a < 0 || b < 0) return undefined
  const isPadding = (i: number) => text.charCodeAt(at + i) === padding
  const bits = (a << 18) | (b << 12)
  if (c < 0) return isPadding(2) && isPadding(3) ? { bits, length: 1 } : undefined
  if (d < 0) return isPadding(3) ? { bits: bits | (c << 6), length: 2 } : undefined
  return { bits: bits | (c << 6) | d, length: 3 }
}
