import { messageOf, PipelineError } from '../../core/errors.ts'
import { compileTemplate, joined } from '../../core/metadata.ts'
import { isTime, type Payload, type Record, toJson, type Value } from '../../core/record.ts'
import { isTypedHole, partsOf, type TypedHole } from './cell-template.ts'
import { type Codec, metadataCodecs } from './codecs.ts'

/** A column that is filled from what a record says about itself. */
export interface Cell {
  readonly codec: Codec
  read(record: Record): Value | undefined
}

/** Placeholders whose column has their own type; with other text around them, all are text. */
const typed: { readonly [placeholder in TypedHole]: Cell } = {
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

export function compileCell(template: string): Cell {
  if (isTypedHole(template)) return typed[template]
  return { codec: metadataCodecs.text, read: joined(partsOf(template).map(readerOf)) }
}

function readerOf(part: string): (record: Record) => string | undefined {
  return part === '{id}' ? ({ id }) => id : compileTemplate(part)
}
