import { formatAmount } from '../../../src/config/amounts.ts'
import type { Field } from '../../../src/config/fields.ts'

/** A new node's value as the form shows it. */
export function editorDefault(field: Field<unknown>): unknown {
  if (field.kind === 'integer' || field.kind === 'duration' || field.kind === 'bytes') {
    return typeof field.default === 'number' ? formatAmount(field.default, field.kind) : ''
  }
  return field.default ?? (field.kind === 'table' ? [] : '')
}
