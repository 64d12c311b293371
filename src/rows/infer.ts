import { NumberText } from '../core/number-text.ts'
import { Problem } from '../core/problem.ts'
import { jsonReason } from './json-depth.ts'
import { type JsonObject, parseJson } from './json-text.ts'
import { readRfc3339 } from './rfc3339.ts'
import { type Column, type ColumnType, formatType, type Item } from './row-schema.ts'
import type { ExactJson } from './scalars.ts'
import { readDate } from './times.ts'

export interface Inferred {
  readonly columns: readonly Column[]
  /** Why each column has its type, in the order of the columns; nested ones behind the one they belong to. */
  readonly reasons: readonly Reason[]
}

export interface Reason {
  /** Names joined by dots; `[]` are the items of a list, `{}` the values of a map. */
  readonly path: string
  /** As in SQL, without what is in a ROW. */
  readonly type: string
  readonly why: readonly Problem[]
  /** Whole numbers alone, none too large for a measurement: fractions may come later, and BIGINT cuts them off. */
  readonly mayGetFractions: boolean
}

export const inferProblems = Problem.area('infer', {
  none: 'needs at least one payload',
  payload: 'payload {number}: {problem}',
  noFields: 'has no fields to make columns of',
  noObject: 'is no JSON object',
  json: 'The payload is not valid JSON: {reason}',
  number: 'number',
  text: 'text',
  flag: 'true or false',
  object: 'an object',
  list: 'a list',
  deep: 'something nested too deep',
  seen: '{kind} in {times} of {all}',
  onlyNull: 'never anything but null',
  fractions: '{count} with a fraction',
  large: 'larger than 64 bits',
  dates: 'all dates',
  times: 'all RFC 3339 times',
  keys: '{count} different keys',
  nulls: 'null in {count}',
  missing: 'missing in {count}',
  onlyWhole: 'only whole numbers seen: write DOUBLE if fractions may come',
})

/** So many payloads have to agree before a column is NOT NULL. */
export const enoughForNotNull = 10
/** An object with more keys than this over all payloads has data for keys. */
const mostNames = 100
const mostLevels = 20
const mostSamples = 1000
const longestDecimal = 38
/** Whole numbers from here on are times, counters or ids. */
const largestMeasured = 10n ** 9n

const none: ReadonlySet<string> = new Set()

/** Columns that take all of these payloads, each the text of a JSON object. `doubles`: paths of numbers that are to be DOUBLE. */
export function inferColumns(payloads: readonly string[], doubles = none): Inferred | Problem {
  if (payloads.length === 0) return inferProblems.of('none')
  const seen = new Seen()
  for (const [i, payload] of payloads.slice(0, mostSamples).entries()) {
    const value = read(payload)
    if (value instanceof Problem) return inferProblems.of('payload', { number: i + 1, problem: value })
    seen.add(value, 0)
  }
  const reasons: Reason[] = []
  const type = seen.rowType('', { reasons, doubles })
  return type === undefined ? inferProblems.of('noFields') : { columns: type.columns, reasons }
}

function read(payload: string): JsonObject<NumberText> | Problem {
  try {
    const value = parseJson(payload, { lenient: false, number: (text) => new NumberText(text) })
    return isObject(value) ? value : inferProblems.of('noObject')
  } catch (error) {
    return inferProblems.of('json', { reason: jsonReason(error) })
  }
}

interface Findings {
  readonly reasons: Reason[]
  readonly doubles: ReadonlySet<string>
}

type RowType = ColumnType & { readonly kind: 'ROW' }
type Kind = 'number' | 'text' | 'flag' | 'object' | 'list' | 'deep'

/** What stood at one place of the payloads. */
class Seen {
  /** How often something stood there, null too. */
  #count = 0
  #nulls = 0
  readonly #kinds = new Map<Kind, number>()
  readonly #names = new Map<string, Seen>()
  #items: Seen | undefined
  #fractions = 0
  #largest = 0n
  #dates = 0
  #times = 0

  add(value: ExactJson, level: number): void {
    this.#count++
    if (value === null) this.#nulls++
    else if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'boolean') this.#kind('flag')
    else if (typeof value === 'number' || value instanceof NumberText) this.#number(String(value))
    else if (level > mostLevels) this.#kind('deep')
    else if (Array.isArray(value)) this.#list(value, level)
    else this.#object(value as JsonObject<NumberText>, level)
  }

  /** Undefined where there was no object, or none with a field. */
  rowType(path: string, into: Findings): RowType | undefined {
    if (this.#names.size === 0) return undefined
    const objects = this.#kinds.get('object') ?? 0
    const columns = [...this.#names].map(([name, seen]) => ({
      name,
      ...seen.#item(path === '' ? name : `${path}.${name}`, objects, into),
    }))
    return { kind: 'ROW', columns }
  }

  #item(path: string, outOf: number, into: Findings): Item {
    const notNull = this.#nulls === 0 && this.#count === outOf && outOf >= enoughForNotNull
    const inner: Reason[] = []
    const type = this.#type(path, { ...into, reasons: inner })
    const shown = type.kind === 'ROW' ? 'ROW' : formatType(type)
    const mayGetFractions = type.kind === 'BIGINT' && this.#largest < largestMeasured
    const why = [...this.#why(outOf), ...(mayGetFractions ? [inferProblems.of('onlyWhole')] : [])]
    into.reasons.push({ path, type: `${shown}${notNull ? ' NOT NULL' : ''}`, why, mayGetFractions }, ...inner)
    return { type, notNull }
  }

  #type(path: string, into: Findings): ColumnType {
    const [kind, another] = this.#kinds.keys()
    if (kind === undefined || another !== undefined || kind === 'deep') return { kind: 'STRING' }
    if (kind === 'number') return into.doubles.has(path) ? { kind: 'DOUBLE' } : this.#numberType()
    if (kind === 'flag') return { kind: 'BOOLEAN' }
    if (kind === 'text') return this.#textType()
    if (kind === 'list') return { kind: 'ARRAY', element: this.#inside(this.#items, `${path}[]`, into) }
    if (this.#names.size <= mostNames) return this.rowType(path, into) ?? this.#map(path, into)
    return this.#map(path, into)
  }

  #map(path: string, into: Findings): ColumnType {
    const values = new Seen()
    for (const seen of this.#names.values()) values.#merge(seen)
    return { kind: 'MAP', value: this.#inside(values, `${path}{}`, into) }
  }

  #inside(seen: Seen | undefined, path: string, into: Findings): Item {
    if (seen === undefined || seen.#count === 0) return { type: { kind: 'STRING' }, notNull: false }
    return { ...seen.#item(path, seen.#count, into), notNull: false }
  }

  #numberType(): ColumnType {
    if (this.#fractions > 0) return { kind: 'DOUBLE' }
    if (this.#largest < 2n ** 63n) return { kind: 'BIGINT' }
    return String(this.#largest).length <= longestDecimal
      ? { kind: 'DECIMAL', precision: longestDecimal, scale: 0 }
      : { kind: 'STRING' }
  }

  #textType(): ColumnType {
    const texts = this.#kinds.get('text')
    if (this.#dates === texts) return { kind: 'DATE' }
    return this.#times === texts ? { kind: 'STRING', format: 'date-time' } : { kind: 'STRING' }
  }

  #why(all: number): readonly Problem[] {
    const { of } = inferProblems
    const kinds = [...this.#kinds].map(([kind, times]) => of('seen', { kind: of(kind), times, all }))
    const details = [
      ...(this.#fractions > 0 ? [of('fractions', { count: this.#fractions })] : []),
      ...(this.#fractions === 0 && this.#largest >= 2n ** 63n ? [of('large')] : []),
      ...(this.#dates > 0 && this.#dates === this.#kinds.get('text') ? [of('dates')] : []),
      ...(this.#times > 0 && this.#times === this.#kinds.get('text') ? [of('times')] : []),
      ...(this.#names.size > mostNames ? [of('keys', { count: this.#names.size })] : []),
      ...(this.#nulls > 0 ? [of('nulls', { count: this.#nulls })] : []),
      ...(this.#count < all ? [of('missing', { count: all - this.#count })] : []),
    ]
    return [...(kinds.length === 0 ? [of('onlyNull')] : kinds), ...details]
  }

  #kind(kind: Kind, times = 1): void {
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + times)
  }

  #number(text: string): void {
    this.#kind('number')
    if (!/^-?[0-9]+$/.test(text)) this.#fractions++
    else this.#atLeast(BigInt(text))
  }

  #atLeast(integer: bigint): void {
    const size = integer < 0n ? -integer - 1n : integer
    if (size > this.#largest) this.#largest = size
  }

  #text(text: string): void {
    this.#kind('text')
    if (readDate(text) !== undefined && text.length === 10) this.#dates++
    if (readRfc3339(text) !== undefined) this.#times++
  }

  #list(list: readonly ExactJson[], level: number): void {
    this.#kind('list')
    this.#items ??= new Seen()
    for (const item of list) this.#items.add(item, level + 1)
  }

  #object(object: JsonObject<NumberText>, level: number): void {
    this.#kind('object')
    for (const [name, value] of Object.entries(object)) {
      const seen = this.#names.get(name) ?? new Seen()
      this.#names.set(name, seen)
      seen.add(value, level + 1)
    }
  }

  #merge(other: Seen): void {
    this.#count += other.#count
    this.#nulls += other.#nulls
    this.#fractions += other.#fractions
    this.#dates += other.#dates
    this.#times += other.#times
    this.#atLeast(other.#largest)
    for (const [kind, times] of other.#kinds) this.#kind(kind, times)
    if (other.#items !== undefined) {
      this.#items ??= new Seen()
      this.#items.#merge(other.#items)
    }
    for (const [name, seen] of other.#names) {
      const own = this.#names.get(name) ?? new Seen()
      this.#names.set(name, own)
      own.#merge(seen)
    }
  }
}

const isObject = (value: ExactJson): value is JsonObject<NumberText> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberText)
