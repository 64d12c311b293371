import type { Value } from '../../core/record.ts'
import { maxDepth } from '../json-depth.ts'
import { setOwn } from '../json-text.ts'
import { formatInstant } from '../rfc3339.ts'
import { narrow } from '../scalars.ts'
import { type Entries, floatValue, invalid, keyText, mostValues, ownBytes, readText } from './binary-value.ts'

/**
 * The value of one MessagePack document: integers exact (BigInt beyond 2^53), bytes as bytes, timestamps as RFC 3339 text
 * in UTC, NaN and Infinity as text. Throws BINARY_INVALID with the position. Allocates nothing for lengths that the
 * payload only claims.
 */
export const decodeMessagePack = (bytes: Uint8Array): Value => new MessagePackReader(bytes).document()

const timestampType = -1

class MessagePackReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #depth = 0
  #values = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  document(): Value {
    const value = this.#value()
    if (this.#at < this.#bytes.length) this.#fail('there is something behind its end')
    return value
  }

  #value(): Value {
    if (++this.#values > mostValues) this.#fail(`it has more than ${mostValues} values`)
    const type = this.#uint(1)
    if (type < 0x80) return type
    if (type < 0x90) return this.#map(type & 0x0f)
    if (type < 0xa0) return this.#array(type & 0x0f)
    if (type < 0xc0) return this.#text(type & 0x1f)
    return type >= 0xe0 ? type - 0x100 : this.#long(type)
  }

  /** What has a type byte of its own; lengths and numbers of 1, 2, 4 and 8 bytes stand side by side. */
  #long(type: number): Value {
    if (type === 0xc0) return null
    if (type === 0xc2 || type === 0xc3) return type === 0xc3
    if (type >= 0xc4 && type <= 0xc6) return ownBytes(this.#take(this.#uint(1 << (type - 0xc4))))
    if (type >= 0xc7 && type <= 0xc9) return this.#extension(this.#uint(1 << (type - 0xc7)))
    if (type === 0xca) return floatValue(this.#view.getFloat32(this.#skip(4)))
    if (type === 0xcb) return floatValue(this.#view.getFloat64(this.#skip(8)))
    if (type >= 0xcc && type <= 0xce) return this.#uint(1 << (type - 0xcc))
    if (type === 0xcf) return narrow(this.#view.getBigUint64(this.#skip(8)))
    if (type === 0xd0) return this.#view.getInt8(this.#skip(1))
    if (type === 0xd1) return this.#view.getInt16(this.#skip(2))
    if (type === 0xd2) return this.#view.getInt32(this.#skip(4))
    if (type === 0xd3) return narrow(this.#view.getBigInt64(this.#skip(8)))
    if (type >= 0xd4 && type <= 0xd8) return this.#extension(1 << (type - 0xd4))
    if (type >= 0xd9 && type <= 0xdb) return this.#text(this.#uint(1 << (type - 0xd9)))
    if (type === 0xdc || type === 0xdd) return this.#array(this.#uint(2 << (type - 0xdc)))
    if (type === 0xde || type === 0xdf) return this.#map(this.#uint(2 << (type - 0xde)))
    return this.#fail(`the byte 0x${type.toString(16)} begins no value`)
  }

  #array(length: number): readonly Value[] {
    this.#enter(length)
    const array: Value[] = []
    for (let i = 0; i < length; i++) array.push(this.#value())
    this.#depth--
    return array
  }

  #map(length: number): Entries {
    this.#enter(2 * length)
    const entries: Entries = {}
    for (let i = 0; i < length; i++) {
      const key = keyText(this.#value())
      if (key === undefined) this.#fail('a key is neither text nor a whole number')
      setOwn(entries, key!, this.#value())
    }
    this.#depth--
    return entries
  }

  /** Every value has at least one byte. */
  #enter(values: number): void {
    if (++this.#depth > maxDepth) this.#fail(`it is nested more than ${maxDepth} deep`)
    if (values > this.#bytes.length - this.#at) this.#fail('it ends too early')
  }

  #text(length: number): string {
    return readText(this.#take(length)) ?? this.#fail('a text is not UTF-8')
  }

  #extension(length: number): string {
    const type = this.#view.getInt8(this.#skip(1))
    if (type !== timestampType) this.#fail(`the extension type ${type} is not known`)
    const at = this.#skip(length)
    return this.#timestamp(length, at) ?? this.#fail('a timestamp is none')
  }

  #timestamp(length: number, at: number): string | undefined {
    const view = this.#view
    if (length === 4) return formatInstant(view.getUint32(at), 0)
    if (length !== 8 && length !== 12) return undefined
    const seconds = length === 12 ? view.getBigInt64(at + 4) : view.getBigUint64(at) & 0x3ffffffffn
    const nanoseconds = view.getUint32(at) >>> (length === 12 ? 0 : 2)
    return nanoseconds < 1e9 ? formatInstant(Number(seconds), nanoseconds) : undefined
  }

  /** Unsigned, of 1, 2 or 4 bytes. */
  #uint(size: number): number {
    const at = this.#skip(size)
    return size === 1 ? this.#view.getUint8(at) : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at)
  }

  #take(length: number): Uint8Array {
    const at = this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** Where the next bytes stand. */
  #skip(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) this.#fail('it ends too early')
    this.#at = at + length
    return at
  }

  #fail(problem: string): never {
    throw invalid('MessagePack', `${problem} (at byte ${this.#at + 1})`)
  }
}
