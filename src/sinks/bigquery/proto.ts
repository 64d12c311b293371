/** What a key says about the value behind it. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

export const key = (field: number, type: number): number => field * 8 + type

const shortText = 48

/** Writes protobuf into one buffer that grows and is used again. */
export class ProtoWriter {
  #buffer = Buffer.allocUnsafe(4096)
  #at = 0

  /** Everything since the last `take`, as bytes of their own. */
  take(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#at))
    this.#at = 0
    return bytes
  }

  /** Forgets what was written since the last `take`. */
  clear(): void {
    this.#at = 0
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(10)
    let rest = value
    while (rest > 0x7fffffff) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
  }

  /** A whole number of 64 bits with a sign. */
  int64(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0) this.varint(value)
    else this.#varint64(value)
  }

  #varint64(value: number | bigint): void {
    this.#reserve(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80
    this.#buffer[this.#at++] = Number(rest)
  }

  double(value: number): void {
    this.#reserve(8)
    this.#at = this.#buffer.writeDoubleLE(value, this.#at)
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length)
    this.#reserve(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  text(value: string): void {
    const { length } = value
    if (length < shortText && this.#ascii(value, length)) return
    const bytes = Buffer.byteLength(value)
    this.varint(bytes)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }

  /** Begins a message within the message; `end` takes what this returns. */
  begin(): number {
    this.#reserve(1)
    return this.#at++
  }

  end(start: number): void {
    const length = this.#at - start - 1
    if (length < 0x80) {
      this.#buffer[start] = length
      return
    }
    let more = 0
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 128)) more++
    this.#reserve(more)
    this.#buffer.copyWithin(start + 1 + more, start + 1, this.#at)
    this.#at = start
    this.varint(length)
    this.#at += length
  }

  /** A field with bytes or text. */
  bytesField(field: number, value: Uint8Array | string): void {
    this.varint(key(field, wire.bytes))
    if (typeof value === 'string') this.text(value)
    else this.bytes(value)
  }

  numberField(field: number, value: number): void {
    this.varint(key(field, wire.varint))
    this.varint(value)
  }

  messageField(field: number, put: () => void): void {
    this.varint(key(field, wire.bytes))
    const start = this.begin()
    put()
    this.end(start)
  }

  /** A call into the runtime costs more than a loop over a few characters. */
  #ascii(value: string, length: number): boolean {
    this.#reserve(length + 1)
    const buffer = this.#buffer
    const start = this.#at + 1
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      buffer[start + i] = code
    }
    buffer[this.#at] = length
    this.#at = start + length
    return true
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** A field of a message: numbers of up to 64 bits without a sign, or bytes. */
export interface ProtoField {
  readonly field: number
  readonly value: bigint | Buffer
}

/** The fields of a message in their order. Throws a RangeError where the bytes are no message. */
export function readFields(bytes: Uint8Array): readonly ProtoField[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields: ProtoField[] = []
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = buffer.readUInt8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const taken = (length: number) => {
    if (at + length > buffer.length) throw new RangeError('The message ends in the middle of a field')
    at += length
    return buffer.subarray(at - length, at)
  }
  while (at < buffer.length) {
    const tag = Number(varint())
    const type = tag % 8
    if (type === wire.varint) fields.push({ field: tag >> 3, value: varint() })
    else if (type === wire.bytes) fields.push({ field: tag >> 3, value: taken(Number(varint())) })
    else if (type === wire.fixed64) taken(8)
    else if (type === wire.fixed32) taken(4)
    else throw new RangeError(`A field of the wire type ${type}`)
  }
  return fields
}

/** The last value of a field, as a message has it. */
export function bytesOf(fields: readonly ProtoField[], field: number): Buffer | undefined {
  const value = fields.findLast((one) => one.field === field)?.value
  return Buffer.isBuffer(value) ? value : undefined
}

export const textOf = (fields: readonly ProtoField[], field: number): string =>
  bytesOf(fields, field)?.toString('utf8') ?? ''

/** As a number with a sign; 0 where it is absent. */
export function integerOf(fields: readonly ProtoField[], field: number): number {
  const value = fields.findLast((one) => one.field === field)?.value
  return typeof value === 'bigint' ? Number(BigInt.asIntN(64, value)) : 0
}
