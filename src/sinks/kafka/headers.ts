import { propertyMetadata } from '../../core/message-properties.ts'
import { compileTemplate, mqttMetadata } from '../../core/metadata.ts'
import type { Record } from '../../core/record.ts'
import { remember } from '../../core/remember.ts'
import type { KafkaSinkConfig } from './config.ts'

export interface Headers {
  readonly headers: { readonly [name: string]: string }
  /** At most so many bytes of a record. */
  readonly length: number
}

// What the record format adds to name and value, rounded up.
const overhead = 10
const none: Headers = { headers: {}, length: 0 }

/** Records that say the same share one object. */
export function createHeaders({
  includeMetadata,
  headers,
}: Pick<KafkaSinkConfig, 'includeMetadata' | 'headers'>): (record: Record) => Headers {
  const metadata = includeMetadata ? createMetadata() : () => none
  return headers.length === 0 ? metadata : addTemplates(metadata, headers)
}

/** Per topic one for each combination of what else they say. */
function createMetadata(): (record: Record) => Headers {
  const ofTopic = remember((): Headers[] => [])
  return (record) => {
    const flags = record.qos | (record.retain ? 4 : 0) | (record.dup ? 8 : 0)
    const known = ofTopic(record.topic)
    known[flags] ??= measured(mqttMetadata(record))
    if (!record.properties) return known[flags]
    return measured({ ...propertyMetadata(record.properties), ...known[flags].headers })
  }
}

/** A template that lacks a value gives no header; one with the name of a metadata header takes its place. */
function addTemplates(
  metadata: (record: Record) => Headers,
  rows: KafkaSinkConfig['headers'],
): (record: Record) => Headers {
  const templates = rows.map(({ value }) => compileTemplate(value))
  const add = ({ headers }: Headers, values: readonly (string | null)[]) =>
    measured({
      ...headers,
      ...Object.fromEntries(rows.flatMap(({ name }, i) => (values[i] == null ? [] : [[name, values[i]]]))),
    })
  const known = new WeakMap<Headers, (values: string) => Headers>()
  return (record) => {
    const base = metadata(record)
    let merge = known.get(base)
    if (!merge) {
      merge = remember((values) => add(base, JSON.parse(values) as (string | null)[]))
      known.set(base, merge)
    }
    return merge(JSON.stringify(templates.map((fill) => fill(record) ?? null)))
  }
}

function measured(headers: Headers['headers']): Headers {
  let length = 0
  for (const name in headers) length += headerLength(name, headers[name]!)
  return { headers, length }
}

export const headerLength = (name: string, value: string): number =>
  Buffer.byteLength(name) + Buffer.byteLength(value) + overhead
