import type { Value } from '../../core/record.ts'
import { narrow, orText, shortestFloat } from '../scalars.ts'

/** The data types of Sparkplug 3.0 that decide how a value is read. */
export const dataTypes = {
  Int8: 1,
  Int16: 2,
  Int32: 3,
  Int64: 4,
  DateTime: 13,
  Boolean: 11,
  Int8Array: 22,
  BooleanArray: 32,
  StringArray: 33,
  DateTimeArray: 34,
} as const

/** By type, the first number that Int8, Int16 and Int32 do not have. */
const halves = [0, 0x80, 0x8000, 0x8000_0000] as const

/**
 * The number that these 32 bits mean in an Int8, Int16 or Int32, whether the sign reaches through all of them or not. What
 * the type cannot hold stays as it is.
 */
export function withSign(raw: number, datatype: 1 | 2 | 3): number {
  const half = halves[datatype]
  if (raw < half) return raw
  if (raw < 2 * half) return raw - 2 * half
  return raw >= 0x1_0000_0000 - half ? raw - 0x1_0000_0000 : raw
}

/** The same for 64 bits. */
export function withLongSign(raw: number | bigint, datatype: 1 | 2 | 3): number | bigint {
  if (raw < 0x1_0000_0000) return withSign(Number(raw), datatype)
  const negative = BigInt.asIntN(64, BigInt(raw))
  return negative < 0n && negative >= -halves[datatype] ? Number(negative) : raw
}

/** What cannot be mistaken for another. Not every device tells whole numbers, others and booleans apart. */
type Kind = 'number' | 'text' | 'bytes' | 'dataset' | 'template'

function kindOf(datatype: number): Kind | undefined {
  if (datatype === 12 || datatype === 14 || datatype === 15) return 'text'
  if (datatype >= 1 && datatype <= 13) return 'number'
  if (datatype === 16) return 'dataset'
  if (datatype === 19) return 'template'
  return datatype === 17 || datatype === 18 || (datatype >= 22 && datatype <= 34) ? 'bytes' : undefined
}

const number: Kind = 'number'
/** By the number of a metric's value field, from 10. */
const kinds: readonly Kind[] = [number, number, number, number, number, 'text', 'bytes', 'dataset', 'template']

/** Whether a metric whose value came in this field can have this type. Types that are not known can have any. */
export function canHold(datatype: number | undefined, valueField: number): boolean {
  const kind = datatype === undefined ? undefined : kindOf(datatype)
  return kind === undefined || kind === kinds[valueField - 10]
}

type ReadElement = (view: DataView, at: number) => Value

const elements: readonly (readonly [bytes: number, read: ReadElement])[] = [
  [1, (view, at) => view.getInt8(at)],
  [2, (view, at) => view.getInt16(at, true)],
  [4, (view, at) => view.getInt32(at, true)],
  [8, (view, at) => narrow(view.getBigInt64(at, true))],
  [1, (view, at) => view.getUint8(at)],
  [2, (view, at) => view.getUint16(at, true)],
  [4, (view, at) => view.getUint32(at, true)],
  [8, (view, at) => narrow(view.getBigUint64(at, true))],
  [4, (view, at) => floatValue(view.getFloat32(at, true))],
  [8, (view, at) => doubleValue(view.getFloat64(at, true))],
]

/** The list that these bytes hold; undefined where the type is no array or the bytes do not fit it. */
export function readArray(bytes: Uint8Array, datatype: number): readonly Value[] | undefined {
  if (datatype === dataTypes.BooleanArray) return readBooleans(bytes)
  if (datatype === dataTypes.StringArray) return readTexts(bytes)
  const element = datatype === dataTypes.DateTimeArray ? elements[7] : elements[datatype - dataTypes.Int8Array]
  if (element === undefined || bytes.length % element[0] !== 0) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / element[0] }, (_, i) => element[1](view, i * element[0]))
}

/** A count of 4 bytes, then a bit for each, the highest first. */
function readBooleans(bytes: Uint8Array): readonly boolean[] | undefined {
  if (bytes.length < 4) return undefined
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  if (bytes.length !== 4 + Math.ceil(count / 8)) return undefined
  return Array.from({ length: count }, (_, i) => (bytes[4 + (i >> 3)]! & (0x80 >> (i & 7))) !== 0)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Each text ends with a zero byte. */
function readTexts(bytes: Uint8Array): readonly string[] | undefined {
  if (bytes.length === 0) return []
  try {
    return bytes.at(-1) === 0 ? utf8.decode(bytes.subarray(0, -1)).split('\0') : undefined
  } catch {
    return undefined
  }
}

export const floatValue = (float: number): Value => orText(shortestFloat(float))
export const doubleValue = orText
