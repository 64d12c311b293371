import type { Problem } from '../core/problem.ts'
import type { DdlReader } from './ddl-reader.ts'
import { SchemaProblem } from './ddl-tokens.ts'
import { type DecoderOptions, flinkTimestampFormats, type TimestampFormat } from './row-schema.ts'
import { sqlProblems } from './sql-problems.ts'

/** One `'name' = 'value'` of a WITH clause. */
export interface TableOption {
  readonly name: string
  readonly value: string
  readonly line: number
}

/** The options behind WITH. Commas before the first and behind the last one are allowed. */
export function readWith(reader: DdlReader): readonly TableOption[] {
  const options = new Map<string, TableOption>()
  reader.expectSign('(')
  reader.takeSign(',')
  while (!reader.isSign(')')) {
    const { line } = reader.token()
    const name = reader.expectText(sqlProblems.of('optionName'))
    reader.expectSign('=')
    const value = reader.expectText(sqlProblems.of('optionValue', { option: name }))
    if (options.has(name)) throw new SchemaProblem(line, sqlProblems.of('optionTwice', { option: name }))
    options.set(name, { name, value, line })
    if (!reader.takeSign(',')) break
  }
  reader.expectSign(')')
  return [...options.values()]
}

type ReadJson = (option: TableOption) => Partial<DecoderOptions>

const forWriting: ReadJson = () => ({})
/** The options of Flink's JSON format. Those about writing JSON, and about how Flink reads it, say nothing about rows. */
const jsonOptions: ReadonlyMap<string, ReadJson> = new Map<string, ReadJson>([
  ['json.fail-on-missing-field', (option) => ({ failOnMissingField: readFlag(option) })],
  ['json.ignore-parse-errors', (option) => ({ ignoreParseErrors: readFlag(option) })],
  ['json.timestamp-format.standard', (option) => ({ timestampFormat: readFormat(option) })],
  ['json.map-null-key.mode', forWriting],
  ['json.map-null-key.literal', forWriting],
  ['json.encode.decimal-as-plain-number', forWriting],
  ['json.encode.ignore-null-fields', forWriting],
  ['json.decode.json-parser.enabled', forWriting],
])

export interface JsonOptions {
  readonly decoding: Partial<DecoderOptions>
  /** One sentence for each option that has no effect on rows. */
  readonly unused: readonly string[]
  /** What is not about JSON. */
  readonly others: readonly TableOption[]
}

/** Takes what is said about JSON out of the options of a table. Throws SchemaProblem naming the option. */
export function readJsonOptions(options: readonly TableOption[]): JsonOptions {
  const decoding: Partial<DecoderOptions> = {}
  const unused: string[] = []
  const isJson = ({ name }: TableOption) => name.startsWith('json.')
  for (const option of options.filter(isJson)) {
    const read = jsonOptions.get(option.name)
    if (read === undefined) throw unknownOption(option)
    Object.assign(decoding, read(option))
    if (read === forWriting)
      unused.push(`line ${option.line}: '${option.name}' has no effect on the rows that are read`)
  }
  if (decoding.failOnMissingField && decoding.ignoreParseErrors) {
    const { line } = options.find(({ name }) => name === 'json.ignore-parse-errors')!
    throw new SchemaProblem(line, sqlProblems.of('together'))
  }
  return { decoding, unused, others: options.filter((option) => !isJson(option)) }
}

export const unknownOption = ({ name, line }: TableOption): SchemaProblem =>
  new SchemaProblem(line, sqlProblems.of('optionUnknown', { option: name }))

export function wrongValue({ name, value, line }: TableOption, expected: string | Problem): SchemaProblem {
  const shown = value.length > 40 ? `${value.slice(0, 39)}…` : value
  return new SchemaProblem(line, sqlProblems.of('optionWrong', { option: name, expected, value: shown }))
}

export function readFlag(option: TableOption): boolean {
  const value = option.value.trim().toLowerCase()
  if (value !== 'true' && value !== 'false') throw wrongValue(option, sqlProblems.of('flag'))
  return value === 'true'
}

function readFormat(option: TableOption): TimestampFormat {
  const found = flinkTimestampFormats.find((format) => format === option.value)
  const [one, other] = flinkTimestampFormats
  if (found === undefined) throw wrongValue(option, sqlProblems.of('either', { one, other }))
  return found
}
