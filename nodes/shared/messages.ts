import { types } from 'node:util'
import { PipelineError } from '../../src/core/errors.ts'
import { fromFields, textOf, toFields } from '../../src/core/message-properties.ts'
import { originalBytes } from '../../src/core/original-bytes.ts'
import { isCaptures, isPartitionCount, isTime, type Payload, type Qos, type Record } from '../../src/core/record.ts'
import { type FlowMessage, HANDLE, ORIGIN, Origin } from './handle.ts'

/** One message per reading: the record's properties on the message itself. The flow may write to its bytes. */
export function readingMessage(record: Record): FlowMessage {
  const { topic, payload, qos, retain, dup, receivedAt } = record
  const { route, to, partitions, tag, headerTopic, captures, packetId, properties } = record
  const own = payload instanceof Uint8Array ? Buffer.from(payload) : payload
  const message: FlowMessage = { topic, payload: own, qos, retain, dup, receivedAt }
  if (packetId) message.messageId = packetId
  if (route !== undefined) message.route = route
  if (to !== undefined) message.to = to
  if (partitions !== undefined) message.partitions = partitions
  if (tag !== undefined) message.tag = tag
  if (headerTopic !== undefined) message.headers = { [TOPIC_HEADER]: headerTopic }
  if (properties !== undefined) Object.assign(message, toFields(properties))
  if (captures !== undefined) message.captures = { ...captures }
  return message
}

/** A batch: a list of readings as the payload, and no topic of its own. */
export function batchMessage(records: readonly Record[]): FlowMessage {
  return { payload: records.map(batchItem) }
}

export function originOf(record: Record): Origin {
  return new Origin(originalBytes(record), record.filter, record.node)
}

function batchItem(record: Record): FlowMessage {
  const item = readingMessage(record)
  item[ORIGIN] = originOf(record)
  return item
}

/** A batch is a list without a topic: a reading whose JSON is a list has one. */
export function isBatch(message: FlowMessage): message is FlowMessage & { payload: FlowMessage[] } {
  return Array.isArray(message.payload) && message.topic === undefined
}

/** The records of a message, wherever it came from. Throws PAYLOAD_UNSUPPORTED for an item that is none. */
export function recordsOf(message: FlowMessage): Record[] {
  const handle = message[HANDLE]
  if (!isBatch(message)) return [toRecord(message, message[ORIGIN] ?? handle?.origin)]
  return message.payload.map((item) => {
    if (!isReading(item))
      throw new PipelineError('PAYLOAD_UNSUPPORTED', {
        problem:
          'a list without msg.topic must hold readings {topic, payload, …}; set msg.topic to write a list as one value',
      })
    return toRecord(item, item[ORIGIN])
  })
}

const isReading = (item: unknown): item is FlowMessage => item !== null && typeof item === 'object' && 'payload' in item

/** What a list that holds something else than readings is rejected as: its readings, and the rest as it is. */
export function unreadable(message: FlowMessage): Record[] {
  const items: readonly unknown[] = isBatch(message) && message.payload.some(isReading) ? message.payload : [message]
  return items.map((item) =>
    isReading(item) ? toRecord(item, item[ORIGIN] ?? item[HANDLE]?.origin) : toRecord({ payload: item }, undefined),
  )
}

type Draft = { -readonly [name in keyof Record]: Record[name] }

function toRecord(message: FlowMessage, origin: Origin | undefined): Record {
  const { topic, payload, qos, retain, dup, receivedAt, route, to, partitions, tag, captures } = message
  const record: Draft = {
    topic: typeof topic === 'string' ? topic : topic === undefined ? '' : textOf(topic),
    payload: payloadOf(payload),
    qos: qos === 1 || qos === 2 ? (qos as Qos) : 0,
    retain: retain === true,
    dup: dup === true,
    receivedAt: isTime(receivedAt) ? receivedAt : Date.now(),
  }
  if (origin?.filter !== undefined) record.filter = origin.filter
  if (origin?.node !== undefined) record.node = origin.node
  if (typeof route === 'string') record.route = route
  if (typeof to === 'string') record.to = to
  if (isPartitionCount(partitions)) record.partitions = partitions
  if (typeof tag === 'string') record.tag = tag
  const headerTopic = topicInHeaders(message.headers)
  if (headerTopic !== undefined) record.headerTopic = headerTopic
  const properties = fromFields(message as { readonly [name: string]: unknown })
  if (properties) record.properties = properties
  if (isCaptures(captures)) record.captures = captures
  if (origin) record.original = origin.bytes
  return record
}

/** A Function node has a Uint8Array of its own, which is none to everybody else. */
function payloadOf(payload: unknown): Payload {
  if (types.isUint8Array(payload) && !(payload instanceof Uint8Array)) {
    const { buffer, byteOffset, byteLength } = payload as Uint8Array<ArrayBuffer>
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  return (payload === undefined ? null : payload) as Payload
}

const TOPIC_HEADER = 'mqtt.topic'

/** Kafka clients give the values of headers as text or as bytes. */
function topicInHeaders(headers: unknown): string | undefined {
  if (headers === null || typeof headers !== 'object') return undefined
  const topic = (headers as { readonly [name: string]: unknown })[TOPIC_HEADER]
  if (topic instanceof Uint8Array) return Buffer.from(topic).toString()
  return typeof topic === 'string' ? topic : undefined
}

/** The message again, without the records at these places. */
export function withoutRecords(message: FlowMessage, refused: Pick<ReadonlySet<number>, 'has' | 'size'>): FlowMessage {
  if (refused.size === 0 || !isBatch(message)) return message
  return { ...message, payload: message.payload.filter((_, i) => !refused.has(i)) }
}

/** The decoded record in the place of the one it was made of; what else the flow put on it stays. */
export function withPayload(item: FlowMessage, decoded: Record): FlowMessage {
  const message: FlowMessage = { ...item, payload: decoded.payload, [ORIGIN]: item[ORIGIN] ?? originOf(decoded) }
  if (decoded.captures !== undefined) message.captures = { ...decoded.captures }
  return message
}

/** What leaves output 2: the reading as it arrived, and why it was refused. */
export function rejectedMessage(record: Record, error: PipelineError, source: string): FlowMessage {
  const message = readingMessage({ ...record, payload: originalBytes(record) })
  message.reason = error.reason
  message.error = { code: error.code, message: error.message, source }
  return message
}
