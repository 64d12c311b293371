import { hasReference } from '../../config/environment.ts'
import { type Fields, parseField } from '../../config/fields.ts'
import type { Imported, ImportedLine } from '../../config/imported.ts'
import { readSettings } from '../../config/settings-text.ts'
import { Problem } from '../../core/problem.ts'
import { clusterFields, sinkFields } from './config.ts'
import { type Meaning, meaningOf } from './import-rules.ts'

const fieldsOf: { readonly [node in 'cluster' | 'sink']: Fields } = { cluster: clusterFields, sink: sinkFields }

/**
 * What a `kafka-cluster` or a `kafka-sink` takes of the configuration of a librdkafka or Java client. A value that the
 * field would not take is not among the values.
 */
export function importSettings(node: 'cluster' | 'sink', text: string): Imported | Problem {
  const settings = readSettings(text)
  if (settings instanceof Problem) return settings
  const values: { [field: string]: string } = {}
  const lines = [...settings].map(([key, value]) => lineOf(key, meaningOf(key, value, settings), node, values))
  return { values, lines }
}

function lineOf(key: string, meaning: Meaning, node: string, values: { [field: string]: string }): ImportedLine {
  if (meaning === undefined) return { key, outcome: 'unknown' }
  if ('notice' in meaning) return { key, outcome: 'noted', notice: meaning.notice }
  const fields = fieldsOf[meaning.node]
  const refused = Object.entries(meaning.values).find(([field, value]) => problemOf(fields, field, value) !== undefined)
  if (refused) {
    const [field, value] = refused
    return { key, outcome: 'refused', field, problem: problemOf(fields, field, value)! }
  }
  if (meaning.node !== node) return { key, outcome: 'elsewhere' }
  Object.assign(values, meaning.values)
  const field = Object.keys(meaning.values)[0]!
  const givesUp = field === 'maxRetries' && meaning.values[field] !== '0'
  return { key, outcome: 'applied', field, ...(givesUp ? { notice: 'finiteRetries' } : {}) }
}

function problemOf(fields: Fields, field: string, value: string): Problem | undefined {
  if (hasReference(value)) return undefined
  const parsed = parseField(fields[field]!, value)
  return parsed instanceof Problem ? parsed : undefined
}
