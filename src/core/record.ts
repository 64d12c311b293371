import { fromText, toBase64 } from './bytes.ts'
import type { MessageProperties } from './message-properties.ts'
import { type NumberText, rawJSON } from './number-text.ts'

/**
 * A value decoded from a payload. Integers beyond 2^53 are BigInt, decimal numbers that no JavaScript number holds are
 * NumberText, everything else is what JSON gives.
 */
export type Value = null | boolean | number | bigint | NumberText | string | Uint8Array | readonly Value[] | Row
export interface Row {
  readonly [column: string]: Value
}

/** What travels in a record: the bytes as they arrived, or what a decoder made of them. */
export type Payload = Uint8Array | Value

export type Qos = 0 | 1 | 2

/**
 * One reading on its way from the source to the sinks. `receivedAt` is wall-clock milliseconds.
 * `route`, `to` and `partitions` come from the first matching row of the subscriptions table, `node` and `tag` say which
 * source node took it, `captures` what a decoder's topic pattern has found in the topic.
 * `original` is the payload as it arrived, kept so that a rejected record can be stored byte for byte.
 */
export interface Record {
  readonly topic: string
  readonly payload: Payload
  readonly qos: Qos
  readonly retain: boolean
  readonly dup: boolean
  readonly receivedAt: number
  /** Absent where the publisher said nothing, as MQTT 3.1.1 never does. */
  readonly properties?: MessageProperties
  readonly filter?: string
  readonly route?: string
  readonly to?: string
  readonly partitions?: number
  readonly node?: string
  readonly tag?: string
  /** The MQTT topic that the header `mqtt.topic` of a message names, as it comes back out of Kafka. */
  readonly headerTopic?: string
  readonly captures?: Captures
  /** Of the MQTT packet, 0 at QoS 0. Only on the way from the source to the flow: it is used again after the acknowledgement. */
  readonly packetId?: number
  readonly original?: Uint8Array
  /** Stable over restarts and repeats: what duplicates can be told by. Given by an outbox. */
  readonly id?: string
}

/** Parts of a topic by the names that a pattern gives them. */
export interface Captures {
  readonly [name: string]: string
}

/** A flow may put anything in the place of `captures`. */
export const isCaptures = (value: unknown): value is Captures =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.values(value).every((part) => typeof part === 'string')

/** A flow may put anything in the place of `receivedAt`. */
export const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

export const mostPartitions = 10_000

/** A flow may put anything in the place of `partitions`. */
export const isPartitionCount = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= mostPartitions

/** Bytes as they are, text as UTF-8, everything else as JSON in which integers of any size are exact. */
export function encodePayload(payload: Payload): Uint8Array {
  if (payload instanceof Uint8Array) return payload
  return fromText(typeof payload === 'string' ? payload : toJson(payload))
}

/** JSON text of a value; BigInt and NumberText as plain numbers, bytes as base64. `undefined` and functions are not values. */
export function toJson(value: Value): string {
  try {
    return JSON.stringify(value, needsReplacer(value) ? exact : undefined)
  } catch (error) {
    if (error instanceof TypeError) return JSON.stringify(value, exact)
    throw error
  }
}

/** JSON.stringify throws on BigInt, so only bytes (which it would spell out index by index) have to be looked for. */
function needsReplacer(value: Value): boolean {
  if (value === null || typeof value !== 'object') return false
  if (value instanceof Uint8Array) return true
  for (const key in value) {
    const inner = (value as Row)[key]
    if (inner !== null && typeof inner === 'object' && needsReplacer(inner)) return true
  }
  return false
}

function exact(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(value.toString())
  const held = (this as { [key: string]: unknown })[key]
  return held instanceof Uint8Array ? toBase64(held) : value
}
