import { PipelineError } from '../core/errors.ts'
import type { Qos } from '../core/record.ts'

/** An inbound PUBLISH. `payload` is a view into the bytes read from the socket. `packetId` is 0 at QoS 0. */
export interface InboundPublish {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly packetId: number
  readonly retain: boolean
  readonly dup: boolean
}

export interface PacketReceiver {
  publish(packet: InboundPublish): void
  pubrel(packetId: number): void
  /** Any other packet, whole: first byte to last. */
  other(packetType: number, packet: Buffer): void
}

const CONTINUES = 0x80
/** Least and most remaining length of what servers send, by packet type (sections 3.2 to 3.13). */
const LENGTHS: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [2, [2, 2]], // CONNACK
  [3, [0, Infinity]], // PUBLISH, which is looked at more closely
  [4, [2, 2]], // PUBACK
  [5, [2, 2]], // PUBREC
  [6, [2, 2]], // PUBREL
  [7, [2, 2]], // PUBCOMP
  [9, [3, Infinity]], // SUBACK
  [11, [2, 2]], // UNSUBACK
  [13, [0, 0]], // PINGRESP
])

/**
 * Cuts the byte stream of an MQTT 3.1.1 server into packets and decodes the PUBLISHes (section 3.3) itself, because
 * MQTT.js handles one inbound packet at a time and costs five times as much. Chunks may end anywhere.
 */
export class PublishDecoder {
  readonly #receiver: PacketReceiver
  /** The beginning of a packet whose end has not arrived, in `have` bytes of a buffer as large as what is needed. */
  #partial: Buffer | undefined
  #have = 0
  #lastTopic = ''
  #lastTopicBytes: Buffer | undefined

  constructor(receiver: PacketReceiver) {
    this.#receiver = receiver
  }

  /** Throws PROTOCOL_VIOLATION: the connection cannot be used any longer. */
  push(chunk: Buffer): void {
    let start = 0
    while (this.#partial && start < chunk.length) {
      const partial = this.#partial
      const copied = chunk.copy(partial, this.#have, start)
      start += copied
      this.#have += copied
      if (this.#have < partial.length) return
      this.#partial = undefined
      this.#packet(partial, 0)
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
    if (end > bytes.length) return this.#keep(bytes, start, end - start)
    const header = bytes[start]!
    const type = header >> 4
    assertLength(type, remaining)
    if (type === 3) this.#publish(bytes, header, cursor, end)
    else if (type === 6) this.#receiver.pubrel(bytes.readUInt16BE(cursor))
    else this.#receiver.other(type, bytes.subarray(start, end))
    return end
  }

  /** Copied at once: chunks that are held until a large packet is complete would be memory twice. */
  #keep(bytes: Buffer, start: number, need: number): undefined {
    this.#partial = Buffer.allocUnsafeSlow(need)
    this.#have = bytes.copy(this.#partial, 0, start)
  }

  #publish(bytes: Buffer, header: number, start: number, end: number): void {
    const qos = (header >> 1) & 3
    if (qos === 3) throw violation('a PUBLISH with QoS 3 [MQTT-3.3.1-4]')
    const topicEnd = start + 2 + (start + 2 <= end ? bytes.readUInt16BE(start) : 0)
    const payloadStart = qos === 0 ? topicEnd : topicEnd + 2
    if (payloadStart > end || topicEnd === start + 2) throw violation('a PUBLISH that is too short or has no topic')
    const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd)
    if (qos > 0 && packetId === 0) throw violation('a PUBLISH with packet id 0 [MQTT-2.3.1-1]')
    this.#receiver.publish({
      topic: this.#topic(bytes, start + 2, topicEnd),
      payload: bytes.subarray(payloadStart, end),
      qos: qos as Qos,
      packetId,
      retain: (header & 1) !== 0,
      dup: (header & 8) !== 0,
    })
  }

  /** Readings of one topic often follow each other: comparing bytes is cheaper than decoding them. */
  #topic(bytes: Buffer, start: number, end: number): string {
    const last = this.#lastTopicBytes
    if (last?.length === end - start && bytes.compare(last, 0, last.length, start, end) === 0) return this.#lastTopic
    this.#lastTopicBytes = Buffer.from(bytes.subarray(start, end))
    this.#lastTopic = bytes.toString('utf8', start, end)
    return this.#lastTopic
  }
}

/** MQTT.js relies on it: it answers a PUBREL without a packet id by throwing. */
function assertLength(type: number, remaining: number): void {
  const lengths = LENGTHS.get(type)
  if (!lengths) throw violation(`a packet of type ${type}`)
  if (remaining < lengths[0] || remaining > lengths[1])
    throw violation(`a packet of type ${type} with a remaining length of ${remaining}`)
}

function violation(problem: string): PipelineError {
  return new PipelineError('PROTOCOL_VIOLATION', { problem: `it sent ${problem}` })
}
