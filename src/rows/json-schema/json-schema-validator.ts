import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { Value } from '../../core/record.ts'
import { setOwn } from '../json-text.ts'
import { Effort, EffortExceeded } from '../pattern/effort.ts'
import { LinearPattern } from '../pattern/linear-pattern.ts'
import { describeErrors } from './describe-errors.ts'
import { ExactNumbers } from './exact-numbers.ts'
import { formatsFor, integerFormats } from './formats.ts'
import { effortKeyword, rangeKeyword, replaceKeywords, type Shared, TooManyErrors } from './keywords.ts'
import type { Json, JsonObject, JsonSchemaText } from './read-json-schema.ts'
import { applicators } from './vocabulary.ts'

/** Throws SCHEMA_MISMATCH with every path that does not fit. */
export type ValidateJson = (value: Value) => void

const engines = { 'draft-07': Ajv, '2020-12': Ajv2020 } as const

/** About half a second on a slow machine. */
const mostSteps = 30_000_000

/**
 * Compiles a JSON Schema with ajv. Throws CONFIG_INVALID with the reason where it is none, refers to something that is not
 * in it, or to itself without end.
 *
 * Two validators: the first one decides, and stops at the first error; the second one lists all errors of a document that
 * is refused. Integers beyond 2^53 are compared digit by digit. Neither regular expressions nor recursion take longer than
 * `mostSteps`: what needs more is refused.
 */
export function compileJsonSchema(text: JsonSchemaText): ValidateJson {
  const shared = { text, numbers: new ExactNumbers(), effort: new Effort(mostSteps) }
  refuseInvalid(text)
  for (const schema of text.schemas) prepare(schema)
  const decide = compile(shared, {}, keepOneError)
  const list = compile(shared, { allErrors: true, verbose: true })
  const check = (validate: ValidateFunction, value: Value) => run(validate, value, shared)
  refuseEndless((value) => check(decide, value))
  return (value) => {
    const first = check(decide, value)
    if (first === undefined) return
    const all = first instanceof Error ? first : check(list, value)
    throw mismatch(Array.isArray(all) ? all : first, value)
  }
}

const sizeOf = (value: Json | undefined): number =>
  typeof value === 'object' && value !== null ? Object.keys(value).length : 0

const metaSchemas = new Map<JsonSchemaText['draft'], Ajv>()

function refuseInvalid({ draft, root }: JsonSchemaText): void {
  const ajv = metaSchemas.get(draft) ?? new engines[draft]({ strict: false, logger: false })
  metaSchemas.set(draft, ajv)
  if (ajv.validateSchema(root) !== true) throw unusable(ajv.errorsText(ajv.errors, { dataVar: '#' }))
}

/** What evaluating a schema costs, and what the formats of integers mean. In place. */
function prepare(schema: JsonObject): void {
  const open = schema as { [keyword: string]: unknown }
  let cost = 1
  for (const keyword of ['required', 'dependentRequired', ...applicators]) cost += sizeOf(schema[keyword])
  for (const keyword of ['anyOf', 'oneOf', 'if', 'not']) if (keyword in schema) cost += 10
  setOwn(open, effortKeyword, cost)
  const bits = typeof schema.format === 'string' ? integerFormats[schema.format] : undefined
  if (bits === undefined) return
  setOwn(open, rangeKeyword, bits)
  Reflect.deleteProperty(open, 'format')
}

/**
 * Of the generated code of a function: it hands one error to its caller. Alternatives that refer to themselves would
 * collect twice as many with each level, and nobody reads any of them.
 */
const keepOneError = (code: string): string =>
  code.replace(/\b(\w+)\.errors = vErrors;/g, '$1.errors = vErrors && vErrors.slice(0, 1);')

/**
 * ajv 8.20 notes the properties that `patternProperties` has seen in what a branch of `oneOf` has seen, also where that
 * branch was left before it had seen any, or has seen all.
 */
const noteSeen = (code: string): string =>
  code.replace(/\b(props\d+)(\.[\w$]+|\[[^\]]+\]) = true;/g, 'if ($1 !== true) ($1 ??= {})$2 = true;')

function compile(shared: Shared, options: Options, process = (code: string) => code): ValidateFunction {
  const { text, effort } = shared
  effort.restart()
  const regExp = Object.assign((pattern: string) => linearRegExp(pattern, effort), { code: 'linearRegExp' })
  const ajv = new engines[text.draft]({
    strict: false,
    logger: false,
    meta: false,
    // a large definition that is referred to often would be compiled as often
    inlineRefs: false,
    validateSchema: false,
    // what every object has of itself is no property
    ownProperties: true,
    formats: formatsFor(effort),
    ...options,
    code: { regExp, optimize: false, process: (code) => process(noteSeen(code)) },
  })
  replaceKeywords(ajv, shared)
  try {
    return ajv.compile(text.root)
  } catch (error) {
    const problem = error instanceof RangeError ? 'is nested too deep' : messageOf(error).replace(/^schema /, '')
    throw unusable(problem, error)
  }
}

function linearRegExp(source: string, effort: Effort) {
  const pattern = new LinearPattern(source)
  return { test: (text: string) => pattern.test(text, effort), toString: () => source } as unknown as RegExp
}

type Found = readonly ErrorObject[] | Error | undefined

function run(validate: ValidateFunction, value: Value, { numbers, effort }: Shared): Found {
  effort.restart()
  numbers.forget()
  const parent = {}
  const rootData = numbers.rounded(value, parent, '')
  const place = { instancePath: '', parentData: parent, parentDataProperty: '', rootData, dynamicAnchors: {} }
  try {
    return validate(rootData, place as Parameters<ValidateFunction>[1]) ? undefined : validate.errors!
  } catch (error) {
    if (error instanceof TooManyErrors) return error.errors as readonly ErrorObject[]
    if (error instanceof EffortExceeded || error instanceof RangeError) return error
    throw error
  }
}

function mismatch(found: readonly ErrorObject[] | Error, value: Value): PipelineError {
  const problem = found instanceof Error ? 'checking it takes too long' : describeErrors(found, value)
  return new PipelineError('SCHEMA_MISMATCH', { problem })
}

/** A schema that refers to itself before it looks at any part of a value comes to no end with any value. */
function refuseEndless(check: (value: Value) => Found): void {
  for (const value of [null, true, 0, '', [], {}])
    if (check(value) instanceof Error) throw unusable('refers to itself without end')
}

const unusable = (problem: string, cause?: unknown) =>
  new PipelineError('CONFIG_INVALID', { field: 'JSON Schema', problem }, cause)
