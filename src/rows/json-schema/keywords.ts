import { _, type Ajv, type KeywordCxt } from 'ajv'
import type { KeywordErrorCxt } from 'ajv/dist/types/index.js'
import type { Effort } from '../pattern/effort.ts'
import { type ExactNumbers, keeps } from './exact-numbers.ts'
import type { JsonObject, JsonSchemaText } from './read-json-schema.ts'
import { type Limit, limits } from './vocabulary.ts'

/** Is part of every schema that is compiled here: what evaluating it costs. */
export const effortKeyword = 'x-rowline-effort'

/** Is added where the format of an integer says how many bits it has. */
export const rangeKeyword = 'x-rowline-range'

/** What the code of all keywords shares with the validator it belongs to. */
export interface Shared {
  readonly text: JsonSchemaText
  readonly numbers: ExactNumbers
  readonly effort: Effort
}

/** Thrown by a validator that lists errors when there are more than anybody reads. */
export class TooManyErrors extends Error {
  readonly errors: unknown
  constructor(errors: unknown) {
    super('too many errors')
    this.errors = errors
  }
}

export const mostErrors = 100

/**
 * Puts our own keywords in the place of ajv's: those about numbers, which are exact here, and those about equal values,
 * for which ajv takes quadratic time and calls what a document has under the names `toString` and `valueOf`.
 */
export function replaceKeywords(ajv: Ajv, shared: Shared): void {
  for (const keyword of [...limits, 'uniqueItems', 'enum', 'const']) ajv.removeKeyword(keyword)
  addLimits(ajv, shared)
  addEqualities(ajv, shared)
  addEffort(ajv, shared)
}

function addLimits(ajv: Ajv, shared: Shared): void {
  const numeric = { type: 'number', schemaType: 'number' } as const
  for (const keyword of limits) {
    const params = ({ schema, parentSchema }: KeywordErrorCxt) =>
      _`{limit: ${String(limitOf(keyword, parentSchema, shared) ?? schema)}}`
    ajv.addKeyword({
      ...numeric,
      keyword,
      error: { message: `must keep ${keyword}`, params },
      code: (cxt) => cxt.fail(_`!${checkNumber(cxt, limitCheck(keyword, cxt, shared))}`),
    })
  }
  ajv.addKeyword({
    ...numeric,
    keyword: rangeKeyword,
    code: (cxt) => cxt.fail(_`!${checkNumber(cxt, rangeCheck(cxt.schema as number, shared))}`),
  })
}

function addEqualities(ajv: Ajv, shared: Shared): void {
  const among = (cxt: KeywordCxt, values: readonly unknown[]) => {
    const allowed = new DistinctValues(values, shared)
    cxt.fail(_`!${checkValue(cxt, (value) => allowed.has(value))}`)
  }
  const params = ({ schemaCode }: KeywordErrorCxt) => _`{allowed: ${schemaCode}}`
  ajv.addKeyword({
    keyword: 'enum',
    schemaType: 'array',
    error: { message: 'must be equal to one of the allowed values', params },
    code: (cxt) => among(cxt, cxt.schema as []),
  })
  ajv.addKeyword({
    keyword: 'const',
    error: { message: 'must be equal to constant', params },
    code: (cxt) => among(cxt, [cxt.schema]),
  })
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    code: (cxt) => {
      const check = (items: unknown) => new DistinctValues(items as [], shared).size === (items as []).length
      if (cxt.schema) cxt.fail(_`!${checkValue(cxt, check)}`)
    },
  })
}

type CheckNumber = (value: number, parent: object, key: string | number) => boolean

function checkNumber({ gen, data, it }: KeywordCxt, check: CheckNumber) {
  const ref = gen.scopeValue('func', { ref: check })
  return _`${ref}(${data}, ${it.parentData}, ${it.parentDataProperty})`
}

function checkValue({ gen, data }: KeywordCxt, check: (value: unknown) => boolean) {
  return _`${gen.scopeValue('func', { ref: check })}(${data})`
}

function limitCheck(keyword: Limit, { schema, parentSchema }: KeywordCxt, shared: Shared): CheckNumber {
  const limit = limitOf(keyword, parentSchema, shared) ?? (schema as number)
  const keep = keeps[keyword]
  return (value, parent, key) => keep(shared.numbers.at(value, parent, key), limit)
}

/** Where a number does not hold it. */
const limitOf = (keyword: Limit, schema: unknown, { text }: Shared) =>
  text.exactLimits.get(schema as JsonObject)?.get(keyword)

/** A signed integer of so many bits. */
function rangeCheck(bits: number, { numbers }: Shared): CheckNumber {
  const most = 2n ** BigInt(bits - 1)
  return (value, parent, key) => {
    const exact = numbers.at(value, parent, key)
    return (typeof exact === 'bigint' || Number.isInteger(exact)) && exact >= -most && exact < most
  }
}

/** Also counts errors, where all are listed: an array of a million wrong items is not worth a million messages. */
function addEffort(ajv: Ajv, { effort }: Shared): void {
  ajv.addKeyword({
    keyword: effortKeyword,
    schemaType: 'number',
    before: '$ref',
    code: ({ gen, schema, it }) => {
      const spend = gen.scopeValue('func', { ref: () => effort.spend(schema as number), key: schema })
      gen.code(_`${spend}()`)
      if (!it.allErrors || it.compositeRule) return
      const stop = gen.scopeValue('func', { ref: stopListing, key: stopListing })
      gen.if(_`errors > ${mostErrors}`, () => gen.code(_`${stop}(vErrors)`))
    },
  })
}

function stopListing(errors: unknown): never {
  throw new TooManyErrors(errors)
}

/** JSON values, of which equal ones count once. */
class DistinctValues {
  readonly #scalars = new Set<unknown>()
  readonly #structures = new Set<string>()
  readonly #shared: Shared

  constructor(values: readonly unknown[], shared: Shared) {
    this.#shared = shared
    for (const [i, value] of values.entries())
      if (typeof value === 'object' && value !== null) this.#structures.add(canonical(value, values, i, shared))
      else this.#scalars.add(typeof value === 'number' ? comparableNumber(shared.numbers.at(value, values, i)) : value)
  }

  get size(): number {
    return this.#scalars.size + this.#structures.size
  }

  /** Not for integers beyond 2^53. */
  has(value: unknown): boolean {
    if (typeof value !== 'object' || value === null) return this.#scalars.has(value)
    return this.#structures.size > 0 && this.#structures.has(canonical(value, {}, '', this.#shared))
  }
}

/** A Set takes 0 and -0 for the same, but a number and an equal BigInt for two. */
const comparableNumber = (value: number | bigint) =>
  typeof value === 'bigint' && value === BigInt(Number(value)) ? Number(value) : value

function canonical(value: unknown, parent: object, key: string | number, shared: Shared): string {
  shared.effort.spend(3)
  if (typeof value === 'number') return String(comparableNumber(shared.numbers.at(value, parent, key)))
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item, i) => canonical(item, value, i, shared)).join(',')}]`
  const fields = value as { readonly [key: string]: unknown }
  const parts = Object.keys(fields)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(fields[name], fields, name, shared)}`)
  return `{${parts.join(',')}}`
}
