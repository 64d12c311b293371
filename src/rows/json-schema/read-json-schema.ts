import { PipelineError } from '../../core/errors.ts'
import { Problem, ProblemError } from '../../core/problem.ts'
import { jsonReason } from '../json-depth.ts'
import { parseJson, setOwn } from '../json-text.ts'
import { PatternProblem } from '../pattern/code-points.ts'
import { LinearPattern } from '../pattern/linear-pattern.ts'
import { narrow } from '../scalars.ts'
import { applicators, holds, keywords, type Limit, limits } from './vocabulary.ts'

/** Any value of a JSON text. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}
export type JsonSchema = boolean | JsonObject

export interface JsonSchemaText {
  /** As it is written. */
  readonly source: string
  readonly draft: '2020-12' | 'draft-07'
  /** Integers beyond 2^53 are rounded in it. */
  readonly root: JsonSchema
  /** Every object in it that is a schema. */
  readonly schemas: ReadonlySet<JsonObject>
  /** Limits that a JavaScript number does not hold, by the schema they stand in. */
  readonly exactLimits: ReadonlyMap<JsonObject, ReadonlyMap<Limit, bigint>>
  /** One sentence for each part that has no effect. */
  readonly ignored: readonly string[]
}

/** Nobody writes a larger one by hand, and compiling it would hold everything up at deploy. */
const mostCharacters = 200_000
const mostSchemas = 1000
const mostLevels = 100
const mostStates = 100_000

const drafts: ReadonlyMap<string, JsonSchemaText['draft']> = new Map([
  ['https://json-schema.org/draft/2020-12/schema', '2020-12'],
  ['http://json-schema.org/draft-07/schema', 'draft-07'],
])

export const jsonSchemaProblems = Problem.area('jsonSchema', {
  long: 'is longer than {most} characters',
  json: 'it is not valid JSON: {reason}',
  root: 'must be a JSON object, true or false',
  draft: 'names a $schema that is not supported: expected {one} or {other}',
  many: 'holds more than {most} schemas',
  deep: 'is nested more than {most} deep',
  pattern: 'at {at}: the pattern {pattern} cannot be used: {problem}',
  patterns: 'has patterns that are too large together',
  integer: 'at {at}: "{keyword}" holds an integer beyond 2^53: use minimum and maximum',
  number: 'holds a number that is too large: {number}',
})

class Unusable extends ProblemError {}

/** Reads the text of a JSON Schema and everything in it that can be judged without compiling it. */
export function readJsonSchema(text: string): JsonSchemaText | Problem {
  if (text.length > mostCharacters) return jsonSchemaProblems.of('long', { most: mostCharacters })
  try {
    return new SchemaReader(text).read()
  } catch (error) {
    if (error instanceof Unusable) return error.problem
    if (error instanceof PipelineError) return jsonSchemaProblems.of('json', { reason: jsonReason(error) })
    throw error
  }
}

type Numeral = number | bigint
type Exact = null | boolean | string | Numeral | readonly Exact[] | ExactObject
interface ExactObject {
  readonly [key: string]: Exact
}

class SchemaReader {
  readonly #source: string
  readonly #root: JsonSchema
  readonly #schemas = new Set<JsonObject>()
  readonly #exactLimits = new Map<JsonObject, Map<Limit, bigint>>()
  readonly #ignored: string[] = []
  #states = 0

  constructor(source: string) {
    this.#source = source
    const root = parseJson<Numeral>(source, { lenient: false, number: readNumber })
    if (typeof root !== 'boolean' && !isObject(root as Json)) throw new Unusable(jsonSchemaProblems.of('root'))
    this.#root = root as JsonSchema
  }

  read(): JsonSchemaText {
    const draft = this.#draft()
    this.#schema(this.#root, '#', 0)
    roundNumbers(this.#root as Exact)
    return {
      source: this.#source,
      draft,
      root: this.#root,
      schemas: this.#schemas,
      exactLimits: this.#exactLimits,
      ignored: this.#ignored,
    }
  }

  #draft(): JsonSchemaText['draft'] {
    const named = isObject(this.#root) ? this.#root.$schema : undefined
    if (named === undefined) return '2020-12'
    const draft = drafts.get(String(named).replace(/#$/, ''))
    const [one, other] = [...drafts.keys()]
    if (draft === undefined) throw new Unusable(jsonSchemaProblems.of('draft', { one: one!, other: other! }))
    return draft
  }

  #schema(schema: Json | undefined, at: string, level: number): void {
    if (!isObject(schema) || this.#schemas.has(schema)) return
    if (this.#schemas.size >= mostSchemas) throw new Unusable(jsonSchemaProblems.of('many', { most: mostSchemas }))
    if (level > mostLevels) throw new Unusable(jsonSchemaProblems.of('deep', { most: mostLevels }))
    this.#schemas.add(schema)
    this.#own(schema, at)
    for (const keyword of applicators) this.#inside(keyword, schema[keyword], `${at}/${keyword}`, level + 1)
    const { $ref } = schema
    if (typeof $ref === 'string') this.#schema(resolve(this.#root, $ref), $ref, level + 1)
  }

  #inside(keyword: string, value: Json | undefined, at: string, level: number): void {
    if (Array.isArray(value)) {
      if (holds(keyword, 'list')) for (const [i, each] of value.entries()) this.#schema(each, `${at}/${i}`, level)
    } else if (holds(keyword, 'one')) this.#schema(value, at, level)
    else if (isObject(value))
      for (const [name, each] of Object.entries(value)) this.#schema(each, `${at}/${name}`, level)
  }

  /** What stands in the schema itself. */
  #own(schema: JsonObject, at: string): void {
    for (const keyword of Object.keys(schema)) {
      if (keywords.has(keyword) || keyword.startsWith('x-')) continue
      this.#ignored.push(`${at}: "${keyword}" has no effect: it is no keyword of JSON Schema`)
      if (keyword.startsWith('$')) Reflect.deleteProperty(schema, keyword)
    }
    if (typeof schema.pattern === 'string') this.#pattern(schema.pattern, at)
    if (isObject(schema.patternProperties))
      for (const pattern of Object.keys(schema.patternProperties)) this.#pattern(pattern, at)
    this.#numbers(schema, at)
  }

  #pattern(pattern: string, at: string): void {
    try {
      this.#states += new LinearPattern(pattern).size
    } catch (error) {
      if (!(error instanceof PatternProblem)) throw error
      const shown = JSON.stringify(pattern.slice(0, 60))
      throw new Unusable(jsonSchemaProblems.of('pattern', { at, pattern: shown, problem: error.problem }))
    }
    if (this.#states > mostStates) throw new Unusable(jsonSchemaProblems.of('patterns'))
  }

  #numbers(schema: JsonObject, at: string): void {
    for (const keyword of limits) {
      const value: unknown = schema[keyword]
      if (typeof value !== 'bigint') continue
      const exact = this.#exactLimits.get(schema) ?? new Map<Limit, bigint>()
      this.#exactLimits.set(schema, exact.set(keyword, value))
    }
    for (const keyword of ['const', 'enum']) {
      if (holdsLargeInteger(schema[keyword] as Exact))
        throw new Unusable(jsonSchemaProblems.of('integer', { at, keyword }))
    }
  }
}

/** What a reference inside the document stands for: `#` or `#/…`, a JSON pointer. */
export function resolve(root: JsonSchema, reference: string): Json | undefined {
  if (!/^#(?:\/|$)/.test(reference)) return undefined
  let found: Json | undefined = root
  for (const part of reference.split('/').slice(1)) {
    const key = decoded(part)
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as JsonObject)[key]
  }
  return found
}

/** A part of a JSON pointer in a URI. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return part
  }
}

function readNumber(text: string): Numeral {
  const value = /^-?[0-9]+$/.test(text) ? narrow(BigInt(text)) : Number(text)
  if (!Number.isFinite(Number(value)))
    throw new Unusable(jsonSchemaProblems.of('number', { number: text.slice(0, 40) }))
  return value
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function holdsLargeInteger(value: Exact | undefined): boolean {
  if (typeof value === 'bigint') return true
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsLargeInteger)
}

/** In place. */
function roundNumbers(value: Exact): void {
  if (typeof value !== 'object' || value === null) return
  const fields = value as { [key: string]: Exact }
  for (const [key, inner] of Object.entries(fields)) {
    if (typeof inner === 'bigint') setOwn(fields, key, Number(inner))
    else roundNumbers(inner)
  }
}
