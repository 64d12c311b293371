import { messageOf, PipelineError } from '../../core/errors.ts'
import { type MessageProperties, propertyMetadata } from '../../core/message-properties.ts'
import { mqttMetadata } from '../../core/metadata.ts'
import { originalBytes } from '../../core/original-bytes.ts'
import { encodePayload, type Record, type Row, toJson } from '../../core/record.ts'
import { remember } from '../../core/remember.ts'
import type { Prepared } from '../../core/sink.ts'
import { mostAttributes, type PubsubSinkConfig } from './config.ts'
import { cut } from './cut.ts'
import { isReserved, limits } from './names.ts'
import { compileRecordTemplate, compileValue } from './record-template.ts'
import { createTopicNamer } from './topic-name.ts'
import { attribute, message, orderingKey } from './wire.ts'

export interface PubsubRequest {
  /** Its whole name. */
  readonly topic: string
  /** The ordering key, cut; empty is none. */
  readonly key: string
  /** Of a PublishRequest, encoded. */
  readonly message: Buffer
}

/** Of the service, for a request of one message. */
export const mostRequestBytes = 10_000_000

// Topic and field headers of a request.
const requestOverhead = 512

type Options = Pick<PubsubSinkConfig, 'topic' | 'data' | 'mapping' | 'orderingKey' | 'includeMetadata' | 'attributes'>

/** Pure. Copies the payload, so that the flow may reuse its buffer. */
export function createRequestBuilder(options: Options, projectId: string): (record: Record) => Prepared<PubsubRequest> {
  const topicOf = createTopicNamer(options.topic, projectId)
  const keyOf = options.orderingKey === '' ? () => undefined : compileRecordTemplate(options.orderingKey)
  const encodedKey = remember(orderingKey)
  const dataOf = createData(options)
  const attributesOf = createAttributes(options)
  return (record) => {
    const topic = topicOf(record)
    const key = cut(keyOf(record) ?? '', limits.orderingKey)
    const data = dataOf(record)
    const attributes = attributesOf(record)
    if (data.length === 0 && attributes.length === 0) throw refused('it is empty and has no attributes')
    const encoded = message(data, key === '' ? attributes : [...attributes, encodedKey(key)])
    const bytes = encoded.length
    if (bytes > mostRequestBytes - requestOverhead)
      throw new PipelineError('RECORD_TOO_LARGE', { bytes, limit: mostRequestBytes, target: 'Pub/Sub' })
    return { request: { topic, key, message: encoded }, bytes, lane: key === '' ? undefined : `${topic} ${key}` }
  }
}

const refused = (problem: string) => new PipelineError('RECORD_INVALID', { target: 'The pubsub sink', problem })

function createData({ data, mapping }: Options): (record: Record) => Uint8Array {
  if (data === 'original') return checked(originalBytes)
  if (data === 'payload') return checked(({ payload }) => encodePayload(payload))
  const columns = mapping.map(({ name, value }) => ({ name, read: compileValue(value) }))
  return checked((record) => {
    const row: Row = Object.fromEntries(columns.map(({ name, read }) => [name, read(record)]))
    return Buffer.from(toJson(row))
  })
}

const checked =
  (encode: (record: Record) => Uint8Array): typeof encode =>
  (record) => {
    try {
      return encode(record)
    } catch (error) {
      throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error)
    }
  }

type Attributes = readonly Uint8Array[]

/** Encoded. Later ones take the place of earlier ones with their name. */
function createAttributes({ includeMetadata, attributes }: Options): (record: Record) => Attributes {
  const metadataOf = includeMetadata ? createMetadata() : () => []
  const rows = attributes.map(({ name, value }) => createAttribute(name, value))
  return (record) => {
    const encoded = [...metadataOf(record)]
    for (const row of rows) {
      const own = row(record)
      if (own) encoded.push(own)
    }
    if (includeMetadata && record.id !== undefined) encoded.push(attribute('rowline.id', record.id))
    const count = encoded.length + (includeMetadata ? ofMqtt - 1 : 0)
    if (count > mostAttributes)
      throw refused(`it has ${count} attributes and user properties, and Pub/Sub takes ${mostAttributes}`)
    return encoded
  }
}

/** Attributes that every reading has; they are encoded as one. */
const ofMqtt = 5

/** Per topic one for each combination of what else they say. */
function createMetadata(): (record: Record) => Attributes {
  const ofTopic = remember((): Attributes[] => [])
  return (record) => {
    const flags = record.qos | (record.retain ? 4 : 0) | (record.dup ? 8 : 0)
    const known = ofTopic(record.topic)
    known[flags] ??= [
      Buffer.concat(Object.entries(mqttMetadata(record)).map(([name, value]) => cutAttribute(name, value))),
    ]
    return record.properties ? [...propertyAttributes(record.properties), ...known[flags]] : known[flags]
  }
}

/** What an MQTT 5 publisher says must not stand in the place of what Google or Rowline says. */
function propertyAttributes(properties: MessageProperties): Attributes {
  return Object.entries(propertyMetadata(properties)).map(([name, value]) =>
    cutAttribute(name === '' || isReserved(name) ? `mqtt.user.${name}` : name, value),
  )
}

function createAttribute(name: string, value: string): (record: Record) => Uint8Array | undefined {
  const [readName, readValue] = [compileRecordTemplate(name), compileRecordTemplate(value)]
  return (record) => {
    const [ownName, ownValue] = [readName(record), readValue(record)]
    if (!ownName || ownValue === undefined) return undefined
    if (isReserved(ownName))
      throw refused(`the attribute "${ownName}" begins with "goog", which Pub/Sub keeps for itself`)
    return cutAttribute(ownName, ownValue)
  }
}

const cutAttribute = (name: string, value: string): Buffer =>
  attribute(cut(name, limits.attributeName), cut(value, limits.attributeValue))
