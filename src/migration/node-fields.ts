import type { Field, Fields } from '../config/fields.ts'
import { text } from '../config/fields.ts'
import { settingsFields } from '../config/settings.ts'
import { googleFields } from '../google/config.ts'
import { inFields, sourceFields } from '../mqtt/config.ts'
import { rowDecoderFields, rowSchemaFields } from '../rows/config.ts'
import { sinkFields as bigqueryFields } from '../sinks/bigquery/config.ts'
import { sinkFields as fileFields } from '../sinks/file/config.ts'
import { clusterFields, sinkFields as kafkaFields } from '../sinks/kafka/config.ts'
import { sinkFields as mqttFields } from '../sinks/mqtt/config.ts'
import { sinkFields as pubsubFields } from '../sinks/pubsub/config.ts'
import type { Place } from './option.ts'

const nodeFields: { readonly [type: string]: Fields } = {
  'mqtt-v3-source': sourceFields,
  'mqtt-v3-in': inFields,
  'row-schema': rowSchemaFields,
  'row-decoder': rowDecoderFields,
  'kafka-cluster': clusterFields,
  'kafka-sink': kafkaFields,
  'mqtt-v3-out': mqttFields,
  'google-cloud': googleFields,
  'pubsub-sink': pubsubFields,
  'bigquery-sink': bigqueryFields,
  'file-sink': fileFields,
  // Of all sinks alike.
  sink: fileFields,
  settings: settingsFields,
}

const nodeName = text({ label: 'Name', note: 'Of the node.', default: '' })

export interface PlaceParts {
  readonly type: string
  readonly property: string
  /** Of a table. */
  readonly column: string | undefined
  readonly field: Field<unknown>
}

/** Throws where there is no such property: places are written by us. */
export function placeParts(place: Place): PlaceParts {
  const [, type = '', property = '', column] = /^([\w-]+)\.(\w+)(?:\[\]\.(\w+))?$/.exec(place) ?? []
  const whole = property === 'name' ? nodeName : nodeFields[type]?.[property]
  const field = column === undefined ? whole : whole?.columns?.[column]
  if (field === undefined) throw new Error(`there is no ${place}`)
  return { type, property, column, field }
}

/** The default of each column, as a row has it. */
export const blankRow = (type: string, property: string): { readonly [column: string]: unknown } =>
  Object.fromEntries(
    Object.entries(nodeFields[type]?.[property]?.columns ?? {}).map(([name, field]) => [name, field.default ?? '']),
  )
