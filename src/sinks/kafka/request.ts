import { messageOf, PipelineError } from '../../core/errors.ts'
import { compileTemplate, mqttMetadata } from '../../core/metadata.ts'
import { encodePayload, type Record } from '../../core/record.ts'
import type { Prepared } from '../../core/sink.ts'
import type { KafkaSinkConfig } from './config.ts'

export interface KafkaRequest {
  readonly topic: string
  readonly key: Buffer | undefined
  readonly value: Uint8Array
  readonly headers: { readonly [name: string]: string }
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** Of the topic, should it have to be created. */
  readonly partitions: number | undefined
}

export type RequestOptions = Pick<
  KafkaSinkConfig,
  'topic' | 'topicSeparator' | 'keyTemplate' | 'includeMetadata' | 'maxMessageBytes'
>

// What the record and batch formats add to key, value and headers, rounded up.
const recordOverhead = 100
const headerOverhead = 10
const noHeaders = {}

/** Pure. Copies the payload, so that the flow may reuse its buffer. */
export function createRequestBuilder(options: RequestOptions): (record: Record) => Prepared<KafkaRequest> {
  const topicOf = createTopicNamer(options)
  const keyOf = options.keyTemplate === '' ? () => undefined : compileTemplate(options.keyTemplate)
  return (record) => {
    const topic = topicOf(record)
    const key = keyOf(record)
    const headers = options.includeMetadata ? mqttMetadata(record) : noHeaders
    const value = encoded(record)
    const bytes = Buffer.byteLength(key ?? '') + value.length + headersLength(headers) + recordOverhead
    if (bytes > options.maxMessageBytes) {
      throw new PipelineError('RECORD_TOO_LARGE', { bytes, limit: options.maxMessageBytes, target: 'the kafka-sink' })
    }
    const request = {
      topic,
      key: key === undefined ? undefined : Buffer.from(key),
      value: value === record.payload ? Buffer.from(value) : value,
      headers,
      timestamp: record.receivedAt,
      partitions: record.partitions,
    }
    return { request, bytes }
  }
}

function encoded({ payload }: Record): Uint8Array {
  try {
    return encodePayload(payload)
  } catch (error) {
    throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error)
  }
}

function headersLength(headers: { readonly [name: string]: string }): number {
  let length = 0
  for (const name in headers) length += name.length + Buffer.byteLength(headers[name]!) + headerOverhead
  return length
}

/** The topic of all records, where the template has no placeholder and is a name. */
export function fixedTopic({ topic, topicSeparator }: RequestOptions): string | undefined {
  if (topic === '' || topic.includes('{')) return undefined
  try {
    return kafkaTopic(topic.replace(/^\//, ''), topicSeparator)
  } catch {
    return undefined
  }
}

/** The template, else `to`, else the MQTT topic. A target given with a leading slash is meant without it. */
function createTopicNamer(options: RequestOptions): (record: Record) => string {
  const fill = compileTemplate(options.topic)
  const named = (name: string) => kafkaTopic(name.startsWith('/') ? name.slice(1) : name, options.topicSeparator)
  const filled = options.topic.startsWith('/') ? named : (name: string) => kafkaTopic(name, options.topicSeparator)
  return (record) => {
    if (options.topic !== '') {
      const name = fill(record)
      if (!name) throw new PipelineError('NO_TOPIC')
      return filled(name)
    }
    if (record.to) return named(record.to)
    if (!record.topic) throw new PipelineError('NO_TOPIC')
    return kafkaTopic(record.topic, options.topicSeparator)
  }
}

/** Every slash becomes the separator, every other code point that Kafka does not allow becomes one "_". */
export function kafkaTopic(name: string, separator: '_' | '.'): string {
  const topic = name.replaceAll('/', separator).replace(/[^A-Za-z0-9._-]/gu, '_')
  if (topic === '' || topic === '.' || topic === '..' || topic.length > 249) {
    throw new PipelineError('INVALID_KAFKA_TOPIC', { topic })
  }
  return topic
}
