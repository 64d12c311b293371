/** What the wire proxy has to know of an MQTT 3.1.1 or 5 packet. Written apart from the product's own decoder. */
export interface Frame {
  readonly type: FrameType
  /** Packet identifier, where the packet has one. */
  readonly id?: number
  readonly qos?: number
  readonly dup?: boolean
  readonly topic?: string
  readonly clientId?: string
  readonly clean?: boolean
  readonly sessionPresent?: boolean
  /** Return code of CONNACK. */
  readonly code?: number
  readonly raw: Buffer
}

const types = [
  'reserved',
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
] as const

export type FrameType = (typeof types)[number]

/** Cuts a byte stream into whole packets; what is incomplete waits for the next chunk. */
export function frameSplitter(): (chunk: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const frames: Frame[] = []
    for (;;) {
      const length = frameLength(rest)
      if (length === undefined || length > rest.length) return frames
      frames.push(parseFrame(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
  }
}

/** Bytes of the first packet, header included; undefined while its length is not complete. */
function frameLength(bytes: Buffer): number | undefined {
  let remaining = 0
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at]
    if (byte === undefined) return undefined
    remaining += (byte & 0x7f) * 128 ** (at - 1)
    if (byte < 0x80) return 1 + at + remaining
  }
  throw new Error('A remaining length has more than four bytes')
}

function parseFrame(raw: Buffer): Frame {
  const type = types[raw[0]! >> 4]!
  let start = 1
  while (raw[start]! >= 0x80) start++
  return { type, ...parseBody(type, raw[0]!, raw.subarray(start + 1)), raw }
}

function parseBody(type: FrameType, header: number, body: Buffer): Omit<Frame, 'type' | 'raw'> {
  switch (type) {
    case 'connect':
      return parseConnect(body)
    case 'connack':
      return { sessionPresent: (body[0]! & 1) === 1, code: body[1]! }
    case 'publish':
      return parsePublish(header, body)
    case 'pingreq':
    case 'pingresp':
    case 'disconnect':
    case 'auth':
    case 'reserved':
      return {}
    default:
      return { id: body.readUInt16BE(0) }
  }
}

function parsePublish(header: number, body: Buffer): Omit<Frame, 'type' | 'raw'> {
  const qos = (header >> 1) & 3
  const end = 2 + body.readUInt16BE(0)
  const common = { qos, dup: (header & 8) !== 0, topic: body.toString('utf8', 2, end) }
  return qos === 0 ? common : { ...common, id: body.readUInt16BE(end) }
}

function parseConnect(body: Buffer): Omit<Frame, 'type' | 'raw'> {
  const flagsAt = 2 + body.readUInt16BE(0) + 1
  const clean = (body[flagsAt]! & 2) !== 0
  const isVersion5 = body[flagsAt - 1] === 5
  const properties = flagsAt + 3
  const idAt = isVersion5 ? properties + 1 + body[properties]! : properties
  return { clean, clientId: body.toString('utf8', idAt + 2, idAt + 2 + body.readUInt16BE(idAt)) }
}
