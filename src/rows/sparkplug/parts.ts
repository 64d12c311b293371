import type { Row, Value } from '../../core/record.ts'
import { setOwn } from '../json-text.ts'
import { isScalar, readScalar } from './scalar-value.ts'
import { sized, type WireReader } from './wire.ts'

type Draft = { [field: string]: Value }
type ReadField = (reader: WireReader, end: number) => Value

const text: ReadField = (reader, end) => reader.text(end)
const flag: ReadField = (reader, end) => reader.boolean(end)
const unsigned: ReadField = (reader, end) => reader.unsigned(end)

const metadataFields: { readonly [tag: number]: readonly [name: string, read: ReadField] } = {
  8: ['is_multi_part', flag],
  18: ['content_type', text],
  24: ['size', unsigned],
  32: ['seq', unsigned],
  42: ['file_name', text],
  50: ['file_type', text],
  58: ['md5', text],
  66: ['description', text],
}

export function readMetadata(reader: WireReader, end: number): Row {
  const metadata: Draft = {}
  while (reader.at < end) {
    const tag = reader.tag(end)
    const field = metadataFields[tag]
    if (field === undefined) reader.unknown(tag, 8, end)
    else metadata[field[0]] = field[1](reader, end)
  }
  return metadata
}

/** A PropertySet as an object: its keys with `type` and `value`. */
export function readProperties(reader: WireReader, end: number): Row {
  return reader.nested(() => {
    const start = reader.at
    const keys: string[] = []
    const values: Row[] = []
    while (reader.at < end) {
      const tag = reader.tag(end)
      reader.part()
      if (tag === 0x0a) keys.push(reader.text(end))
      else if (tag === 0x12) values.push(readProperty(reader, reader.stop(end)))
      else reader.unknown(tag, 2, end)
    }
    if (keys.length !== values.length)
      reader.fail(`there are ${keys.length} properties with ${values.length} values`, start)
    const properties: Draft = {}
    for (const [i, key] of keys.entries()) {
      if (Object.hasOwn(properties, key)) reader.fail('a property is there twice', start)
      setOwn(properties, key, values[i]!)
    }
    return properties
  })
}

const firstProperty = 3

function readProperty(reader: WireReader, end: number): Row {
  const property: Draft = {}
  let type: number | undefined
  let isNull: boolean | undefined
  let valueAt = 0
  let valueTag = 0
  while (reader.at < end) {
    const tag = reader.tag(end)
    if (tag === 0x08) type = reader.unsigned32(end)
    else if (tag === 0x10) isNull = reader.boolean(end)
    else if (isScalar(tag, firstProperty) || isPropertyObject(tag)) {
      valueTag = tag
      valueAt = reader.at
      reader.skip(tag & 7, end)
    } else reader.unknown(tag, 11, end)
  }
  if (type !== undefined) property.type = type
  if (isNull !== undefined) property.is_null = isNull
  property.value = null
  if (valueTag !== 0 && !isNull) {
    reader.at = valueAt
    property.value = readPropertyValue(reader, valueTag >>> 3, type, end)
    reader.at = end
  }
  return property
}

/** propertyset_value, propertysets_value and extension_value. */
const isPropertyObject = (tag: number) => (tag & 7) === sized && tag >>> 3 >= 9 && tag >>> 3 <= 11

function readPropertyValue(reader: WireReader, field: number, type: number | undefined, end: number): Value {
  if (field === 9) return readProperties(reader, reader.stop(end))
  if (field === 10) return readList(reader, reader.stop(end), readProperties)
  if (field === 11) return reader.copy(end)
  return readScalar(reader, field - firstProperty, type, end)
}

/** A message with nothing but one repeated message. */
function readList(reader: WireReader, end: number, read: (reader: WireReader, end: number) => Value): Value[] {
  const list: Value[] = []
  while (reader.at < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) {
      reader.part()
      list.push(read(reader, reader.stop(end)))
    } else reader.unknown(tag, 1, end)
  }
  return list
}

/** A DataSet: its rows are lists of values in the order of the columns. */
export function readDataset(reader: WireReader, end: number): Row {
  const dataset: Draft = {}
  const columns: string[] = []
  const types: number[] = []
  const starts: number[] = []
  while (reader.at < end) {
    const tag = reader.tag(end)
    reader.part()
    if (tag === 0x08) dataset.num_of_columns = reader.unsigned(end)
    else if (tag === 0x12) columns.push(reader.text(end))
    else if (tag === 0x18) types.push(reader.unsigned32(end))
    else if (tag === 0x1a) readPacked(reader, reader.stop(end), types)
    else if (tag === 0x22) {
      starts.push(reader.at)
      reader.skip(sized, end)
    } else reader.unknown(tag, 4, end)
  }
  const rows = starts.map((start) => {
    reader.at = start
    let column = 0
    return readList(reader, reader.stop(end), (_, stop) => readElement(reader, types[column++], stop))
  })
  reader.at = end
  return Object.assign(dataset, { columns, types, rows })
}

function readPacked(reader: WireReader, end: number, into: number[]): void {
  while (reader.at < end) {
    reader.part()
    into.push(reader.unsigned32(end))
  }
}

function readElement(reader: WireReader, type: number | undefined, end: number): Value {
  let value: Value = null
  while (reader.at < end) {
    const tag = reader.tag(end)
    if (isScalar(tag, 1)) value = readScalar(reader, (tag >>> 3) - 1, type, end)
    else if (tag === 0x3a) value = reader.copy(end)
    else reader.unknown(tag, 7, end)
  }
  return value
}

export function readTemplate(reader: WireReader, end: number, readMetric: (end: number) => Row): Row {
  return reader.nested(() => {
    const template: Draft = {}
    const metrics: Row[] = []
    const parameters: Row[] = []
    while (reader.at < end) {
      const tag = reader.tag(end)
      reader.part()
      if (tag === 0x0a) template.version = reader.text(end)
      else if (tag === 0x12) metrics.push(readMetric(reader.stop(end)))
      else if (tag === 0x1a) parameters.push(readParameter(reader, reader.stop(end)))
      else if (tag === 0x22) template.template_ref = reader.text(end)
      else if (tag === 0x28) template.is_definition = reader.boolean(end)
      else reader.unknown(tag, 5, end)
    }
    return Object.assign(template, { metrics, parameters })
  })
}

const firstParameter = 3

function readParameter(reader: WireReader, end: number): Row {
  const parameter: Draft = {}
  let type: number | undefined
  let valueAt = 0
  let valueTag = 0
  while (reader.at < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) parameter.name = reader.text(end)
    else if (tag === 0x10) type = reader.unsigned32(end)
    else if (isScalar(tag, firstParameter) || tag === 0x4a) {
      valueTag = tag
      valueAt = reader.at
      reader.skip(tag & 7, end)
    } else reader.unknown(tag, 9, end)
  }
  if (type !== undefined) parameter.type = type
  parameter.value = null
  if (valueTag !== 0) {
    reader.at = valueAt
    parameter.value =
      valueTag === 0x4a ? reader.copy(end) : readScalar(reader, (valueTag >>> 3) - firstParameter, type, end)
    reader.at = end
  }
  return parameter
}
