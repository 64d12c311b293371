import type { Record } from './record.ts'

/** What MQTT said about a reading, as text: headers and attributes carry nothing else. */
export type MqttMetadata = {
  readonly [name in 'mqtt.topic' | 'mqtt.qos' | 'mqtt.retain' | 'mqtt.dup' | 'source']: string
}

export function mqttMetadata(record: Record): MqttMetadata {
  return {
    'mqtt.topic': record.topic,
    'mqtt.qos': String(record.qos),
    'mqtt.retain': String(record.retain),
    'mqtt.dup': String(record.dup),
    source: 'mqtt',
  }
}

/** What the placeholders speak about. */
export type Placed = Pick<Record, 'topic' | 'filter' | 'route' | 'to' | 'node' | 'tag'>

const values: { readonly [placeholder: string]: (record: Placed) => string | undefined } = {
  '{topic}': (record) => record.topic,
  '{filter}': (record) => record.filter && wordsForWildcards(record.filter),
  '{route}': (record) => record.route,
  '{to}': (record) => record.to,
  '{node}': (record) => record.node,
  '{tag}': (record) => record.tag,
}

const holes = /(\{[^{}]*\})/

/** Why a text is not a template of these placeholders, without its subject. */
export function templateProblem(template: string, known = Object.keys(values)): string | undefined {
  const unknown = template.split(holes).find((part) => holes.test(part) && !known.includes(part))
  return unknown && `knows ${known.slice(0, -1).join(', ')} and ${known.at(-1)}, not ${unknown}`
}

/** The text for one record; undefined when the record has no value for one of the placeholders. */
export function compileTemplate(template: string): (record: Placed) => string | undefined {
  const parts = template.split(holes).map((part) => values[part] ?? (() => part))
  const [only] = parts
  if (parts.length === 1 && only) return only
  return (record) => {
    let text = ''
    for (const part of parts) {
      const piece = part(record)
      if (piece === undefined) return undefined
      text += piece
    }
    return text
  }
}

/** `devices/+/telemetry` as `devices/any/telemetry`, `sensors/#` as `sensors/all`. */
function wordsForWildcards(filter: string): string {
  const words: { readonly [level: string]: string } = { '+': 'any', '#': 'all' }
  return filter
    .split('/')
    .map((level) => words[level] ?? level)
    .join('/')
}
