/** A byte order mark is a character like any other here. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Names and units come again and again, mostly one behind the same other: they are recognised by their bytes, which costs
 * half of making a string. Each has its place by its hash.
 */
const longest = 64
const places = 2048
const texts: string[] = new Array(places).fill('')
const bytesOfTexts = new Uint8Array(places * longest)
const followers = new Uint16Array(places)
let last = 0

/** The text of these bytes; undefined where they are no UTF-8. */
export function readText(bytes: Uint8Array, start: number, stop: number): string | undefined {
  const size = stop - start
  if (size > longest) return decode(bytes, start, stop)
  const expected = followers[last]!
  if (isAt(expected, bytes, start, size)) {
    last = expected
    return texts[expected]!
  }
  let hash = size
  for (let at = start; at < stop; at++) {
    const byte = bytes[at]!
    if (byte > 127) return decode(bytes, start, stop)
    hash = ((hash << 5) - hash + byte) | 0
  }
  const place = (hash ^ (hash >>> 12)) & (places - 1)
  followers[last] = place
  last = place
  if (isAt(place, bytes, start, size)) return texts[place]!
  bytesOfTexts.set(bytes.subarray(start, stop), place * longest)
  const text = decode(bytes, start, stop)!
  texts[place] = text
  return text
}

function isAt(place: number, bytes: Uint8Array, start: number, size: number): boolean {
  if (texts[place]!.length !== size) return false
  const base = place * longest
  for (let i = 0; i < size; i++) if (bytesOfTexts[base + i] !== bytes[start + i]) return false
  return true
}

function decode(bytes: Uint8Array, start: number, stop: number): string | undefined {
  try {
    return utf8.decode(bytes.subarray(start, stop))
  } catch {
    return undefined
  }
}
