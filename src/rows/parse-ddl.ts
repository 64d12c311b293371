import { Problem } from '../config/fields.ts'
import { PipelineError } from '../core/errors.ts'
import { SchemaProblem, type Token, tokenize } from './ddl-tokens.ts'
import type { Column, ColumnType, RowSchema, ScalarKind } from './row-schema.ts'

export interface ParsedSchema extends RowSchema {
  /** One sentence for each part of the text that has no effect: WATERMARK, computed columns, constraints. */
  readonly ignored: readonly string[]
}

/**
 * Reads `ROW<…>` or `ROW(…)`, a list of columns (with or without parentheses), or a Flink `CREATE TABLE` statement, of
 * which everything behind the columns is left alone. Throws CONFIG_INVALID naming the line and what was expected.
 */
export function parseRowSchema(text: string): ParsedSchema {
  const schema = readRowSchema(text)
  if (schema instanceof Problem) throw new PipelineError('CONFIG_INVALID', { field: 'schema', problem: schema.text })
  return schema
}

/** The same for a field's `parse`. */
export function readRowSchema(text: string): ParsedSchema | Problem {
  try {
    return new DdlParser(text).schema()
  } catch (error) {
    if (error instanceof SchemaProblem) return new Problem(error.message)
    throw error
  }
}

const scalars: ReadonlyMap<string, ScalarKind> = new Map([
  ['BIGINT', 'BIGINT'],
  ['INT', 'INT'],
  ['INTEGER', 'INT'],
  ['DOUBLE', 'DOUBLE'],
  ['STRING', 'STRING'],
  ['BOOLEAN', 'BOOLEAN'],
])
const supported = `${[...scalars.keys()].join(', ')} and ROW<…>`
const maxDepth = 64
const nestingTypes = ['ROW', 'ARRAY', 'MAP', 'MULTISET']

class DdlParser {
  readonly #source: string
  readonly #tokens: readonly Token[]
  readonly #ignored: string[] = []
  #at = 0

  constructor(source: string) {
    this.#source = source
    this.#tokens = tokenize(source)
  }

  schema(): ParsedSchema {
    const table = this.#takeWord('CREATE')
    if (table) this.#tableName()
    const row = !table && this.#isWord('ROW') && (this.#isSign('<', 1) || this.#isSign('(', 1))
    if (row) this.#at++
    const close = this.#takeSign('(') ? ')' : row && this.#takeSign('<') ? '>' : undefined
    if (table && close === undefined) this.#fail('"(" and the columns')
    const columns = this.#columns([], close, !row)
    if (!table) this.#end()
    return { columns, ignored: this.#ignored }
  }

  #tableName(): void {
    if (this.#takeWord('OR') && !this.#takeWord('REPLACE')) this.#fail('REPLACE')
    this.#takeWord('TEMPORARY')
    if (!this.#takeWord('TABLE')) this.#fail('TABLE')
    if (this.#takeWord('IF') && !(this.#takeWord('NOT') && this.#takeWord('EXISTS'))) this.#fail('NOT EXISTS')
    do this.#name('the name of the table')
    while (this.#takeSign('.'))
  }

  #end(): void {
    if (this.#takeWord('NOT') && !this.#takeWord('NULL')) this.#fail('NULL')
    this.#takeSign(';')
    if (this.#token().kind !== 'end') this.#fail('"," or the end of the columns')
  }

  /** Up to and including `close`. A comma behind the last column is allowed. */
  #columns(path: readonly string[], close: string | undefined, table: boolean): readonly Column[] {
    const columns: Column[] = []
    const opened = this.#token().line
    while (!this.#closes(close)) {
      const { line } = this.#token()
      const column = table && this.#skipsConstraint() ? undefined : this.#column(path, table)
      if (column !== undefined && columns.some(({ name }) => name === column.name)) {
        throw new SchemaProblem(line, `column ${quote([...path, column.name])} is there twice`)
      }
      if (column !== undefined) columns.push(column)
      if (!this.#takeSign(',')) break
    }
    if (close === undefined ? !this.#closes(close) : !this.#takeSign(close)) this.#fail(`"," or ${describe(close)}`)
    if (columns.length === 0) throw new SchemaProblem(opened, 'expected at least one column, as in "ts BIGINT"')
    return columns
  }

  #closes(close: string | undefined): boolean {
    return close === undefined ? this.#token().kind === 'end' || this.#isSign(';') : this.#isSign(close)
  }

  /** A column, or undefined if it is one that takes nothing from the payload. */
  #column(path: readonly string[], table: boolean): Column | undefined {
    const start = this.#at
    const name = this.#name('the name of a column')
    if (table && this.#takeWord('AS')) return this.#skip(start, 'computed columns are not evaluated')
    if (table && this.#metadataAhead()) return this.#skip(start, 'metadata columns are not read from the payload')
    const type = this.#type([...path, name])
    let notNull = false
    for (;;) {
      if (this.#takeWord('NOT')) {
        if (!this.#takeWord('NULL')) this.#fail('NULL')
        notNull = true
      } else if (this.#takeWord('COMMENT') || this.#token().kind === 'text') {
        if (this.#token().kind !== 'text') this.#fail("a comment in '…'")
        this.#at++
      } else if (!this.#takeWord('NULL')) break
    }
    if (table) this.#skipsConstraint()
    return { name, type, notNull }
  }

  #type(path: readonly string[]): ColumnType {
    const token = this.#token()
    if (token.kind !== 'word') this.#fail(`the type of column ${quote(path)}`)
    this.#at++
    const kind = scalars.get(token.value.toUpperCase())
    if (kind !== undefined) return { kind }
    if (token.value.toUpperCase() !== 'ROW') {
      throw new SchemaProblem(
        token.line,
        `column ${quote(path)} has the type ${token.value}, expected one of ${supported}`,
      )
    }
    if (path.length > maxDepth) throw new SchemaProblem(token.line, `rows are nested more than ${maxDepth} deep`)
    const close = this.#takeSign('<') ? '>' : this.#takeSign('(') ? ')' : undefined
    if (close === undefined) this.#fail('"<" and the columns of the ROW')
    return { kind: 'ROW', columns: this.#columns(path, close, false) }
  }

  #skipsConstraint(): boolean {
    const watermark = this.#isWord('WATERMARK') && this.#isWord('FOR', 1)
    const unique = this.#isWord('UNIQUE') && (this.#isSign('(', 1) || this.#isWord('NOT', 1))
    const named = this.#isWord('CONSTRAINT') && (this.#isWord('PRIMARY', 2) || this.#isWord('UNIQUE', 2))
    const primary = this.#isWord('PRIMARY') && this.#isWord('KEY', 1)
    if (watermark) this.#skip(this.#at, 'there is no event time here')
    else if (unique || named || primary) this.#skip(this.#at, 'constraints are not checked')
    return watermark || unique || named || primary
  }

  /** Leaves the current element behind and notes that, with its text from the token `start` on. */
  #skip(start: number, why: string): undefined {
    let depth = 0
    let angles = 0
    for (; this.#token().kind !== 'end'; this.#at++) {
      if (depth === 0 && angles === 0 && (this.#isSign(',') || this.#isSign(')') || this.#isSign(';'))) break
      depth += this.#nesting('(', ')')
      // elsewhere `<` and `>` compare two values
      if (angles > 0 || nestingTypes.some((type) => this.#isWord(type, -1))) angles += this.#nesting('<', '>')
    }
    const text = this.#source.slice(this.#tokens[start]!.start, this.#tokens[this.#at - 1]!.end).replace(/\s+/g, ' ')
    const shown = text.length > 80 ? `${text.slice(0, 79)}…` : text
    this.#ignored.push(`line ${this.#tokens[start]!.line}: "${shown}" has no effect: ${why}`)
  }

  /** Whether this column says METADATA behind its type (and not in it: `ROW<metadata STRING>`). */
  #metadataAhead(): boolean {
    let ahead = 1
    for (let depth = 0; this.#token(ahead).kind !== 'end'; ahead++) {
      if (depth === 0 && this.#isWord('METADATA', ahead)) return true
      if (depth === 0 && (this.#isSign(',', ahead) || this.#isSign(')', ahead))) return false
      depth += this.#nesting('(', ')', ahead) + this.#nesting('<', '>', ahead)
    }
    return false
  }

  #nesting(open: string, close: string, ahead = 0): number {
    return this.#isSign(open, ahead) ? 1 : this.#isSign(close, ahead) ? -1 : 0
  }

  #name(what: string): string {
    const { kind, value } = this.#token()
    if ((kind !== 'word' && kind !== 'name') || value === '') this.#fail(what)
    this.#at++
    return value
  }

  #token(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)!
  }

  #isWord(word: string, ahead = 0): boolean {
    const { kind, value } = this.#token(ahead)
    return kind === 'word' && value.toUpperCase() === word
  }

  #isSign(sign: string, ahead = 0): boolean {
    const { kind, value } = this.#token(ahead)
    return kind === 'sign' && value === sign
  }

  #takeWord(word: string): boolean {
    const found = this.#isWord(word)
    if (found) this.#at++
    return found
  }

  #takeSign(sign: string): boolean {
    const found = this.#isSign(sign)
    if (found) this.#at++
    return found
  }

  #fail(expected: string): never {
    const { line, start, end } = this.#token()
    const found = this.#source.slice(start, Math.min(end, start + 40))
    throw new SchemaProblem(line, `expected ${expected}, found ${found === '' ? 'the end' : `"${found}"`}`)
  }
}

const describe = (close: string | undefined) => (close === undefined ? 'the end of the columns' : `"${close}"`)
const quote = (path: readonly string[]) => `"${path.join('.')}"`
