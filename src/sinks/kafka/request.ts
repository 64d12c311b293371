import { messageOf, PipelineError } from '../../core/errors.ts'
import { compileTemplate } from '../../core/metadata.ts'
import { encodePayload, isPartitionCount, isTime, type Record } from '../../core/record.ts'
import { remember } from '../../core/remember.ts'
import type { Prepared } from '../../core/sink.ts'
import { type KafkaSinkConfig, sinkFields } from './config.ts'
import { type ClaimedTime, createTimeReader, timestampHeader } from './event-time.ts'
import { createHeaders, headerLength } from './headers.ts'
import { createTopicNamer } from './topic-name.ts'
import type { NameOptions } from './topic-rule.ts'
import { withPrefix } from './wire-format.ts'

/**
 * Equal keys and equal headers are often one object, shared by many requests. What is not `readonly` a write fills in,
 * once it knows the topic.
 */
export interface KafkaRequest {
  readonly topic: string
  readonly key: Buffer | undefined
  /** Undefined is a tombstone. */
  readonly value: Buffer | undefined
  headers: { readonly [name: string]: string }
  /** Goes into the header `rowline.id`, the only one that differs from record to record. */
  readonly id: string | undefined
  /** Milliseconds since 1970: of the receipt, until a claimed time has taken its place. */
  timestamp: number
  claimed: ClaimedTime | undefined
  /** Of the topic, should it have to be created. */
  readonly partitions: number | undefined
}

export type RequestOptions = NameOptions &
  Pick<
    KafkaSinkConfig,
    | 'keyTemplate'
    | 'includeMetadata'
    | 'headers'
    | 'timestampAttribute'
    | 'tombstones'
    | 'valueFormat'
    | 'maxMessageBytes'
  >

// What the record and batch formats add to key, value and headers, rounded up.
const recordOverhead = 100

/**
 * Copies the payload, so that the flow may reuse its buffer. Pure, but that `named` hears which name became which topic
 * (`createTopicNamer`).
 */
export function createRequestBuilder(
  options: RequestOptions,
  named: (name: string, topic: string) => void = () => {},
): (record: Record) => Prepared<KafkaRequest> {
  const topicOf = createTopicNamer(options, named)
  const keyOf = createKeys(options.keyTemplate)
  const headersOf = createHeaders(options)
  const encode = options.valueFormat === 'plain' ? encoded : encodedJson
  const timeOf = createTimeReader(options.timestampAttribute)
  return (record) => {
    checkTime(record)
    const topic = topicOf(record)
    const key = keyOf(record)
    const { headers, length } = headersOf(record)
    const value = options.tombstones && isNothing(record) ? undefined : encode(record)
    const claimed = timeOf(record)
    const id = options.includeMetadata ? record.id : undefined
    const bytes =
      (key?.length ?? 0) +
      (value?.length ?? 0) +
      length +
      (id?.length ?? 0) +
      (claimed ? headerLength(timestampHeader, claimed.text) : 0) +
      recordOverhead
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
      value,
      headers,
      id,
      timestamp: record.receivedAt,
      claimed,
      partitions: isPartitionCount(record.partitions) ? record.partitions : undefined,
    }
    return { request, bytes }
  }
}

/** An outbox may hold what a flow put there when that was not checked. */
function checkTime({ receivedAt }: Record): void {
  if (isTime(receivedAt)) return
  const problem = `its time of receipt is ${receivedAt}, which is no whole number of milliseconds since 1970`
  throw new PipelineError('RECORD_INVALID', { target: 'The kafka sink', problem })
}

const isNothing = ({ payload }: Record) => payload === null || (payload instanceof Uint8Array && payload.length === 0)

/** Bytes of its own, whatever the flow does with its payload. */
function encoded(record: Record): Buffer {
  const bytes = encodedPayload(record)
  if (bytes === record.payload || !Buffer.isBuffer(bytes)) return Buffer.from(bytes)
  return bytes
}

function encodedJson(record: Record): Buffer {
  const { payload } = record
  const bytes = encodedPayload(record)
  if (payload instanceof Uint8Array || typeof payload === 'string') checkJson(bytes)
  return withPrefix(bytes)
}

const strictText = new TextDecoder('utf-8', { fatal: true })

function checkJson(bytes: Uint8Array): void {
  try {
    JSON.parse(strictText.decode(bytes))
  } catch (error) {
    throw new PipelineError('JSON_INVALID', { problem: messageOf(error) }, error)
  }
}

function encodedPayload({ payload }: Record): Uint8Array {
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
