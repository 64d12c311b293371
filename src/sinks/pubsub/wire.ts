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
    at++
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = response[at++] ?? 0
      length |= (byte & 127) << shift
      if (byte < 128) break
    }
    at += length
  }
  return count
}
