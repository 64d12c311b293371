import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { toBase64 } from '../core/bytes.ts'
import type { MessageProperties } from '../core/message-properties.ts'
import { NumberText } from '../core/number-text.ts'
import type { Captures, Payload, Qos, Record } from '../core/record.ts'

/**
 * A stored record: length of the header 4, header (JSON), payload, original payload. The header says what the payload
 * is: bytes as they are, JSON where JSON keeps the value, V8's serialization where it does not (BigInt, bytes in a row),
 * or that together with the places of NumberText, whose class V8 forgets. Read by later versions too: a new form of the
 * header gets a new first element.
 */
type Header = readonly [
  version: 1,
  kind: 'bytes' | 'json' | 'value' | 'numbers',
  payloadBytes: number,
  original: 'none' | 'payload' | 'own',
  topic: string,
  qos: Qos,
  retain: 0 | 1,
  dup: 0 | 1,
  receivedAt: number,
  rest: {
    readonly filter?: string
    readonly route?: string
    readonly to?: string
    readonly partitions?: number
    readonly node?: string
    readonly tag?: string
    readonly headerTopic?: string
    readonly properties?: StoredProperties
    readonly captures?: Captures
  } | null,
]

/** Bytes are base64 in JSON. */
type StoredProperties = Omit<MessageProperties, 'correlationData'> & { readonly correlationData?: string }

const LENGTH_BYTES = 4

/** Takes what the record is now: nothing that happens to its row later changes what is stored. */
export function encodeRecord(record: Record): Buffer {
  const { topic, qos, retain, dup, receivedAt, payload, original } = record
  const [kind, body] = encodeBody(payload)
  const from = originalOf(body, original)
  const flags = [qos, retain ? 1 : 0, dup ? 1 : 0] as const
  const header: Header = [1, kind, body.length, from, topic, ...flags, receivedAt, restOf(record)]
  const head = JSON.stringify(header)
  const headBytes = Buffer.byteLength(head)
  const bodyAt = LENGTH_BYTES + headBytes
  const ownAt = bodyAt + body.length
  const bytes = Buffer.allocUnsafe(ownAt + (from === 'own' ? original!.length : 0))
  bytes.writeUInt32LE(headBytes)
  bytes.write(head, LENGTH_BYTES)
  bytes.set(body, bodyAt)
  if (from === 'own') bytes.set(original!, ownAt)
  return bytes
}

/** Throws when the bytes are no record of a version that is known here. */
export function decodeRecord(bytes: Uint8Array): Record {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const bodyAt = LENGTH_BYTES + buffer.readUInt32LE(0)
  const header = JSON.parse(buffer.toString('utf8', LENGTH_BYTES, bodyAt)) as Header
  const [version, kind, payloadBytes, from, topic, qos, retain, dup, receivedAt, rest] = header
  if (version !== 1) throw new Error(`a stored record of version ${String(version)}`)
  const body = buffer.subarray(bodyAt, bodyAt + payloadBytes)
  const own = buffer.subarray(bodyAt + payloadBytes)
  const original = from === 'own' ? own : from === 'payload' ? body : undefined
  return {
    topic,
    qos,
    retain: retain === 1,
    dup: dup === 1,
    receivedAt,
    ...rest,
    ...(rest?.properties ? { properties: restored(rest.properties) } : {}),
    payload: decodeBody(kind, body),
    ...(original === undefined ? {} : { original }),
  } as Record
}

/** A reading that nothing has decoded, or whose row reads as it arrived, has its bytes twice, and is stored once. */
function originalOf(body: Uint8Array, original: Uint8Array | undefined): Header[3] {
  if (original === undefined) return 'none'
  return Buffer.compare(body, original) === 0 ? 'payload' : 'own'
}

function encodeBody(payload: Payload): readonly [Header[1], Uint8Array] {
  if (payload instanceof Uint8Array) return ['bytes', payload]
  if (keepsJson(payload)) return ['json', Buffer.from(JSON.stringify(payload))]
  const value = spoken(payload)
  const body: WithNumbers = { payload: value, numbers: numbersIn(value, []) }
  return body.numbers.length > 0 ? ['numbers', serialize(body)] : ['value', serialize(value)]
}

/** What a Function node made of a class with a JSON of its own (a Decimal, a URL): that JSON, for V8 forgets the class. */
function spoken(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || types.isDate(value)) return value
  if (types.isTypedArray(value) || value instanceof NumberText) return value
  if ('toJSON' in value && typeof value.toJSON === 'function') return spoken(value.toJSON())
  if (Array.isArray(value)) return value.map(spoken)
  if (Object.prototype.toString.call(value) !== '[object Object]') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, spoken(inner)]))
}

function decodeBody(kind: Header[1], body: Buffer): Payload {
  switch (kind) {
    case 'bytes':
      return body
    case 'json':
      return JSON.parse(body.toString()) as Payload
    case 'value':
      return deserialize(body) as Payload
    case 'numbers':
      return withNumbers(deserialize(body) as WithNumbers)
    default:
      throw new Error(`a stored payload of the kind ${String(kind)}`)
  }
}

interface WithNumbers {
  readonly payload: unknown
  /** The keys on the way to each NumberText, whose text stands there. */
  readonly numbers: readonly (readonly string[])[]
}

function numbersIn(value: unknown, way: readonly string[]): readonly (readonly string[])[] {
  if (value instanceof NumberText) return [way]
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  return Object.entries(value).flatMap(([key, inner]) => numbersIn(inner, [...way, key]))
}

function withNumbers({ payload, numbers }: WithNumbers): Payload {
  const holder: { [key: string]: unknown } = { payload }
  for (const way of numbers) {
    const [last, ...back] = ['payload', ...way].reverse()
    const at = back.reduceRight((value, key) => value[key] as typeof holder, holder)
    at[last!] = new NumberText((at[last!] as NumberText).text)
  }
  return holder.payload as Payload
}

/** Whether JSON text gives the same value back: no BigInt, no NumberText, no bytes, no -0, and nothing that is not finite. */
function keepsJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      break
    default:
      return false
  }
  if (value === null) return true
  if (Array.isArray(value)) return Array.from(value).every(keepsJson)
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false
  for (const key in value) if (!keepsJson((value as { readonly [key: string]: unknown })[key])) return false
  return true
}

/** JSON leaves out what is undefined. */
function restOf(record: Record): Header[9] {
  const { filter, route, to, partitions, node, tag, headerTopic, captures, properties } = record
  const told = properties && stored(properties)
  const rest = { filter, route, to, partitions, node, tag, headerTopic, captures, properties: told }
  return Object.values(rest).every((value) => value === undefined) ? null : (rest as NonNullable<Header[9]>)
}

function stored({ correlationData, ...texts }: MessageProperties): StoredProperties {
  return correlationData === undefined ? texts : { ...texts, correlationData: toBase64(correlationData) }
}

function restored({ correlationData, ...texts }: StoredProperties): MessageProperties {
  return correlationData === undefined ? texts : { ...texts, correlationData: Buffer.from(correlationData, 'base64') }
}
