/**
 * The few messages of google.pubsub.v1 that publishing needs, in protobuf. By hand: a message is encoded once, when its
 * record comes in, and a request is then only put together.
 */

/** Field number and wire type 2: a length, and so many bytes. */
const fieldOf = (number: number) => (number << 3) | 2

/** Field with bytes. */
export function field(number: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const head = headOf(number, length)
  return Buffer.concat([head, ...parts], head.length + length)
}

function headOf(number: number, length: number): Buffer {
  const bytes = [fieldOf(number)]
  let rest = length
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** `attributes` of a PubsubMessage: one entry of the map. Of entries with one name the last counts. */
export const attribute = (name: string, value: string): Buffer =>
  field(2, field(1, Buffer.from(name)), field(2, Buffer.from(value)))

/** `ordering_key` of a PubsubMessage. */
export const orderingKey = (key: string): Buffer => field(5, Buffer.from(key))

/** `messages` of a PublishRequest: one PubsubMessage. Copies `data`. */
export function message(data: Uint8Array, rest: readonly Uint8Array[]): Buffer {
  const inner = data.length === 0 ? [] : [headOf(1, data.length), data]
  return field(2, ...inner, ...rest)
}

/** The parts of a PublishRequest of messages that `message` has made. */
export const publishRequest = (topic: string, messages: readonly Uint8Array[]): readonly Uint8Array[] => [
  field(1, Buffer.from(topic)),
  ...messages,
]

/** A GetTopicRequest. */
export const getTopicRequest = (topic: string): Buffer => field(1, Buffer.from(topic))

/** A ListTopicsRequest for the first topic of `projects/<id>`. */
export const listTopicsRequest = (project: string): Buffer =>
  Buffer.concat([field(1, Buffer.from(project)), Buffer.from([(2 << 3) | 0, 1])])

/** How many message ids are in a PublishResponse, which holds nothing else. */
export function countIds(response: Uint8Array): number {
  let count = 0
  for (let at = 0; at < response.length; count++) {
    const { length, next } = lengthAt(response, at + 1)
    at = next + length
  }
  return count
}

function lengthAt(bytes: Uint8Array, at: number): { readonly length: number; readonly next: number } {
  let length = 0
  let next = at
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[next++] ?? 0
    length |= (byte & 127) << shift
    if (byte < 128) return { length, next }
  }
}

/** A message as `message` has made it, read again. */
export function readMessage(encoded: Uint8Array): {
  data: Uint8Array
  attributes: { readonly [name: string]: string }
} {
  const [[, inner]] = fieldsOf(encoded) as [[number, Uint8Array]]
  const parts = fieldsOf(inner)
  const entries = parts
    .filter(([number]) => number === 2)
    .map(([, entry]) => fieldsOf(entry).map(([, bytes]) => new TextDecoder().decode(bytes)) as [string, string])
  const data = parts.find(([number]) => number === 1)?.[1] ?? new Uint8Array()
  return { data, attributes: Object.fromEntries(entries) }
}

/** Number and bytes of the fields, all of which have a length. */
function fieldsOf(bytes: Uint8Array): (readonly [number: number, bytes: Uint8Array])[] {
  const fields: (readonly [number, Uint8Array])[] = []
  for (let at = 0; at < bytes.length; ) {
    const number = bytes[at]! >>> 3
    const { length, next } = lengthAt(bytes, at + 1)
    fields.push([number, bytes.subarray(next, next + length)])
    at = next + length
  }
  return fields
}
