import { messageOf, PipelineError } from '../../core/errors.ts'
import { compileTemplate, mqttMetadata } from '../../core/metadata.ts'
import { encodePayload, type Record } from '../../core/record.ts'
import { remember } from '../../core/remember.ts'
import type { Prepared } from '../../core/sink.ts'
import { type KafkaSinkConfig, sinkFields } from './config.ts'

/** Equal keys and equal headers are often one object, shared by many requests. */
export interface KafkaRequest {
  readonly topic: string
  readonly key: Buffer | undefined
  readonly value: Uint8Array
  readonly headers: { readonly [name: string]: string }
  /** Goes into the header `rowline.id`, the only one that differs from record to record. */
  readonly id: string | undefined
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
const noHeaders: Headers = { headers: {}, length: 0 }

/** Pure. Copies the payload, so that the flow may reuse its buffer. */
export function createRequestBuilder(options: RequestOptions): (record: Record) => Prepared<KafkaRequest> {
  const topicOf = createTopicNamer(options)
  const keyOf = createKeys(options.keyTemplate)
  const headersOf = options.includeMetadata ? createHeaders() : () => noHeaders
  return (record) => {
    const topic = topicOf(record)
    const key = keyOf(record)
    const { headers, length } = headersOf(record)
    const value = encoded(record)
    const id = options.includeMetadata ? record.id : undefined
    const bytes = (key?.length ?? 0) + value.length + length + (id?.length ?? 0) + recordOverhead
    if (bytes > options.maxMessageBytes) {
      throw new PipelineError('RECORD_TOO_LARGE', {
        bytes,
        limit: options.maxMessageBytes,
        target: `the kafka sink ("${sinkFields.maxMessageBytes.label}")`,
      })
    }
    const request = {
      topic,
      key,
      value: value === record.payload ? Buffer.from(value) : value,
      headers,
      id,
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

function createKeys(template: string): (record: Record) => Buffer | undefined {
  if (template === '') return () => undefined
  const textOf = compileTemplate(template)
  const encode = remember((key) => Buffer.from(key))
  return (record) => {
    const text = textOf(record)
    return text === undefined ? undefined : encode(text)
  }
}

interface Headers {
  readonly headers: KafkaRequest['headers']
  readonly length: number
}

/** Per topic one for each combination of what else they say. */
function createHeaders(): (record: Record) => Headers {
  const ofTopic = remember((): Headers[] => [])
  return (record) => {
    const flags = record.qos | (record.retain ? 4 : 0) | (record.dup ? 8 : 0)
    const known = ofTopic(record.topic)
    known[flags] ??= measured(mqttMetadata(record))
    return known[flags]
  }
}

function measured(headers: KafkaRequest['headers']): Headers {
  let length = 0
  for (const name in headers) length += name.length + Buffer.byteLength(headers[name]!) + headerOverhead
  return { headers, length }
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
  const plain = remember((name) => kafkaTopic(name, options.topicSeparator))
  const named = (name: string) => plain(name.startsWith('/') ? name.slice(1) : name)
  const filled = options.topic.startsWith('/') ? named : plain
  return (record) => {
    if (options.topic !== '') {
      const name = fill(record)
      if (!name) throw new PipelineError('NO_TOPIC')
      return filled(name)
    }
    if (record.to) return named(record.to)
    if (!record.topic) throw new PipelineError('NO_TOPIC')
    return plain(record.topic)
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
