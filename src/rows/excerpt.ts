import { NumberText } from '../core/number-text.ts'
import type { Json } from './json-text.ts'

type Shown = Json<NumberText | bigint>

const limit = 60

/** The beginning of the JSON text of a value; not more of a large value is looked at than is shown. */
export function excerpt(value: Shown): string {
  const text = write(value, limit)
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text
}

/** At least `room` characters, or all. */
function write(value: Shown, room: number): string {
  if (room <= 0) return ''
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room))
  if (typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object' || value instanceof NumberText)
    return JSON.stringify(value).slice(0, room + 1)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  const parts = Array.isArray(value) ? value.values() : Object.keys(value).values()
  let text = open!
  for (const part of parts) {
    if (text.length > room) return text
    if (text !== open) text += ','
    text += Array.isArray(value)
      ? write(part as Shown, room - text.length)
      : writeField(value, part as string, room - text.length)
  }
  return text + close
}

function writeField(fields: Shown, key: string, room: number): string {
  const name = `${JSON.stringify(key.slice(0, room))}:`
  return name + write((fields as { readonly [key: string]: Shown })[key]!, room - name.length)
}
