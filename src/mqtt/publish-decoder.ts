import type { MessageProperties } from '../core/message-properties.ts'
import type { Qos } from '../core/record.ts'
import { readPublishProperties } from './publish-properties.ts'
import { strictText, violation } from './violation.ts'

/** The versions of the protocol by the number that CONNECT carries: 3 is MQTT 3.1, 4 is 3.1.1. */
export type ProtocolVersion = 3 | 4 | 5

/** An inbound PUBLISH. `payload` is a view into the bytes read from the socket. `packetId` is 0 at QoS 0. */
export interface InboundPublish {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly packetId: number
  /** Before MQTT 5 always that the broker had it stored; with 5 a subscriber may ask for what the publisher has said. */
  readonly retain: boolean
  readonly isVersion5: boolean
  readonly dup: boolean
  readonly properties?: MessageProperties
  /** Of the subscriptions that this copy was sent for, where those have identifiers. */
  readonly subscriptionIds?: readonly number[]
  /** How large the packet was, where it was over the limit: `payload` is then the beginning of what it carried. */
  readonly packetBytes?: number
}

export interface PacketReceiver {
  publish(packet: InboundPublish): void
  pubrel(packetId: number): void
  /** Any other packet, whole: first byte to last. */
  other(packetType: number, packet: Buffer): void
}

export interface DecoderOptions {
  readonly protocolVersion?: ProtocolVersion
  /** Of a larger PUBLISH only the beginning is kept. */
  readonly maxPacketSize?: number
  /** The server may use the aliases 1 to this one. */
  readonly topicAliasMaximum?: number
}

const CONTINUES = 0x80
const PUBLISH = 3
const PUBREL = 6
/** How much is kept of a payload that came in a packet over the limit. */
const KEPT_BYTES = 64 << 10
/** Fixed header, topic and packet id, each as large as it can be. */
const MOST_HEAD_BYTES = 5 + 2 + 65_535 + 2

const tooShort = 'a PUBLISH that is too short or has no topic [MQTT-4.7.3-1]'

type Lengths = ReadonlyMap<number, readonly [least: number, most: number]>

/** Least and most remaining length of what servers send, by packet type (sections 3.2 to 3.13). */
const LENGTHS: Lengths = new Map([
  [2, [2, 2]], // CONNACK
  [PUBLISH, [0, Infinity]], // which is looked at more closely
  [4, [2, 2]], // PUBACK
  [5, [2, 2]], // PUBREC
  [PUBREL, [2, 2]],
  [7, [2, 2]], // PUBCOMP
  [9, [3, Infinity]], // SUBACK
  [11, [2, 2]], // UNSUBACK
  [13, [0, 0]], // PINGRESP
])

/** The same in MQTT 5, where most packets may have a reason code and properties. AUTH has to be asked for. */
const LENGTHS_5: Lengths = new Map([
  [2, [3, Infinity]],
  [PUBLISH, [0, Infinity]],
  [4, [2, Infinity]],
  [5, [2, Infinity]],
  [PUBREL, [2, Infinity]],
  [7, [2, Infinity]],
  [9, [4, Infinity]],
  [11, [4, Infinity]],
  [13, [0, 0]],
  [14, [0, Infinity]], // DISCONNECT
])

/** The beginning of a packet whose end has not arrived. */
interface Partial {
  /** As large as what is kept of it; `have` bytes are there. */
  readonly bytes: Buffer
  have: number
  /** So many bytes that are not kept follow on those. */
  skip: number
  /** Set where the packet is over the limit. */
  readonly packetBytes: number | undefined
}

/**
 * Cuts the byte stream of an MQTT server into packets and decodes the PUBLISHes (section 3.3) itself, because
 * MQTT.js handles one inbound packet at a time and costs five times as much. Chunks may end anywhere.
 */
export class PublishDecoder {
  readonly #receiver: PacketReceiver
  readonly #isVersion5: boolean
  readonly #lengths: Lengths
  readonly #maxPacketSize: number
  readonly #topicAliasMaximum: number
  readonly #aliases = new Map<number, string>()
  #partial: Partial | undefined
  #lastTopic = ''
  #lastTopicBytes: Buffer | undefined

  constructor(receiver: PacketReceiver, options: DecoderOptions = {}) {
    this.#receiver = receiver
    this.#isVersion5 = options.protocolVersion === 5
    this.#lengths = this.#isVersion5 ? LENGTHS_5 : LENGTHS
    this.#maxPacketSize = options.maxPacketSize ?? Number.POSITIVE_INFINITY
    this.#topicAliasMaximum = options.topicAliasMaximum ?? 0
  }

  /** Throws PROTOCOL_VIOLATION: the connection cannot be used any longer. */
  push(chunk: Buffer): void {
    let start = 0
    while (this.#partial && start < chunk.length) {
      const partial = this.#partial
      start = fill(partial, chunk, start)
      if (partial.have < partial.bytes.length || partial.skip > 0) return
      this.#partial = undefined
      if (partial.packetBytes === undefined) this.#packet(partial.bytes, 0)
      else this.#publish(partial.bytes, 0, partial.bytes.length, partial.packetBytes)
    }
    while (start < chunk.length) {
      const end = this.#packet(chunk, start)
      if (end === undefined) return
      start = end
    }
  }

  /** Handles the packet at `start` and returns where it ends, or keeps the rest when it is not complete. */
  #packet(bytes: Buffer, start: number): number | undefined {
    let cursor = start + 1
    let remaining = 0
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw violation('a remaining length of more than 4 bytes [MQTT-2.2.3]')
      if (cursor >= bytes.length) return this.#keep(bytes, start, bytes.length - start + 1)
      const digit = bytes[cursor++]!
      remaining += (digit & ~CONTINUES) << shift
      if ((digit & CONTINUES) === 0) break
    }
    const end = cursor + remaining
    const type = bytes[start]! >> 4
    assertLength(this.#lengths, type, remaining)
    const packetBytes = end - start > this.#maxPacketSize ? end - start : undefined
    if (packetBytes !== undefined && type !== PUBLISH)
      throw violation(`a packet of type ${type} of ${packetBytes} bytes`)
    if (end > bytes.length) return this.#keep(bytes, start, end - start, packetBytes)
    if (type === PUBLISH) this.#publish(bytes, start, end, packetBytes)
    else if (type === PUBREL) this.#pubrel(bytes, start, cursor)
    else {
      if ((bytes[start]! & 15) !== 0) throw violation(`a packet of type ${type} with reserved flags [MQTT-2.2.2-2]`)
      this.#receiver.other(type, bytes.subarray(start, end))
    }
    return end
  }

  /** Copied at once: chunks that are held until a large packet is complete would be memory twice. */
  #keep(bytes: Buffer, start: number, need: number, packetBytes?: number): undefined {
    const size = packetBytes === undefined ? need : Math.min(need, MOST_HEAD_BYTES + KEPT_BYTES)
    const partial = { bytes: Buffer.allocUnsafeSlow(size), have: 0, skip: need - size, packetBytes }
    fill(partial, bytes, start)
    this.#partial = partial
  }

  #pubrel(bytes: Buffer, start: number, cursor: number): void {
    const packetId = bytes.readUInt16BE(cursor)
    if ((bytes[start]! & 15) !== 2) throw violation('a PUBREL with other flags than 2 [MQTT-3.6.1-1]')
    if (packetId === 0) throw violation('a PUBREL with packet id 0')
    this.#receiver.pubrel(packetId)
  }

  /** `end` is before the packet's own where it is over the limit. */
  #publish(bytes: Buffer, at: number, end: number, packetBytes?: number): void {
    const header = bytes[at]!
    const start = bodyStart(bytes, at)
    const qos = (header >> 1) & 3
    const dup = (header & 8) !== 0
    if (qos === 3) throw violation('a PUBLISH with QoS 3 [MQTT-3.3.1-4]')
    const topicEnd = start + 2 + (start + 2 <= end ? bytes.readUInt16BE(start) : 0)
    const idEnd = qos === 0 ? topicEnd : topicEnd + 2
    if (idEnd > end) throw violation(tooShort)
    const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd)
    if (qos > 0 && packetId === 0) throw violation('a PUBLISH with packet id 0 [MQTT-2.3.1-1]')
    const told = this.#isVersion5 ? readPublishProperties(bytes, idEnd, end) : undefined
    const payloadStart = told?.end ?? idEnd
    this.#receiver.publish({
      topic: this.#topicOf(bytes, start + 2, topicEnd, told?.topicAlias),
      payload: packetBytes === undefined ? bytes.subarray(payloadStart, end) : beginning(bytes, payloadStart, end),
      qos: qos as Qos,
      packetId,
      retain: (header & 1) !== 0,
      isVersion5: this.#isVersion5,
      dup,
      ...(told?.carried ? { properties: told.carried } : {}),
      ...(told?.subscriptionIds ? { subscriptionIds: told.subscriptionIds } : {}),
      ...(packetBytes === undefined ? {} : { packetBytes }),
    })
  }

  /** An alias stands for the topic that came with it last on this connection (MQTT 5 section 3.3.2.3.4). */
  #topicOf(bytes: Buffer, start: number, end: number, alias: number | undefined): string {
    if (alias === undefined) {
      if (start === end) throw violation(tooShort)
      return this.#topic(bytes, start, end)
    }
    if (alias === 0 || alias > this.#topicAliasMaximum)
      throw violation(`the topic alias ${alias}, where the largest is ${this.#topicAliasMaximum} [MQTT-3.3.2-8]`)
    if (start < end) this.#aliases.set(alias, this.#topic(bytes, start, end))
    const topic = this.#aliases.get(alias)
    if (topic === undefined) throw violation(`the topic alias ${alias}, which has no topic`)
    return topic
  }

  /** Readings of one topic often follow each other: comparing bytes is cheaper than decoding them. */
  #topic(bytes: Buffer, start: number, end: number): string {
    const last = this.#lastTopicBytes
    if (last?.length === end - start && bytes.compare(last, 0, last.length, start, end) === 0) return this.#lastTopic
    const topic = strictText(bytes, start, end)
    if (/[+#]/.test(topic)) throw violation('a PUBLISH to a topic with wildcards [MQTT-3.3.2-2]')
    this.#lastTopicBytes = Buffer.from(bytes.subarray(start, end))
    this.#lastTopic = topic
    return topic
  }
}

/** Gives where the next packet begins, if this one is complete then. */
function fill(partial: Partial, chunk: Buffer, start: number): number {
  const copied = chunk.copy(partial.bytes, partial.have, start)
  partial.have += copied
  const skipped = Math.min(partial.skip, chunk.length - start - copied)
  partial.skip -= skipped
  return start + copied + skipped
}

/** Where the fixed header ends, of a packet that has a valid one. */
export function bodyStart(bytes: Buffer, start: number): number {
  let cursor = start + 1
  while ((bytes[cursor]! & CONTINUES) !== 0) cursor++
  return cursor + 1
}

/** Copied: nothing of a large chunk stays in memory because of it. */
const beginning = (bytes: Buffer, start: number, end: number): Buffer =>
  Buffer.from(bytes.subarray(start, Math.min(end, start + KEPT_BYTES)))

/** MQTT.js relies on it: it answers a PUBREL without a packet id by throwing. */
function assertLength(lengths: Lengths, type: number, remaining: number): void {
  const range = lengths.get(type)
  if (!range) throw violation(`a packet of type ${type}`)
  if (remaining < range[0] || remaining > range[1])
    throw violation(`a packet of type ${type} with a remaining length of ${remaining}`)
}
