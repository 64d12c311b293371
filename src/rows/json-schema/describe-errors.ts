import type { ErrorObject } from 'ajv'
import type { Value } from '../../core/record.ts'
import { excerpt } from '../excerpt.ts'
import type { Json } from '../json-text.ts'
import { mostErrors, rangeKeyword } from './keywords.ts'

const mostOfPointer = 200
const mostOfList = 200

/** One clause for each path that does not fit: `at /value: must be number, found "x"; at /unit: is missing`. */
export function describeErrors(errors: readonly ErrorObject[], document: Value): string {
  const clauses = new Set(errors.slice(0, mostErrors).map((error) => describe(error, document)))
  return [...clauses, ...(errors.length > mostErrors ? ['and more'] : [])].join('; ')
}

function describe(error: ErrorObject, document: Value): string {
  const { instancePath, keyword, params, propertyName } = error
  const inside = params.missingProperty ?? params.additionalProperty ?? params.unevaluatedProperty
  if (inside !== undefined) {
    const path = `${instancePath}/${String(inside).replaceAll('~', '~0').replaceAll('/', '~1')}`
    return `at ${place(path)}: ${params.missingProperty === undefined ? 'is not allowed' : 'is missing'}`
  }
  const at = `at ${place(instancePath)}: `
  if (propertyName !== undefined) return `${at}the key ${short(JSON.stringify(propertyName))} ${sentence(error)}`
  return `${at}${sentence(error)}${showsFound(keyword) ? `, found ${excerpt(valueAt(instancePath, document))}` : ''}`
}

const place = (pointer: string): string =>
  pointer === '' ? 'the top level' : pointer.length > mostOfPointer ? `${pointer.slice(0, mostOfPointer)}…` : pointer

/** A sentence without its subject. */
function sentence({ keyword, params, message }: ErrorObject): string {
  switch (keyword) {
    case 'enum':
      return `must be one of ${listed(params.allowed)}`
    case 'const':
      return `must be ${short(JSON.stringify(params.allowed))}`
    case 'pattern':
      return `must match the pattern ${short(params.pattern)}`
    case 'format':
      return `must be of the format ${short(params.format)}`
    case rangeKeyword:
      return 'must be an integer of the format'
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'multipleOf':
      return `must keep the ${keyword} ${params.limit}`
    case 'uniqueItems':
      return 'must not hold equal items'
    case 'false schema':
      return 'is not allowed'
    default:
      return short(message ?? `must keep ${keyword}`)
  }
}

const withoutFound = ['uniqueItems', 'anyOf', 'oneOf', 'allOf', 'not', 'if', 'propertyNames', 'false schema']
const showsFound = (keyword: string) => !withoutFound.includes(keyword)

/** Of a list of thousands not more is written than is shown. */
const listed = (values: readonly unknown[]): string =>
  short(
    values
      .slice(0, mostOfList)
      .map((value) => JSON.stringify(value))
      .join(', '),
  )

const short = (text: string): string => (text.length > mostOfList ? `${text.slice(0, mostOfList - 1)}…` : text)

/** What stands there, with all digits. */
function valueAt(pointer: string, document: Value): Json<bigint> {
  let value: unknown = document
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    value =
      typeof value === 'object' && value !== null ? (value as { readonly [key: string]: unknown })[key] : undefined
  }
  return (value ?? null) as Json<bigint>
}
