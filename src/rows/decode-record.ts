import { messageOf, PipelineError } from '../core/errors.ts'
import { encodePayload, type Payload, type Record, type Value } from '../core/record.ts'
import { compileDecoder } from './compile-decoder.ts'
import type { RowDecoderConfig } from './config.ts'
import { decodeJson } from './decode-json.ts'
import type { ParsedSchema } from './parse-ddl.ts'

/**
 * The record with its payload decoded, `original` holding the bytes it came from; the record itself where its route
 * has no schema; undefined where there is nothing to pass on and the record counts as done.
 * Throws JSON_INVALID, ROW_TYPE, ROW_MISSING or PAYLOAD_UNSUPPORTED.
 */
export type DecodeRecord = (record: Record) => Record | undefined

type DecodeBytes = (bytes: Uint8Array) => Value | undefined

/**
 * What a `row-decoder` does. Every schema is compiled here, by the id that `schemaOf` knows. Throws CONFIG_INVALID where
 * a schema says of its JSON what contradicts the decoder.
 */
export function createDecoder(config: RowDecoderConfig, schemaOf: (id: string) => ParsedSchema): DecodeRecord {
  const decodeOf = chooseDecoder(config, schemaOf)
  return (record) => {
    const decode = decodeOf(record.route)
    if (decode === undefined) return record
    const bytes = bytesOf(record.payload)
    if (bytes.length === 0) return empty(config)
    const payload = decode(bytes)
    return payload === undefined ? undefined : { ...record, payload, original: record.original ?? bytes }
  }
}

function chooseDecoder(
  config: RowDecoderConfig,
  schemaOf: (id: string) => ParsedSchema,
): (route: string | undefined) => DecodeBytes | undefined {
  if (config.format === 'json') return () => decodeJson
  const compile = (id: string) => compileSchema(config, schemaOf(id))
  if (config.routes.length === 0) {
    const decode = compile(config.schema)
    return () => decode
  }
  const routes = new Map(config.routes.map(({ route, schema }) => [route, compile(schema)]))
  return (route) => (route === undefined ? undefined : routes.get(route))
}

function compileSchema(config: RowDecoderConfig, schema: ParsedSchema): DecodeBytes {
  const options = { ...config, ...schema.decoding }
  if (options.failOnMissingField && options.ignoreParseErrors) {
    const problem = 'cannot be on together with failOnMissingField; one of them is set in the WITH clause of the schema'
    throw new PipelineError('CONFIG_INVALID', { field: 'ignoreParseErrors', problem })
  }
  return compileDecoder(schema, options)
}

function empty({ onEmpty }: RowDecoderConfig): undefined {
  if (onEmpty === 'reject') throw new PipelineError('JSON_INVALID', { problem: 'it is empty' })
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
