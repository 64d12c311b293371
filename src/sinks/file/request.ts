import { isUtf8 } from 'node:buffer'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { type MessageProperties, toFields } from '../../core/message-properties.ts'
import { originalBytes } from '../../core/original-bytes.ts'
import { type Payload, type Record, toJson } from '../../core/record.ts'
import type { Prepared } from '../../core/sink.ts'
import type { FileSinkConfig } from './config.ts'

/** One line of JSON with its line feed. */
export type FileRequest = Buffer

/** Pure. `payload`: the row alone. `record`: the row as `payload` beside what is known about it. */
export function createRequestBuilder(content: FileSinkConfig['content']): (record: Record) => Prepared<FileRequest> {
  const lineOf = content === 'payload' ? payloadLine : (record: Record) => line(recordText(record))
  return (record) => {
    try {
      return lineOf(record)
    } catch (error) {
      throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error)
    }
  }
}

/** More than this could become six times as much in JSON, and more than a string holds. */
const mostText = 8 << 20
const base64Chunk = 3 << 20

/**
 * A line of the dead-letter store: the payload as it arrived (as text, or with `encoding: "base64"` when it is not
 * UTF-8 or over 8 MiB), the same keys as a message at output 2. `source` is the node that rejected it. Takes a payload
 * of any size.
 */
export function deadLetter(record: Record, error: PipelineError, source: string): Prepared<FileRequest> {
  const { code, message, reason } = error
  const { to, partitions } = record
  const payload = originalBytes(record)
  const rest = { ...envelope(record), to, partitions, reason, error: { code, message, source } }
  if (payload.length <= mostText) return line(JSON.stringify({ ...asText(payload), ...rest }))
  const end = `","encoding":"base64",${JSON.stringify(rest).slice(1)}\n`
  const request = Buffer.concat([Buffer.from('{"payload":"'), ...base64Chunks(payload), Buffer.from(end)])
  return { request, bytes: request.length }
}

function* base64Chunks(payload: Uint8Array): Generator<Buffer> {
  for (let at = 0; at < payload.length; at += base64Chunk)
    yield Buffer.from(base64(payload.subarray(at, at + base64Chunk)), 'latin1')
}

function line(text: string): Prepared<FileRequest> {
  const request = Buffer.from(`${text}\n`)
  return { request, bytes: request.length }
}

function payloadLine({ payload }: Record): Prepared<FileRequest> {
  if (!(payload instanceof Uint8Array)) return line(valueText(payload))
  const text = utf8(payload)
  if (text === undefined || !isJson(text))
    return line(JSON.stringify({ data: base64(payload), size: payload.length, encoding: 'base64' }))
  const single = oneLine(text)
  return single === text ? lineOfBytes(payload) : line(single)
}

/** A large payload is not encoded again. */
function lineOfBytes(payload: Uint8Array): Prepared<FileRequest> {
  const request = Buffer.allocUnsafe(payload.length + 1)
  request.set(payload)
  request[payload.length] = 0x0a
  return { request, bytes: request.length }
}

function recordText(record: Record): string {
  const { payload } = record
  if (payload instanceof Uint8Array) return JSON.stringify({ ...asText(payload), ...envelope(record) })
  return `{"payload":${valueText(payload)},${JSON.stringify(envelope(record)).slice(1)}`
}

function envelope({ topic, qos, retain, dup, receivedAt, route, id, properties }: Record) {
  return { topic, qos, retain, dup, receivedAt, route, id, ...(properties && spoken(properties)) }
}

function spoken(properties: MessageProperties) {
  const { correlationData, ...fields } = toFields(properties)
  return correlationData ? { ...fields, correlationData: base64(correlationData) } : fields
}

function asText(bytes: Uint8Array): { payload: string; encoding?: 'base64' } {
  const text = utf8(bytes)
  return text === undefined ? { payload: base64(bytes), encoding: 'base64' } : { payload: text }
}

function valueText(value: Exclude<Payload, Uint8Array>): string {
  const text: string | undefined = toJson(value)
  if (text === undefined) throw new Error(`${typeof value} is no value`)
  return text
}

const view = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const utf8 = (bytes: Uint8Array) => (isUtf8(bytes) ? view(bytes).toString() : undefined)

const base64 = (bytes: Uint8Array) => view(bytes).toString('base64')

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** In JSON a line break can only stand between the tokens. */
const oneLine = (json: string) => json.replace(/[\r\n]+/g, ' ').trim()
