import { messageOf, PipelineError } from '../../core/errors.ts'
import { compileTemplate, templateProblem } from '../../core/metadata.ts'
import { isTime, type Payload, type Record, toJson, type Value } from '../../core/record.ts'
import { type Codec, metadataCodecs } from './codecs.ts'

/** A column that is filled from what a record says about itself. */
export interface Cell {
  readonly codec: Codec
  read(record: Record): Value | undefined
}

/** Placeholders whose column has their own type; with other text around them, all are text. */
const typed: { readonly [placeholder: string]: Cell } = {
  '{qos}': { codec: metadataCodecs.integer, read: ({ qos }) => qos },
  '{retain}': { codec: metadataCodecs.flag, read: ({ retain }) => retain },
  '{dup}': { codec: metadataCodecs.flag, read: ({ dup }) => dup },
  '{receivedAt}': {
    codec: metadataCodecs.millis,
    read: ({ receivedAt }) => (isTime(receivedAt) ? receivedAt : undefined),
  },
  '{payload}': { codec: metadataCodecs.json, read: ({ payload }) => jsonText(payload) },
}

const strictText = new TextDecoder('utf-8', { fatal: true })

/** Bytes are JSON already, or else are refused; text is a value of JSON. */
function jsonText(payload: Payload): string {
  if (payload instanceof Uint8Array) return checkedJson(payload)
  const text = toJson(payload) as string | undefined
  if (text === undefined) throw new Error(`${typeof payload} has no JSON`)
  return text
}

function checkedJson(payload: Uint8Array): string {
  try {
    const text = strictText.decode(payload)
    JSON.parse(text)
    return text
  } catch (error) {
    throw new PipelineError('JSON_INVALID', { problem: messageOf(error) }, error)
  }
}

const words = ['{topic}', '{filter}', '{route}', '{to}', '{node}', '{tag}'] as const
const level = /^\{topic\.([1-9]\d?)\}$/
const hole = /(\{[^{}]*\})/

/** Why a text does not say what is in a column, without its subject. */
export function cellProblem(template: string): string | undefined {
  if (typed[template]) return undefined
  const holes = template.split(hole).filter((part) => hole.test(part))
  const lonely = holes.find((part) => typed[part])
  if (lonely) return `must be ${lonely} alone, as its column has a type of its own`
  const rest = holes.filter((part) => part !== '{id}' && !level.test(part))
  return templateProblem(rest.join(''), [...words, '{topic.1}', '{id}', ...Object.keys(typed)])
}

export function compileCell(template: string): Cell {
  const alone = typed[template]
  if (alone) return alone
  const parts = template.split(hole).map(readerOf)
  return {
    codec: metadataCodecs.text,
    read: (record) => {
      let text = ''
      for (const part of parts) {
        const piece = part(record)
        if (piece === undefined) return undefined
        text += piece
      }
      return text
    },
  }
}

function readerOf(part: string): (record: Record) => string | undefined {
  const place = level.exec(part)?.[1]
  if (place !== undefined) return ({ topic }) => topic.split('/')[Number(place) - 1]
  return part === '{id}' ? ({ id }) => id : compileTemplate(part)
}
