import type { Problem } from '../core/problem.ts'
import type { DdlReader } from './ddl-reader.ts'
import { SchemaProblem } from './ddl-tokens.ts'
import type { Column, ColumnType, Item, PlainKind, ScalarType } from './row-schema.ts'
import { sqlProblems } from './sql-problems.ts'

/** Types inside of types: nothing needs more, and every level costs stack. */
const maxDepth = 64
const maxLength = 2 ** 31 - 1
const tooDeep = sqlProblems.of('deep', { most: maxDepth })

const plain: ReadonlyMap<string, PlainKind> = new Map([
  ['BOOLEAN', 'BOOLEAN'],
  ['TINYINT', 'TINYINT'],
  ['SMALLINT', 'SMALLINT'],
  ['INT', 'INT'],
  ['INTEGER', 'INT'],
  ['BIGINT', 'BIGINT'],
  ['FLOAT', 'FLOAT'],
  ['DOUBLE', 'DOUBLE'],
  ['STRING', 'STRING'],
  ['BYTES', 'BYTES'],
  ['DATE', 'DATE'],
])

type Read = (reader: DdlReader, path: readonly string[]) => ColumnType

const sized: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...(['CHAR', 'VARCHAR', 'BINARY', 'VARBINARY'] as const).map((kind): [string, Read] => [
    kind,
    (reader) => ({ kind, length: readSize(reader, sqlProblems.of('length'), 1, 1, maxLength) }),
  ]),
  ...['DECIMAL', 'DEC', 'NUMERIC'].map((name): [string, Read] => [name, readDecimal]),
  ['TIME', readTime],
  ['TIMESTAMP', readTimestamp],
  ['TIMESTAMP_LTZ', (reader) => ({ kind: 'TIMESTAMP_LTZ', precision: readPrecision(reader, 6) })],
  ['ARRAY', readArray],
  ['MAP', readMap],
  ['ROW', (reader, path) => readRow(reader, path)],
])
const supported = `${[...plain.keys(), ...sized.keys()].join(', ')}`

/** A type; `path` is where it stands, for what is said about it. */
export function readType(reader: DdlReader, path: readonly string[]): ColumnType {
  const { kind, value, line } = reader.token()
  if (kind !== 'word')
    reader.fail(path.length === 0 ? sqlProblems.of('type') : sqlProblems.of('typeOf', { column: quotePath(path) }))
  if (path.length > maxDepth) throw new SchemaProblem(line, tooDeep)
  reader.next()
  const name = value.toUpperCase()
  const type = plain.get(name)
  if (name === 'DOUBLE') reader.takeWord('PRECISION')
  const read = type === undefined ? sized.get(name)?.(reader, path) : { kind: type }
  if (read !== undefined) return readArraySuffix(reader, read, path)
  const wrong =
    path.length === 0
      ? sqlProblems.of('noType', { type: value })
      : sqlProblems.of('columnType', { column: quotePath(path), type: value })
  throw new SchemaProblem(line, sqlProblems.of('oneOf', { wrong, types: supported }))
}

/** `INT ARRAY` is the same as `ARRAY<INT>`. */
function readArraySuffix(reader: DdlReader, type: ColumnType, path: readonly string[]): ColumnType {
  let nested = type
  for (let depth = path.length; reader.isWord('ARRAY'); depth++) {
    const { line } = reader.next()
    if (depth > maxDepth) throw new SchemaProblem(line, tooDeep)
    nested = { kind: 'ARRAY', element: { type: nested, notNull: false } }
  }
  return nested
}

/** A type with NULL or NOT NULL behind it. */
export function readItem(reader: DdlReader, path: readonly string[]): Item {
  const type = readType(reader, path)
  return { type, notNull: readNotNull(reader) ?? false }
}

/** Undefined where neither NULL nor NOT NULL stands there. */
export function readNotNull(reader: DdlReader): boolean | undefined {
  if (reader.takeWord('NULL')) return false
  if (!reader.takeWord('NOT')) return undefined
  reader.expectWord('NULL')
  return true
}

export function readRow(
  reader: DdlReader,
  path: readonly string[],
): { readonly kind: 'ROW'; readonly columns: readonly Column[] } {
  const close = reader.takeSign('<') ? '>' : reader.takeSign('(') ? ')' : undefined
  if (close === undefined) reader.fail(sqlProblems.of('rowColumns'))
  return { kind: 'ROW', columns: readColumns(reader, path, close, () => readColumn(reader, path)) }
}

/**
 * Columns up to and including `close`, or to the end. Commas before the first and behind the last one are allowed.
 * `read` gives undefined for an element that is no column.
 */
export function readColumns<C extends Column>(
  reader: DdlReader,
  path: readonly string[],
  close: string | undefined,
  read: () => C | undefined,
): readonly C[] {
  const columns: C[] = []
  const names = new Set<string>()
  const opened = reader.token().line
  const closes = () =>
    close === undefined ? reader.token().kind === 'end' || reader.isSign(';') : reader.isSign(close)
  reader.takeSign(',')
  while (!closes()) {
    const { line } = reader.token()
    const column = read()
    if (column !== undefined) {
      if (names.has(column.name))
        throw new SchemaProblem(line, sqlProblems.of('columnTwice', { column: quotePath([...path, column.name]) }))
      names.add(column.name)
      columns.push(column)
    }
    if (!reader.takeSign(',')) break
  }
  if (!closes())
    reader.fail(close === undefined ? sqlProblems.of('commaOrEnd') : sqlProblems.of('commaOrSign', { sign: close }))
  if (close !== undefined) reader.next()
  if (columns.length === 0) throw noColumns(opened)
  return columns
}

export const noColumns = (line: number): SchemaProblem => new SchemaProblem(line, sqlProblems.of('noColumns'))

/** A name, its type, and what may stand behind it: NOT NULL, a comment. */
export function readColumn(reader: DdlReader, path: readonly string[]): Column {
  const name = reader.expectName(sqlProblems.of('columnName'))
  const type = readType(reader, [...path, name])
  return { name, type, notNull: readColumnEnd(reader) }
}

function readColumnEnd(reader: DdlReader): boolean {
  let notNull = false
  for (;;) {
    const said = readNotNull(reader)
    notNull ||= said ?? false
    if (said !== undefined) continue
    if (!takeComment(reader)) return notNull
  }
}

export function takeComment(reader: DdlReader): boolean {
  if (!reader.takeWord('COMMENT') && reader.token().kind !== 'text') return false
  reader.expectText(sqlProblems.of('comment'))
  return true
}

function readSize(reader: DdlReader, what: Problem, otherwise: number, min: number, max: number): number {
  if (!reader.takeSign('(')) return otherwise
  const size = reader.expectWholeNumber(what, min, max)
  reader.expectSign(')')
  return size
}

const readPrecision = (reader: DdlReader, otherwise: number): number =>
  readSize(reader, sqlProblems.of('precision'), otherwise, 0, 9)

function readDecimal(reader: DdlReader): ScalarType {
  if (!reader.takeSign('(')) return { kind: 'DECIMAL', precision: 10, scale: 0 }
  const precision = reader.expectWholeNumber(sqlProblems.of('precision'), 1, 38)
  const scale = reader.takeSign(',') ? reader.expectWholeNumber(sqlProblems.of('scale'), 0, precision) : 0
  reader.expectSign(')')
  return { kind: 'DECIMAL', precision, scale }
}

function readTime(reader: DdlReader): ScalarType {
  const precision = readPrecision(reader, 0)
  reader.takeWords('WITHOUT', 'TIME', 'ZONE')
  return { kind: 'TIME', precision }
}

function readTimestamp(reader: DdlReader): ScalarType {
  const precision = readPrecision(reader, 6)
  if (reader.takeWords('WITH', 'LOCAL', 'TIME', 'ZONE')) return { kind: 'TIMESTAMP_LTZ', precision }
  reader.takeWords('WITHOUT', 'TIME', 'ZONE')
  return { kind: 'TIMESTAMP', precision }
}

function readArray(reader: DdlReader, path: readonly string[]): ColumnType {
  reader.expectSign('<')
  const element = readItem(reader, [...path, 'element'])
  reader.expectSign('>')
  return { kind: 'ARRAY', element }
}

function readMap(reader: DdlReader, path: readonly string[]): ColumnType {
  reader.expectSign('<')
  const { line } = reader.token()
  const { type } = readItem(reader, [...path, 'key'])
  if (!['CHAR', 'VARCHAR', 'STRING'].includes(type.kind))
    throw new SchemaProblem(line, sqlProblems.of('keys', { column: quotePath(path) }))
  reader.expectSign(',')
  const value = readItem(reader, [...path, 'value'])
  reader.expectSign('>')
  return { kind: 'MAP', value }
}

export const quotePath = (path: readonly string[]): string => `"${path.join('.')}"`
