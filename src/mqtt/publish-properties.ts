import type { MessageProperties } from '../core/message-properties.ts'
import { strictText, violation } from './violation.ts'

/** The properties of a PUBLISH (MQTT 5 section 3.3.2.3). `end` is where the payload begins. */
export interface PublishProperties {
  readonly end: number
  readonly topicAlias?: number
  readonly subscriptionIds?: readonly number[]
  /** What travels with the record: undefined where the publisher said nothing of it. */
  readonly carried?: MessageProperties
}

type Draft<T> = { -readonly [name in keyof T]: T[name] }

const continues = 0x80

/** Reads the properties that begin with their length at `start`; nothing of them may stand behind `limit`. */
export function readPublishProperties(bytes: Buffer, start: number, limit: number): PublishProperties {
  const { value: length, next } = variableInteger(bytes, start, limit)
  const end = next + length
  if (end > limit) throw violation('properties that are longer than their packet')
  if (length === 0) return { end }
  return new PropertyReader(bytes, next, end).read()
}

/** Each kind once, but user properties and subscription identifiers, which may come again. */
class PropertyReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number
  readonly #seen = new Set<number>()
  readonly #carried: Draft<MessageProperties> = {}
  readonly #user: (readonly [string, string])[] = []
  readonly #ids: number[] = []
  #topicAlias: number | undefined

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  read(): PublishProperties {
    while (this.#at < this.#end) this.#property(this.#bytes[this.#at++]!)
    if (this.#user.length > 0) this.#carried.userProperties = this.#user
    return {
      end: this.#end,
      ...(this.#topicAlias === undefined ? {} : { topicAlias: this.#topicAlias }),
      ...(this.#ids.length > 0 ? { subscriptionIds: this.#ids } : {}),
      ...(Object.keys(this.#carried).length > 0 ? { carried: this.#carried } : {}),
    }
  }

  #property(id: number): void {
    if (id !== 0x26 && id !== 0x0b && this.#seen.has(id)) throw violation(`the property ${id} twice`)
    this.#seen.add(id)
    switch (id) {
      case 0x01: // payload format indicator
        if (this.#take(1)[0]! > 1) throw violation('a payload format that is neither 0 nor 1')
        break
      case 0x02: // message expiry interval
        this.#take(4)
        break
      case 0x03:
        this.#carried.contentType = this.#text()
        break
      case 0x08:
        this.#carried.responseTopic = this.#responseTopic()
        break
      case 0x09:
        this.#carried.correlationData = Buffer.from(this.#take(this.#length()))
        break
      case 0x0b:
        this.#ids.push(this.#subscriptionId())
        break
      case 0x23:
        this.#topicAlias = this.#take(2).readUInt16BE(0)
        break
      case 0x26:
        this.#user.push([this.#text(), this.#text()])
        break
      default:
        throw violation(`the property ${id}, which no PUBLISH has`)
    }
  }

  /** [MQTT-3.3.2-14] */
  #responseTopic(): string {
    const topic = this.#text()
    if (/[+#]/.test(topic)) throw violation('a response topic with wildcards')
    return topic
  }

  #subscriptionId(): number {
    const { value, next } = variableInteger(this.#bytes, this.#at, this.#end)
    this.#at = next
    if (value === 0) throw violation('a subscription identifier 0')
    return value
  }

  #text(): string {
    const length = this.#length()
    const start = this.#at
    this.#take(length)
    return strictText(this.#bytes, start, this.#at)
  }

  #length(): number {
    return this.#take(2).readUInt16BE(0)
  }

  #take(length: number): Buffer {
    const start = this.#at
    this.#at += length
    if (this.#at > this.#end) throw violation('a property that is longer than all of them')
    return this.#bytes.subarray(start, this.#at)
  }
}

/** Up to four bytes (section 1.5.5). Throws where it ends behind `limit`. */
function variableInteger(bytes: Buffer, start: number, limit: number): { value: number; next: number } {
  let value = 0
  for (let i = 0; i < 4; i++) {
    if (start + i >= limit) break
    const digit = bytes[start + i]!
    value += (digit & ~continues) * 128 ** i
    if (digit < continues) return { value, next: start + i + 1 }
  }
  throw violation('a variable byte integer that does not end')
}
