import type { Row, Value } from '../../core/record.ts'
import { canHold, readArray } from './data-types.ts'
import { readDataset, readMetadata, readProperties, readTemplate } from './parts.ts'
import { isScalar, readScalar } from './scalar-value.ts'
import { sized, WireReader } from './wire.ts'

/** What a BIRTH says about one metric. */
export interface Definition {
  readonly name: string
  readonly datatype: number | undefined
}

/** What is known of the metrics that a message may name by alias, or by name without its data type. */
export interface Definitions {
  /** Undefined for one that more than one metric has. */
  readonly byAlias: ReadonlyMap<number | bigint, Definition | undefined>
  readonly byName: ReadonlyMap<string, Definition>
}

type Draft = { [field: string]: Value }

export interface Metrics {
  readonly metrics: readonly Row[]
  /** How many of them have no name. */
  readonly unnamed: number
}

/** A payload whose metrics are not read yet: what they mean depends on the rest. */
export class Envelope {
  readonly #reader: WireReader
  /** Where the metrics are. */
  readonly #starts: number[] = []
  timestamp: number | bigint | undefined
  seq: number | bigint | undefined
  #uuid: string | undefined
  #body: Uint8Array | undefined

  /** Throws SPARKPLUG_INVALID for what is no payload. */
  constructor(bytes: Uint8Array) {
    const reader = new WireReader(bytes)
    const end = bytes.length
    this.#reader = reader
    while (reader.at < end) {
      const tag = reader.tag(end)
      if (tag === 0x12) {
        reader.part()
        this.#starts.push(reader.at)
        reader.skip(sized, end)
      } else if (tag === 0x08) this.timestamp = reader.unsigned(end)
      else if (tag === 0x18) this.seq = reader.unsigned(end)
      else if (tag === 0x22) this.#uuid = reader.text(end)
      else if (tag === 0x2a) this.#body = reader.copy(end)
      else reader.unknown(tag, 5, end)
    }
  }

  /** `definitions` is what resolves names; without it they stay as they came. Throws SPARKPLUG_INVALID. */
  metrics(definitions?: Definitions): Metrics {
    const reader = this.#reader
    const metrics: Row[] = []
    let unnamed = 0
    for (const start of this.#starts) {
      reader.at = start
      const metric = readMetric(reader, reader.stop(reader.bytes.length), definitions)
      if (metric.name === null) unnamed++
      metrics.push(metric)
    }
    return { metrics, unnamed }
  }

  /** Its fields in the order of Sparkplug's specification. */
  row(metrics: readonly Row[]): Row {
    const { timestamp, seq } = this
    const row: Draft = timestamp === undefined ? { metrics } : { timestamp, metrics }
    if (seq !== undefined) row.seq = seq
    if (this.#uuid !== undefined) row.uuid = this.#uuid
    if (this.#body !== undefined) row.body = this.#body
    return row
  }
}

const firstValue = 10

/** Leaves its reader at `end`. With `definitions`, a metric that none of them fits has the name null. */
export function readMetric(reader: WireReader, end: number, definitions: Definitions | undefined): Row {
  let name: string | null | undefined
  let alias: number | bigint | undefined
  let timestamp: number | bigint | undefined
  let datatype: number | undefined
  let isNull = false
  let rest: Draft | undefined
  let valueTag = 0
  let valueAt = 0
  while (reader.at < end) {
    const tag = reader.tag(end)
    switch (tag) {
      case 0x0a:
        name = reader.text(end)
        break
      case 0x10:
        alias = reader.unsigned(end)
        break
      case 0x18:
        timestamp = reader.unsigned(end)
        break
      case 0x20:
        datatype = reader.unsigned32(end)
        break
      case 0x28:
        rest = { ...rest, is_historical: reader.boolean(end) }
        break
      case 0x30:
        rest = { ...rest, is_transient: reader.boolean(end) }
        break
      case 0x38:
        isNull = reader.boolean(end)
        rest = { ...rest, is_null: isNull }
        break
      case 0x42:
        rest = { ...rest, metadata: readMetadata(reader, reader.stop(end)) }
        break
      case 0x4a:
        rest = { ...rest, properties: readProperties(reader, reader.stop(end)) }
        break
      default:
        if (!isValue(tag)) {
          reader.unknown(tag, 19, end)
          break
        }
        valueTag = tag
        valueAt = reader.at
        reader.skip(tag & 7, end)
    }
  }
  const hasValue = valueTag !== 0 && !isNull
  if (definitions !== undefined) {
    const known = define(definitions, name, alias, datatype, hasValue ? valueTag >>> 3 : 0)
    name = known === undefined ? (name ?? null) : known.name
    datatype ??= known?.datatype
  }
  let value: Value = null
  if (hasValue) {
    reader.at = valueAt
    value = readValue(reader, valueTag, datatype, end)
    reader.at = end
  }
  // What nearly all of them have: an object that is made at once costs half.
  if (
    rest === undefined &&
    name !== undefined &&
    timestamp !== undefined &&
    alias !== undefined &&
    datatype !== undefined
  )
    return { name, timestamp, alias, datatype, value }
  const metric: Draft = {}
  if (name !== undefined) metric.name = name
  if (timestamp !== undefined) metric.timestamp = timestamp
  if (alias !== undefined) metric.alias = alias
  if (datatype !== undefined) metric.datatype = datatype
  if (rest !== undefined) Object.assign(metric, rest)
  metric.value = value
  return metric
}

/** What a metric is; undefined where nobody knows, or where a BIRTH that has been replaced meanwhile knew. */
function define(
  definitions: Definitions,
  name: string | null | undefined,
  alias: number | bigint | undefined,
  datatype: number | undefined,
  valueField: number,
): Definition | undefined {
  const known = name ? definitions.byName.get(name) : alias === undefined ? undefined : definitions.byAlias.get(alias)
  if (known?.datatype === undefined) return known
  if (datatype !== undefined && datatype !== known.datatype) return undefined
  return valueField === 0 || canHold(known.datatype, valueField) ? known : undefined
}

const isValue = (tag: number) => isScalar(tag, firstValue) || isObject(tag)

/** bytes_value, dataset_value, template_value and extension_value. */
const isObject = (tag: number) => (tag & 7) === sized && tag >>> 3 >= 16 && tag >>> 3 <= 19

function readValue(reader: WireReader, tag: number, datatype: number | undefined, end: number): Value {
  const field = tag >>> 3
  if (field < 16) return readScalar(reader, field - firstValue, datatype, end)
  if (field === 17) return readDataset(reader, reader.stop(end))
  if (field === 18) return readTemplate(reader, reader.stop(end), (stop) => readMetric(reader, stop, undefined))
  const bytes = reader.copy(end)
  return (datatype === undefined ? undefined : readArray(bytes, datatype)) ?? bytes
}
