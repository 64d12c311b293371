import { type DecodeOptions, decode, type TagDecodeControl, Tokenizer, Type } from 'cborg'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { Value } from '../../core/record.ts'
import { maxDepth } from '../json-depth.ts'
import { setOwn } from '../json-text.ts'
import { formatInstant, readRfc3339 } from '../rfc3339.ts'
import { narrow } from '../scalars.ts'
import { type Entries, floatValue, invalid, keyText, mostValues, ownBytes, readText } from './binary-value.ts'

/**
 * The value of one CBOR item (RFC 8949): integers exact (BigInt beyond 2^53), bytes as bytes, dates as RFC 3339 text in
 * UTC, NaN and Infinity as text, undefined as null. Throws BINARY_INVALID.
 */
export function decodeCbor(bytes: Uint8Array): Value {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return toValue(decode(plain, { ...options, tokenizer: new StrictTokens(plain, options) }), 0)
  } catch (error) {
    if (error instanceof PipelineError) throw error
    const problem = messageOf(error).replace(/^CBOR decode error: /, '')
    throw fail(/call stack/.test(problem) ? tooDeep : problem, error)
  }
}

const fail = (problem: string, cause?: unknown) => invalid('CBOR', problem, cause)
const tooDeep = `it is nested more than ${maxDepth} deep`
/** Longer numbers take more than linear time to write. */
const maxBignumBytes = 400

type ReadTag = (decode: TagDecodeControl) => unknown

const asItIs: ReadTag = (decode) => decode()

/** What says something about text and bytes that JSON has no word for is left out: base64, URI, MIME, UUID. */
const tags: { readonly [tag: number]: ReadTag } = {
  0: (decode) => instant(decode(), (text) => (typeof text === 'string' ? utc(text) : undefined)),
  1: (decode) => instant(decode(), epoch),
  2: (decode) => bignum(decode()),
  3: (decode) => -1n - bignum(decode()),
  ...Object.fromEntries([21, 22, 23, 24, 32, 33, 34, 36, 37, 55799].map((tag) => [tag, asItIs])),
}
const options: DecodeOptions = { useMaps: true, retainStringBytes: true, allowBigInt: true, tags }

/** Refuses what cborg takes: text that is not UTF-8, and more values than there is room for. */
class StrictTokens extends Tokenizer {
  #values = 0

  override next(): ReturnType<Tokenizer['next']> {
    if (++this.#values > mostValues) throw fail(`it has more than ${mostValues} values`)
    const token = super.next()
    if (token.type === Type.string && token.value.includes('\ufffd') && readText(token.byteValue!) === undefined)
      throw fail('a text is not UTF-8')
    return token
  }
}

function instant(value: unknown, read: (value: unknown) => string | undefined): string {
  const text = read(value)
  if (text === undefined) throw fail('a date is none')
  return text
}

function utc(text: string): string | undefined {
  const time = readRfc3339(text)
  return time === undefined ? undefined : `${time}Z`
}

/** Seconds since 1970; of a fraction the microseconds, which is what a double has. */
function epoch(value: unknown): string | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined
  const micros = Math.round((value - Math.floor(value)) * 1e6)
  return formatInstant(Math.floor(value) + Math.floor(micros / 1e6), (micros % 1e6) * 1000)
}

function bignum(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) throw fail('a big number is none')
  if (value.length > maxBignumBytes) throw fail(`a number has more than ${maxBignumBytes} bytes`)
  return value.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function toValue(item: unknown, depth: number): Value {
  if (typeof item === 'number') return floatValue(item)
  if (typeof item === 'bigint') return narrow(item)
  if (typeof item === 'string' || typeof item === 'boolean') return item
  if (item === null || item === undefined) return null
  if (item instanceof Uint8Array) return ownBytes(item)
  if (depth >= maxDepth) throw fail(tooDeep)
  return Array.isArray(item)
    ? item.map((each) => toValue(each, depth + 1))
    : toEntries(item as ReadonlyMap<unknown, unknown>, depth + 1)
}

function toEntries(map: ReadonlyMap<unknown, unknown>, depth: number): Entries {
  const entries: Entries = {}
  for (const [key, item] of map) {
    const name = keyText(key)
    if (name === undefined) throw fail('a key is neither text nor a whole number')
    setOwn(entries, name, toValue(item, depth))
  }
  return entries
}
