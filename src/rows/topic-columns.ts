import { PipelineError } from '../core/errors.ts'
import type { Captures, Payload, Value } from '../core/record.ts'
import { ownRow } from './own-row.ts'
import { type Column, formatType, type RowSchema, type ScalarType, type TimestampFormat } from './row-schema.ts'
import { type ReadScalar, scalarReader } from './scalars.ts'
import { namesIn, shown } from './topic-pattern.ts'

/**
 * Puts what the topic says into the columns of those names, where the row has nothing there; a column that it does not
 * have at all is added at its end. What the row says itself stays, and is compared. Changes the row. Text, bytes and
 * other payloads without columns stay as they are.
 */
export type AddCaptures = (payload: Payload, captures: Captures) => void

export interface CaptureOptions {
  readonly topicPattern: string
  readonly onMismatch: 'reject' | 'warn'
  readonly timestampFormat: TimestampFormat
}

/**
 * Without a schema every part of the topic is text. Throws CONFIG_INVALID where a column cannot hold one. What is made
 * throws TOPIC_STRUCTURE where a part is no value of its column's type, and TOPIC_MISMATCH, of which `warn` hears instead
 * where `onMismatch` says so.
 */
export function createAddCaptures(
  options: CaptureOptions,
  schema: RowSchema | undefined,
  warn: (error: PipelineError) => void,
): AddCaptures {
  const { topicPattern: pattern, onMismatch } = options
  const readers = namesIn(pattern).map((name) => ({ name, read: partReader(name, options, schema) }))
  return (payload, captures) => {
    const row = ownRow(payload)
    if (row === undefined) return
    for (const { name, read } of readers) {
      const part = captures[name]!
      const value = read(part)
      const own = Object.hasOwn(row, name) ? row[name]! : null
      if (own === null) row[name] = value
      else if (!isSame(own, value)) {
        const error = mismatch(name, part, own)
        if (onMismatch === 'reject') throw error
        warn(error)
      }
    }
  }
}

/** The schema for a payload in which these columns may be missing, whatever is said of missing ones. */
export function withoutDemand(schema: RowSchema, pattern: string): RowSchema {
  const names = namesIn(pattern)
  const columns = schema.columns.map(
    (column): Column => (names.includes(column.name) ? { ...column, notNull: false, mayMiss: true } : column),
  )
  return { ...schema, columns }
}

function partReader(
  name: string,
  { topicPattern: pattern, timestampFormat }: CaptureOptions,
  schema: RowSchema | undefined,
): (part: string) => Value {
  const type = schema?.columns.find((column) => column.name === name)?.type
  if (type === undefined) return (part) => part
  if (type.kind === 'ROW' || type.kind === 'ARRAY' || type.kind === 'MAP') {
    const problem = `has {${name}}, but the column of that name is of the type ${type.kind}: a part of a topic is text or a number`
    throw new PipelineError('CONFIG_INVALID', { field: 'topicPattern', problem })
  }
  return typedReader(name, pattern, type, scalarReader(type, timestampFormat))
}

function typedReader(name: string, pattern: string, type: ScalarType, read: ReadScalar): (part: string) => Value {
  return (part) => {
    const value = read(part)
    if (value !== undefined && value !== null) return value
    const problem = `{${name}} is ${shown(part)}, which is no ${formatType(type)}`
    throw new PipelineError('TOPIC_STRUCTURE', { pattern, problem })
  }
}

/** As text, so that a number in the payload may say the same as the topic. */
const isSame = (own: Value, value: Value): boolean => !isTree(own) && !isTree(value) && String(own) === String(value)

const isTree = (value: Value): boolean => Array.isArray(value) || ownRow(value) !== undefined

function mismatch(name: string, part: string, own: Value): PipelineError {
  const inPayload = isTree(own) ? (Array.isArray(own) ? 'a list' : 'an object') : shown(String(own))
  return new PipelineError('TOPIC_MISMATCH', { name, inTopic: shown(part), inPayload })
}
