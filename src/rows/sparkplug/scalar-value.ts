import type { Value } from '../../core/record.ts'
import { dataTypes, doubleValue, floatValue, withLongSign, withSign } from './data-types.ts'
import { fixed32, fixed64, sized, varint, type WireReader } from './wire.ts'

/** The values that all of Sparkplug's messages have, in the order of their fields: int, long, float, double, boolean, string. */
const wireTypes = [varint, varint, fixed32, fixed64, varint, sized] as const

/** Whether a field is one of these, where the first has the number `first`. */
export const isScalar = (tag: number, first: number): boolean => wireTypes[(tag >>> 3) - first] === (tag & 7)

/** Reads the value; `kind` counts from 0. A whole number without a data type has no sign. */
export function readScalar(reader: WireReader, kind: number, datatype: number | undefined, end: number): Value {
  switch (kind) {
    case 0:
      return readInt(reader.unsigned32(end), datatype)
    case 1:
      return readLong(reader, datatype, end)
    case 2:
      return floatValue(reader.float(end))
    case 3:
      return doubleValue(reader.double(end))
    case 4:
      return reader.boolean(end)
    default:
      return reader.text(end)
  }
}

const isShort = (datatype: number | undefined): datatype is 1 | 2 | 3 =>
  datatype === 1 || datatype === 2 || datatype === 3

const readInt = (raw: number, datatype: number | undefined): Value =>
  isShort(datatype) ? withSign(raw, datatype) : raw

function readLong(reader: WireReader, datatype: number | undefined, end: number): Value {
  if (datatype === dataTypes.Int64) return reader.signed(end)
  const raw = reader.unsigned(end)
  return isShort(datatype) ? withLongSign(raw, datatype) : raw
}
