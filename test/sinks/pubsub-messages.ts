interface Field {
  readonly number: number
  readonly bytes: Buffer
}

/** The fields of a protobuf message that has bytes and messages only. */
function fieldsOf(message: Buffer): readonly Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const number = varint() >> 3
    const length = varint()
    fields.push({ number, bytes: message.subarray(at, at + length) })
    at += length
  }
  return fields
}

/** A PubsubMessage as it stands in a PublishRequest. */
export function readMessage(encoded: Buffer) {
  const [outer, ...others] = fieldsOf(encoded)
  if (others.length > 0 || outer?.number !== 2) throw new Error('not one message')
  const fields = fieldsOf(outer.bytes)
  const one = (number: number) => fields.find((field) => field.number === number)?.bytes ?? Buffer.alloc(0)
  const entries = fields
    .filter(({ number }) => number === 2)
    .map(({ bytes }) => fieldsOf(bytes).map((part) => String(part.bytes)))
  return {
    data: one(1),
    attributes: Object.fromEntries(entries) as { readonly [name: string]: string },
    orderingKey: String(one(5)),
  }
}
