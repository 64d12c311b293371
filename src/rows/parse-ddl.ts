import { PipelineError } from '../core/errors.ts'
import { Problem } from '../core/problem.ts'
import { isMqttTable, readConnectorOptions } from './connector-options.ts'
import { DdlReader } from './ddl-reader.ts'
import { SchemaProblem } from './ddl-tokens.ts'
import type { JsonSchemaText } from './json-schema/read-json-schema.ts'
import { noColumns, readColumn, readColumns, readItem, readRow, takeComment } from './parse-types.ts'
import type { Column, DecoderOptions, Item, RowSchema } from './row-schema.ts'
import { sqlProblems } from './sql-problems.ts'
import { readJsonOptions, readWith, type TableOption } from './with-clause.ts'

/** A table as it is written, before anybody asks what its options mean. */
export interface ParsedTable extends RowSchema {
  /** `a.b.c`; undefined where the text is no CREATE TABLE. */
  readonly name: string | undefined
  /** What stands in the WITH clause. */
  readonly options: readonly TableOption[]
  /** One sentence for each part of the text that has no effect: WATERMARK, other computed columns, constraints. */
  readonly ignored: readonly string[]
}

export interface ParsedSchema extends RowSchema {
  readonly ignored: readonly string[]
  /** What the table itself says about its JSON: it counts more than what the decoder is set to. */
  readonly decoding: Partial<DecoderOptions>
  /** Every payload is checked by it. */
  readonly jsonSchema?: JsonSchemaText
}

/**
 * Reads `ROW<…>` or `ROW(…)`, a list of columns (with or without parentheses), or a Flink `CREATE TABLE` statement, of
 * whose WITH clause a schema takes what is said about JSON. Throws CONFIG_INVALID naming the line and what was expected.
 */
export function parseRowSchema(text: string): ParsedSchema {
  const schema = readRowSchema(text)
  if (schema instanceof Problem) throw new PipelineError('CONFIG_INVALID', { field: 'schema', problem: schema.text })
  return schema
}

/** The same for a field's `parse`. */
export function readRowSchema(text: string): ParsedSchema | Problem {
  return orProblem(() => {
    const { columns, ignored, options } = parseTable(text)
    const { decoding, unused, others } = readJsonOptions(options)
    return { columns, decoding, ignored: [...ignored, ...unused, ...withoutEffect(others)] }
  })
}

/** Checks the options that a schema has no use for: they are wrong wherever they stand, and a flow is no place for secrets. */
function withoutEffect(options: readonly TableOption[]): readonly string[] {
  const secret = options.find(({ name }) => /password|secret|jaas/i.test(name))
  if (secret !== undefined) throw new SchemaProblem(secret.line, sqlProblems.of('secret', { option: secret.name }))
  if (isMqttTable(options)) readConnectorOptions(options)
  const [first] = options
  if (first === undefined) return []
  return [
    `line ${first.line}: only the options json.… of a table have an effect here; broker and topics have their own nodes`,
  ]
}

/** The type of one column, such as `DECIMAL(10, 2) NOT NULL`. */
export function readItemText(text: string): Item | Problem {
  return orProblem(() => {
    const reader = new DdlReader(text)
    const item = readItem(reader, [])
    if (reader.token().kind !== 'end') reader.fail(sqlProblems.of('endOfType'))
    return item
  })
}

function orProblem<T>(read: () => T): T | Problem {
  try {
    return read()
  } catch (error) {
    if (error instanceof SchemaProblem) return error.problem
    throw error
  }
}

/** Throws SchemaProblem. */
export const parseTable = (text: string): ParsedTable => new TableParser(text).table()

/** A column as the parser finds it; a computed one may yet turn out to have no effect. */
interface FoundColumn extends Column {
  readonly line: number
  readonly text: string
}

const nestingTypes = ['ROW', 'ARRAY', 'MAP', 'MULTISET']
const wholeNumbers = ['TINYINT', 'SMALLINT', 'INT', 'BIGINT']
/** The computed columns that are evaluated; `?` is the name of a column. */
const fromMillis = ['CAST ( ? AS BIGINT ) / 1000', '? / 1000'].map((millis) =>
  `TO_TIMESTAMP ( FROM_UNIXTIME ( ${millis} ) )`.split(' '),
)

class TableParser {
  readonly #reader: DdlReader
  readonly #ignored: string[] = []

  constructor(source: string) {
    this.#reader = new DdlReader(source)
  }

  table(): ParsedTable {
    const reader = this.#reader
    if (reader.takeWord('CREATE')) {
      const name = this.#tableName()
      if (!reader.isSign('(')) reader.fail(sqlProblems.of('parenthesis'))
      reader.next()
      return { name, columns: this.#columns(')'), options: this.#afterColumns(), ignored: this.#ignored }
    }
    const row = reader.isWord('ROW') && (reader.isSign('<', 1) || reader.isSign('(', 1))
    if (row) reader.next()
    const columns = row ? readRow(reader, []).columns : this.#columns(reader.takeSign('(') ? ')' : undefined)
    if (reader.takeWord('NOT')) reader.expectWord('NULL')
    this.#end(sqlProblems.of('commaOrEnd'))
    return { name: undefined, columns, options: [], ignored: this.#ignored }
  }

  #tableName(): string {
    const reader = this.#reader
    if (reader.takeWord('OR')) reader.expectWord('REPLACE')
    reader.takeWord('TEMPORARY')
    reader.expectWord('TABLE')
    if (reader.takeWord('IF') && !reader.takeWords('NOT', 'EXISTS')) reader.fail('NOT EXISTS')
    const parts: string[] = []
    do parts.push(reader.expectName(sqlProblems.of('tableName')))
    while (reader.takeSign('.'))
    return parts.join('.')
  }

  /** What may stand between the columns and the end of the statement. */
  #afterColumns(): readonly TableOption[] {
    const reader = this.#reader
    takeComment(reader)
    const start = reader.position
    const isPartOf = (...words: readonly string[]) => words.some((word) => reader.isWord(word))
    if (reader.takeWord('DISTRIBUTED'))
      this.#skip(start, 'there are no buckets here', () => isPartOf('PARTITIONED', 'WITH', 'LIKE', 'AS'))
    if (reader.takeWords('PARTITIONED', 'BY')) reader.skipParentheses()
    const options = reader.takeWord('WITH') ? readWith(reader) : []
    if (isPartOf('LIKE', 'AS')) this.#skip(reader.position, 'only what is written here is known', () => false)
    this.#end(sqlProblems.of('endOfStatement'))
    return options
  }

  #end(expected: Problem): void {
    this.#reader.takeSign(';')
    if (this.#reader.token().kind !== 'end') this.#reader.fail(expected)
  }

  #columns(close: string | undefined): readonly Column[] {
    const found = readColumns(this.#reader, [], close, () => this.#element())
    const isWhole = (name: string) =>
      found.some((column) => column.name === name && wholeNumbers.includes(column.type.kind))
    const columns = found.filter((column) => column.fromMillis === undefined || isWhole(column.fromMillis))
    for (const { line, text, fromMillis } of found.filter((column) => !columns.includes(column)))
      this.#ignore(line, text, `${fromMillis} is no column of whole numbers`)
    if (columns.length === 0) throw noColumns(found[0]!.line)
    return columns.map(({ line: _line, text: _text, ...column }) => column)
  }

  /** A column, or undefined if it is something that takes nothing from the payload. */
  #element(): FoundColumn | undefined {
    const reader = this.#reader
    if (this.#skipsConstraint()) return undefined
    const start = reader.position
    const name = reader.expectName(sqlProblems.of('columnName'))
    if (reader.takeWord('AS')) return this.#computed(name, start)
    if (this.#metadataAhead()) return this.#skip(start, 'metadata columns are not read from the payload')
    reader.goTo(start)
    const column = readColumn(reader, [])
    const found = { ...column, line: reader.lineAt(start), text: '' }
    this.#skipsConstraint()
    return found
  }

  #computed(name: string, start: number): FoundColumn | undefined {
    const reader = this.#reader
    const source = fromMillis.map((pattern) => this.#takePattern(pattern)).find((found) => found !== undefined)
    if (source === undefined)
      return this.#skip(start, 'other expressions than TO_TIMESTAMP(FROM_UNIXTIME(… / 1000)) are not evaluated')
    const text = reader.textFrom(start)
    takeComment(reader)
    const type = { kind: 'TIMESTAMP', precision: 3 } as const
    return { name, type, notNull: false, fromMillis: source, line: reader.lineAt(start), text }
  }

  /** The name at the place of `?`, if the expression up to the next column has the form of the pattern. */
  #takePattern(pattern: readonly string[]): string | undefined {
    const reader = this.#reader
    const fits = pattern.every(
      (part, ahead) => part === '?' || reader.isWord(part, ahead) || reader.isSign(part, ahead),
    )
    const { kind, value } = reader.token(pattern.indexOf('?'))
    const { kind: behind, value: sign } = reader.token(pattern.length)
    const ends =
      behind === 'end' ||
      behind === 'text' ||
      [',', ')', ';'].includes(sign) ||
      reader.isWord('COMMENT', pattern.length)
    if (!fits || !ends || (kind !== 'word' && kind !== 'name')) return undefined
    reader.goTo(reader.position + pattern.length)
    return value
  }

  #skipsConstraint(): boolean {
    const reader = this.#reader
    const watermark = reader.isWord('WATERMARK') && reader.isWord('FOR', 1)
    const unique = reader.isWord('UNIQUE') && (reader.isSign('(', 1) || reader.isWord('NOT', 1))
    const named = reader.isWord('CONSTRAINT') && (reader.isWord('PRIMARY', 2) || reader.isWord('UNIQUE', 2))
    const primary = reader.isWord('PRIMARY') && reader.isWord('KEY', 1)
    if (watermark) this.#skip(reader.position, 'there is no event time here')
    else if (unique || named || primary) this.#skip(reader.position, 'constraints are not checked')
    return watermark || unique || named || primary
  }

  /** Leaves behind what goes up to a semicolon or to where it `ends`, and notes it with its text from the token `start` on. */
  #skip(start: number, why: string, ends = () => this.#reader.isSign(',') || this.#reader.isSign(')')): undefined {
    const reader = this.#reader
    let depth = 0
    let angles = 0
    for (; reader.token().kind !== 'end'; reader.next()) {
      if (depth === 0 && angles === 0 && (reader.isSign(';') || ends())) break
      depth += reader.nesting('(', ')')
      // elsewhere `<` and `>` compare two values
      if (angles > 0 || nestingTypes.some((type) => reader.isWord(type, -1))) angles += reader.nesting('<', '>')
    }
    this.#ignore(reader.lineAt(start), reader.textFrom(start), why)
  }

  #ignore(line: number, text: string, why: string): void {
    this.#ignored.push(`line ${line}: "${text}" has no effect: ${why}`)
  }

  /** Whether the column at hand says METADATA behind its type (and not in it: `ROW<metadata STRING>`). */
  #metadataAhead(): boolean {
    const reader = this.#reader
    let ahead = 0
    for (let depth = 0; reader.token(ahead).kind !== 'end'; ahead++) {
      if (depth === 0 && ahead > 0 && reader.isWord('METADATA', ahead)) return true
      if (depth === 0 && (reader.isSign(',', ahead) || reader.isSign(')', ahead))) return false
      depth += reader.nesting('(', ')', ahead) + reader.nesting('<', '>', ahead)
    }
    return false
  }
}
