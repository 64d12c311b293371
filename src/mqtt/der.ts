/** One element of DER (ITU-T X.690), as far as key stores need it. */
export interface Der {
  readonly tag: number
  readonly content: Buffer
  /** Header and content. */
  readonly whole: Buffer
}

/** The elements that follow each other in these bytes. Throws where they are no DER. */
export function readDer(bytes: Buffer): readonly Der[] {
  const elements: Der[] = []
  for (let at = 0; at < bytes.length; ) {
    const { start, end } = extent(bytes, at)
    elements.push({ tag: bytes[at]!, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) })
    at = end
  }
  return elements
}

/** The elements in the only element of these bytes, or in what is nested there by the first of each. */
export const inside = (element: Der): readonly Der[] => readDer(element.content)

export function objectId({ content }: Der): string {
  const parts: number[] = []
  let value = 0
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (parts.length === 0)
      parts.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)))
    else parts.push(value)
    value = 0
  }
  return parts.join('.')
}

export const integer = ({ content }: Der): number =>
  content.length === 0 ? 0 : content.readUIntBE(0, Math.min(6, content.length))

function extent(bytes: Buffer, at: number): { readonly start: number; readonly end: number } {
  const first = bytes[at + 1]
  if (first === undefined || first === 0x80 || first > 0x84) throw new Error('no DER')
  const digits = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + digits
  if (start > bytes.length) throw new Error('no DER')
  const end = start + (digits === 0 ? first : bytes.readUIntBE(at + 2, digits))
  if (end > bytes.length) throw new Error('no DER')
  return { start, end }
}
