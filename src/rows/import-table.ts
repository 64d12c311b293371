import type { Problem } from '../core/problem.ts'
import { readConnectorOptions, type Settings } from './connector-options.ts'
import { SchemaProblem } from './ddl-tokens.ts'
import { parseTable } from './parse-ddl.ts'
import { formatColumns, type RowSchema } from './row-schema.ts'
import { sqlProblems } from './sql-problems.ts'
import { readJsonOptions, type TableOption } from './with-clause.ts'

/** What a Flink table becomes: a suggestion for the properties of four nodes. */
export interface TableImport extends RowSchema {
  readonly name: string
  /** By node type and property. User and passwords are among them: they belong into credentials. */
  readonly nodes: {
    readonly 'mqtt-v3-source': Settings
    readonly 'mqtt-v3-in': { readonly subscriptions: readonly Settings[] }
    readonly 'row-schema': Settings
    readonly 'row-decoder': Settings
  }
  /** What has another effect than in Flink; as texts what has none, which the log says of the schema as well. */
  readonly notices: readonly (string | Problem)[]
}

const required = ['connector', 'broker.host', 'topic', 'format']

/**
 * Reads a whole Flink `CREATE TABLE … WITH ('connector' = 'mqtt-v3', …)`. A problem names the line, and the option that is
 * missing, unknown, wrong, or contradicts another one.
 */
export function readTableImport(text: string): TableImport | Problem {
  try {
    return readImport(text)
  } catch (error) {
    if (!(error instanceof SchemaProblem)) throw error
    return sqlProblems.of('table', { problem: error.problem })
  }
}

function readImport(text: string): TableImport {
  const { name, columns, options, ignored } = parseTable(text)
  if (name === undefined) throw new SchemaProblem(1, sqlProblems.of('expectedTable'))
  const { decoding, unused, others } = readJsonOptions(options)
  const { source, subscription, notices } = readConnectorOptions(others)
  refuseMissing(options)
  return {
    name,
    columns,
    nodes: {
      'mqtt-v3-source': source,
      'mqtt-v3-in': { subscriptions: [subscription] },
      'row-schema': { writtenAs: 'sql', schema: formatColumns(columns) },
      'row-decoder': { format: 'json-row', ...decoding },
    },
    notices: [...ignored, ...unused, ...notices],
  }
}

function refuseMissing(options: readonly TableOption[]): void {
  const missing = required.find((name) => !options.some((option) => option.name === name && option.value !== ''))
  if (missing !== undefined)
    throw new SchemaProblem(options.at(-1)?.line ?? 1, sqlProblems.of('optionMissing', { option: missing }))
}
