import { Problem } from './problem.ts'
import type { Record } from './record.ts'

export const templateProblems = Problem.area('template', {
  unknown: 'knows {known} and {last}, not {unknown}',
  brace: 'has a brace {brace} without its counterpart',
})

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
export type Placed = Pick<Record, 'topic' | 'filter' | 'route' | 'to' | 'node' | 'tag' | 'captures'>

const values: { readonly [placeholder: string]: (record: Placed) => string | undefined } = {
  '{topic}': (record) => record.topic,
  '{filter}': (record) => record.filter && wordsForWildcards(record.filter),
  '{route}': (record) => record.route,
  '{to}': (record) => record.to,
  '{node}': (record) => record.node,
  '{tag}': (record) => record.tag,
}

const holes = /(\{[^{}]*\})/
/** `{topic.site_code}` is what the pattern of the row decoder has found as {site_code}. */
const captured = /^\{topic\.([A-Za-z]\w*)\}$/
const capturedForm = '{topic.name}'
const allForms = [...Object.keys(values), capturedForm]

/** Why a text is not a template of these placeholders, without its subject. */
export function templateProblem(template: string, known: readonly string[] = allForms): Problem | undefined {
  const form = (part: string) => (captured.test(part) ? capturedForm : part)
  const unknown = template.split(holes).find((part) => holes.test(part) && !known.includes(form(part)))
  if (unknown === undefined) return undefined
  return templateProblems.of('unknown', { known: known.slice(0, -1).join(', '), last: known.at(-1)!, unknown })
}

/** The same of a name, in which a lonely brace is a slip: in other texts it may be one of JSON. */
export function nameTemplateProblem(template: string, known?: readonly string[]): Problem | undefined {
  return templateProblem(template, known) ?? braceProblem(template)
}

/** A brace outside of all placeholders, known or not. */
export function braceProblem(template: string): Problem | undefined {
  const [brace] = /[{}]/.exec(withoutPlaceholders(template)) ?? []
  return brace === undefined ? undefined : templateProblems.of('brace', { brace })
}

/** What is the same for every record. */
export const withoutPlaceholders = (template: string): string =>
  template
    .split(holes)
    .filter((part) => !holes.test(part))
    .join('')

function readerOf(part: string): (record: Placed) => string | undefined {
  const name = captured.exec(part)?.[1]
  if (name === undefined) return values[part] ?? (() => part)
  return ({ captures }) => (captures && Object.hasOwn(captures, name) ? captures[name] : undefined)
}

/** The text for one record; undefined when the record has no value for one of the placeholders. */
export function compileTemplate(template: string): (record: Placed) => string | undefined {
  return joined(template.split(holes).map(readerOf))
}

/** The texts of all parts, one after the other; undefined when a part has none. */
export function joined<R>(parts: readonly ((record: R) => string | undefined)[]): (record: R) => string | undefined {
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
