import { allocate } from '../../core/bytes.ts'
import { PipelineError } from '../../core/errors.ts'
import { readText } from './texts.ts'

/** More parts (metrics, rows, values, properties) than this are refused: an empty one is two bytes and a whole object. */
const maxParts = 1_000_000
/** Templates in templates and property sets in property sets. */
const maxDepth = 100

const scratch = new DataView(new ArrayBuffer(8))

export const varint = 0
export const fixed64 = 1
export const sized = 2
export const fixed32 = 5

/**
 * Reads the wire format of Protocol Buffers. `end` is where the message ends that is being read: nothing reaches beyond
 * it. Every failure is SPARKPLUG_INVALID with the byte, counted from 1.
 */
export class WireReader {
  readonly bytes: Uint8Array
  at = 0
  /** The 64 bits of the last varint: 28, 28 and 8 of them. */
  #low = 0
  #middle = 0
  #high = 0
  #parts = 0
  #depth = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Field number times 8 plus wire type. */
  tag(end: number): number {
    const start = this.at
    const byte = this.bytes[start]!
    if (byte < 0x80) {
      this.at = start + 1
      if (byte < 8) this.fail('a field has the number 0', start)
      return byte
    }
    this.#varint(end)
    if (this.#high > 0 || this.#middle > 15 || this.#low < 8)
      this.fail('a field has a number that none can have', start)
    return this.#low + this.#middle * 0x10000000
  }

  /** Number where that is exact, else BigInt. */
  unsigned(end: number): number | bigint {
    const byte = this.bytes[this.at]!
    if (byte < 0x80 && this.at < end) {
      this.at++
      return byte
    }
    this.#varint(end)
    if (this.#high === 0 && this.#middle < 0x2000000) return this.#low + this.#middle * 0x10000000
    return this.#big()
  }

  /** The same 64 bits as a number with a sign. */
  signed(end: number): number | bigint {
    this.#varint(end)
    if (this.#high === 0 && this.#middle < 0x2000000) return this.#low + this.#middle * 0x10000000
    const [low, middle] = [0xfffffff - this.#low, 0xfffffff - this.#middle]
    const negative = -(low + middle * 0x10000000) - 1
    if (this.#high === 0xff && negative >= Number.MIN_SAFE_INTEGER) return negative
    return BigInt.asIntN(64, this.#big())
  }

  /** The lowest 32 bits, as every reader of a uint32 takes them. */
  unsigned32(end: number): number {
    const byte = this.bytes[this.at]!
    if (byte < 0x80 && this.at < end) {
      this.at++
      return byte
    }
    this.#varint(end)
    return (this.#low | (this.#middle << 28)) >>> 0
  }

  boolean(end: number): boolean {
    const byte = this.bytes[this.at]!
    if (byte < 0x80 && this.at < end) {
      this.at++
      return byte !== 0
    }
    this.#varint(end)
    return (this.#low | this.#middle | this.#high) !== 0
  }

  float(end: number): number {
    this.#copy(4, end)
    return scratch.getFloat32(0, true)
  }

  double(end: number): number {
    this.#copy(8, end)
    return scratch.getFloat64(0, true)
  }

  /** Reads the length of what comes and gives where that ends. */
  stop(end: number): number {
    const start = this.at
    const byte = this.bytes[start]!
    if (byte < 0x80 && start < end) {
      this.at = start + 1
      this.#low = byte
    } else {
      this.#varint(end)
      if (this.#high > 0 || this.#middle > 15) this.fail('a length is beyond the end', start)
    }
    const stop = this.at + this.#low + (byte < 0x80 ? 0 : this.#middle * 0x10000000)
    if (stop > end) this.fail('a field is longer than what is left: the payload is cut off', start)
    return stop
  }

  /** A view of the payload. */
  view(end: number): Uint8Array {
    const stop = this.stop(end)
    const view = this.bytes.subarray(this.at, stop)
    this.at = stop
    return view
  }

  /** Bytes of their own: the flow may write to them. */
  copy(end: number): Uint8Array {
    const view = this.view(end)
    const copy = allocate(view.length)
    copy.set(view)
    return copy
  }

  text(end: number): string {
    const stop = this.stop(end)
    const start = this.at
    this.at = stop
    return readText(this.bytes, start, stop) ?? this.fail('a text is not UTF-8', start)
  }

  skip(wireType: number, end: number): void {
    if (wireType === varint) this.#varint(end)
    else if (wireType === sized) this.at = this.stop(end)
    else if (wireType === fixed64) this.#forward(8, end)
    else if (wireType === fixed32) this.#forward(4, end)
    else this.fail(`there is the wire type ${wireType}, which Sparkplug B has not`, this.at - 1)
  }

  /** A field that is not known is skipped, unless its number is `last` or below: then it has the wrong wire type. */
  unknown(tag: number, last: number, end: number): void {
    if (tag >>> 3 <= last) this.fail(`field ${tag >>> 3} has the wire type ${tag & 7}`, this.at - 1)
    this.skip(tag & 7, end)
  }

  /** Every message within the payload is a part. */
  part(): void {
    if (++this.#parts > maxParts) this.fail(`it has more than ${maxParts} parts`, this.at)
  }

  /** What may contain itself. */
  nested<T>(read: () => T): T {
    if (++this.#depth > maxDepth) this.fail(`it is nested more than ${maxDepth} deep`, this.at)
    const value = read()
    this.#depth--
    return value
  }

  fail(what: string, at: number): never {
    throw new PipelineError('SPARKPLUG_INVALID', { problem: `${what} (byte ${Math.min(at, this.bytes.length) + 1})` })
  }

  /** Three loops, because most numbers end in the first. What stands beyond the end is found to do so when it was read. */
  #varint(end: number): void {
    const { bytes } = this
    let at = this.at
    let byte = bytes[at++]!
    let low = byte & 0x7f
    let middle = 0
    let high = 0
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      byte = bytes[at++]!
      low |= (byte & 0x7f) << shift
    }
    if (byte > 0x7f) {
      for (let shift = 0; byte > 0x7f && shift < 28; shift += 7) {
        byte = bytes[at++]!
        middle |= (byte & 0x7f) << shift
      }
      for (let shift = 0; byte > 0x7f && shift < 14; shift += 7) {
        byte = bytes[at++]!
        high |= (byte & 0x7f) << shift
      }
    }
    if (at > end) this.fail('a number is cut off', this.at)
    if (byte > 0x7f) this.fail('a number has more than 64 bits', this.at)
    this.at = at
    this.#low = low
    this.#middle = middle
    this.#high = high & 0xff
  }

  #big(): bigint {
    return (BigInt(this.#high) << 56n) | (BigInt(this.#middle) << 28n) | BigInt(this.#low)
  }

  /** Four or eight bytes to where they can be read as a number: a view of every payload costs more. */
  #copy(size: 4 | 8, end: number): void {
    const { bytes, at } = this
    this.#forward(size, end)
    for (let i = 0; i < size; i += 4) {
      const word = bytes[at + i]! | (bytes[at + i + 1]! << 8) | (bytes[at + i + 2]! << 16) | (bytes[at + i + 3]! << 24)
      scratch.setInt32(i, word, true)
    }
  }

  #forward(size: number, end: number): void {
    if (this.at + size > end) this.fail('a number is cut off', this.at)
    this.at += size
  }
}
