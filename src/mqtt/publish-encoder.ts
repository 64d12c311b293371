import type { MessageProperties } from '../core/message-properties.ts'
import type { OutboundMessage } from '../core/publisher.ts'

export interface Envelope {
  /** Not used at QoS 0. */
  readonly packetId: number
  readonly dup: boolean
  readonly protocolVersion: number
}

const PUBLISH = 0x30
const PUBREL = 0x62
const none = new Uint8Array(0)

/** A whole PUBLISH packet (section 3.3 of either version). */
export function encodePublish(message: OutboundMessage, { packetId, dup, protocolVersion }: Envelope): Buffer {
  const { topic, payload, qos, retain, properties } = message
  const name = Buffer.from(topic)
  const said = protocolVersion === 5 ? encodeProperties(properties) : none
  const remaining = 2 + name.length + (qos > 0 ? 2 : 0) + said.length + payload.length
  const length = variableInteger(remaining)
  const packet = Buffer.allocUnsafe(1 + length.length + remaining)
  let at = packet.writeUInt8(PUBLISH | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), 0)
  const put = (bytes: Uint8Array) => {
    packet.set(bytes, at)
    at += bytes.length
  }
  put(length)
  at = packet.writeUInt16BE(name.length, at)
  put(name)
  if (qos > 0) at = packet.writeUInt16BE(packetId, at)
  put(said)
  put(payload)
  return packet
}

export const encodePubrel = (packetId: number): Buffer => Buffer.from([PUBREL, 2, packetId >> 8, packetId & 0xff])

/** With their length before them. */
function encodeProperties(properties: MessageProperties = {}): Buffer {
  const { contentType, responseTopic, correlationData, userProperties = [] } = properties
  const parts = [
    ...(contentType === undefined ? [] : [[0x03], prefixed(Buffer.from(contentType))]),
    ...(responseTopic === undefined ? [] : [[0x08], prefixed(Buffer.from(responseTopic))]),
    ...(correlationData === undefined ? [] : [[0x09], prefixed(correlationData)]),
    ...userProperties.flatMap((pair) => [[0x26], ...pair.map((text) => prefixed(Buffer.from(text)))]),
  ].map((part) => Uint8Array.from(part))
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([variableInteger(length), ...parts])
}

function prefixed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** Section 2.2.3 (1.5.5 in MQTT 5). */
function variableInteger(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest & 127) | 128)
  }
}
