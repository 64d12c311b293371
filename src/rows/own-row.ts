import { NumberText } from '../core/number-text.ts'
import type { Payload, Value } from '../core/record.ts'

/** A row that may be changed: it was just decoded, and nobody else has it yet. */
export type OwnRow = { [column: string]: Value }

/** Undefined for what has no columns: a list, bytes, a number, text. */
export function ownRow(value: Payload | undefined): OwnRow | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return value instanceof Uint8Array || value instanceof NumberText ? undefined : (value as OwnRow)
}
