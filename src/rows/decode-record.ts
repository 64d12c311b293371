import { fromText } from '../core/bytes.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { encodePayload, type Payload, type Record, toJson } from '../core/record.ts'
import { remember } from '../core/remember.ts'
import { compileDecoder, skipErrors } from './compile-decoder.ts'
import type { RowDecoderConfig } from './config.ts'
import { decodeJson } from './decode-json.ts'
import { decodeCbor } from './formats/cbor.ts'
import { decodeMessagePack } from './formats/messagepack.ts'
import { decodeText, wrapBytes } from './formats/plain.ts'
import { createIgnore } from './ignored-attributes.ts'
import { checkedRows, decodeByJsonSchema, demandJsonSchema } from './json-schema/decode-by-json-schema.ts'
import type { ParsedSchema } from './parse-ddl.ts'
import { SparkplugDecoder } from './sparkplug/decoder.ts'
import { sparkplug } from './sparkplug/fields.ts'
import { type AddCaptures, createAddCaptures, withoutDemand } from './topic-columns.ts'
import { compileTopicPattern } from './topic-pattern.ts'
import { createUnpack, type Room } from './unpack.ts'

/**
 * The record with its payload decoded, `original` holding the bytes it came from; the record itself where its route
 * has no schema; undefined where there is nothing to pass on and the record counts as done.
 * Throws what is said of a payload in `errorTable`, all of it with the disposition `reject`.
 */
export type DecodeRecord = (record: Record, room?: Room) => Record | undefined

type DecodeBytes = (bytes: Uint8Array, record: Record) => Payload | undefined

/** What becomes of a route's payloads, and how the topic's captures get into it. */
interface Way {
  readonly decode: DecodeBytes
  readonly addCaptures: AddCaptures
  /** An empty payload is rejected unless the configuration says otherwise. */
  readonly demandsPayload?: boolean
}

/**
 * What a `row-decoder` does. Every schema is compiled here, by the id that `schemaOf` knows. Throws CONFIG_INVALID where
 * a schema says of its JSON what contradicts the decoder. `warn` hears of errors that are not to reject a record.
 * `sparkplugDecoder` keeps what it learns beyond this decoder.
 */
export function createDecoder(
  config: RowDecoderConfig,
  schemaOf: (id: string) => ParsedSchema,
  warn: (error: PipelineError) => void = () => {},
  sparkplugDecoder?: SparkplugDecoder,
): DecodeRecord {
  const wayOf = chooseWay(config, schemaOf, warn, sparkplugDecoder)
  const unpack = createUnpack(config)
  const capture = config.topicPattern === '' ? undefined : remember(compileTopicPattern(config.topicPattern))
  const ignore = createIgnore(config.ignoredAttributes)
  return (record, room) => {
    const way = wayOf(record.route)
    if (way === undefined) return record
    const captures = capture?.(record.topic)
    const received = bytesOf(record.payload)
    const bytes = received.length === 0 ? received : unpack(received, room)
    const payload = bytes.length === 0 ? empty(config, way) : way.decode(bytes, record)
    if (payload === undefined) return undefined
    if (captures !== undefined) way.addCaptures(payload, captures)
    ignore?.(payload, record.topic)
    const decoded = { ...record, payload, original: record.original ?? received }
    return captures === undefined ? decoded : { ...decoded, captures }
  }
}

/** The formats that hold values as JSON does. */
const values = { json: decodeJson, cbor: decodeCbor, messagepack: decodeMessagePack } as const

function chooseWay(
  config: RowDecoderConfig,
  schemaOf: (id: string) => ParsedSchema,
  warn: (error: PipelineError) => void,
  sparkplugDecoder = new SparkplugDecoder(config.resolveAliases),
): (route: string | undefined) => Way | undefined {
  const { format, routes } = config
  const plain = (decode: DecodeBytes) => ({ decode, addCaptures: createAddCaptures(config, undefined, warn) })
  const always = (way: Way) => () => way
  if (format === 'text') return always(plain(decodeText))
  if (format === 'raw') return always(plain(config.binaryEncoding === 'wrap' ? wrapBytes : (bytes) => bytes))
  if (format === 'json') return always(plain(decodeJson))
  if (format === sparkplug) return always(plain((bytes, record) => sparkplugDecoder.decode(bytes, record)))
  const compile = (id: string) => compileWay(config, schemaOf(id), warn)
  if (routes.length > 0) {
    const ways = new Map(routes.map(({ route, schema }) => [route, compile(schema)]))
    return (route) => (route === undefined ? undefined : ways.get(route))
  }
  if (config.schema !== '' || format === 'json-row' || format === 'json-schema') return always(compile(config.schema))
  return always(plain(config.ignoreParseErrors ? skipErrors(values[format]) : values[format]))
}

function compileWay(config: RowDecoderConfig, schema: ParsedSchema, warn: (error: PipelineError) => void): Way {
  const demandsPayload = schema.jsonSchema !== undefined
  if (config.format === 'json-schema') {
    const decode = decodeByJsonSchema(demandJsonSchema(schema))
    return { decode, addCaptures: createAddCaptures(config, undefined, warn), demandsPayload }
  }
  const options = { ...config, ...schema.decoding }
  if (options.failOnMissingField && options.ignoreParseErrors) {
    const problem = 'cannot be on together with failOnMissingField; one of them is set in the WITH clause of the schema'
    throw new PipelineError('CONFIG_INVALID', { field: 'ignoreParseErrors', problem })
  }
  const decodeRow = checkedRows(schema, compileDecoder(withoutDemand(schema, config.topicPattern), options))
  const { format } = config
  const read = options.ignoreParseErrors
    ? skipErrors(values[format as keyof typeof values])
    : values[format as keyof typeof values]
  const viaJson = (bytes: Uint8Array) => {
    const value = read(bytes)
    return value === undefined ? undefined : decodeRow(fromText(toJson(value)))
  }
  const decode = format === 'json-row' ? decodeRow : viaJson
  return { decode, addCaptures: createAddCaptures(options, schema, warn), demandsPayload }
}

function empty({ format, onEmpty, topicPattern }: RowDecoderConfig, { demandsPayload }: Way): undefined {
  if (onEmpty === 'skip' || (onEmpty === 'auto' && topicPattern === '' && !demandsPayload)) return undefined
  const isJson = format === 'json' || format === 'json-row' || format === 'json-schema'
  throw isJson ? new PipelineError('JSON_INVALID', { problem: 'it is empty' }) : new PipelineError('PAYLOAD_EMPTY')
}

/** Bytes and text as they are. An object that a node before the decoder made is read by its JSON text. */
function bytesOf(payload: Payload): Uint8Array {
  if (payload instanceof Uint8Array || typeof payload === 'string') return encodePayload(payload)
  if (!isPlainObject(payload))
    throw unsupported(`the decoder reads a Buffer, text or an object, not ${describe(payload)}`)
  try {
    return encodePayload(payload)
  } catch (error) {
    throw unsupported(`the object has no JSON text: ${messageOf(error)}`, error)
  }
}

/** Also true for the objects of a Function node, whose Object.prototype is not ours. */
function isPlainObject(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false
  const prototype = Object.getPrototypeOf(payload)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function describe(payload: unknown): string {
  if (typeof payload !== 'object' || payload === null) return payload == null ? 'nothing' : `a ${typeof payload}`
  return Array.isArray(payload) ? 'an array' : `a ${payload.constructor?.name ?? 'class instance'}`
}

const unsupported = (problem: string, cause?: unknown) => new PipelineError('PAYLOAD_UNSUPPORTED', { problem }, cause)
