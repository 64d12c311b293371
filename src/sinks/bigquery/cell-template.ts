import { templateProblem } from '../../core/metadata.ts'

/** Placeholders whose column has a type of its own. */
export const typedHoles = ['{qos}', '{retain}', '{dup}', '{receivedAt}', '{payload}'] as const
export type TypedHole = (typeof typedHoles)[number]

const words = ['{topic}', '{filter}', '{route}', '{to}', '{node}', '{tag}'] as const
const level = /^\{topic\.([1-9]\d?)\}$/
const hole = /(\{[^{}]*\})/

/** Text and placeholders by turns. */
export const partsOf = (template: string): readonly string[] => template.split(hole)

/** The number in `{topic.2}`; undefined for anything else. */
export function levelOf(part: string): number | undefined {
  const number = level.exec(part)?.[1]
  return number === undefined ? undefined : Number(number)
}

export const isTypedHole = (part: string): part is TypedHole => (typedHoles as readonly string[]).includes(part)

/** Why a text does not say what is in a column, without its subject. */
export function cellProblem(template: string): string | undefined {
  if (isTypedHole(template)) return undefined
  const holes = partsOf(template).filter((part) => hole.test(part))
  const lonely = holes.find(isTypedHole)
  if (lonely) return `must be ${lonely} alone, as its column has a type of its own`
  const rest = holes.filter((part) => part !== '{id}' && levelOf(part) === undefined)
  return templateProblem(rest.join(''), [...words, '{topic.1}', '{id}', ...typedHoles])
}
