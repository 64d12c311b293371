import { templateProblem } from '../../core/metadata.ts'
import type { Problem } from '../../core/problem.ts'
import { bigqueryProblems } from './problems.ts'

/** Placeholders whose column has a type of its own. */
export const typedHoles = ['{qos}', '{retain}', '{dup}', '{receivedAt}', '{payload}'] as const
export type TypedHole = (typeof typedHoles)[number]

const words = ['{topic}', '{topic.name}', '{filter}', '{route}', '{to}', '{node}', '{tag}', '{id}'] as const
const hole = /(\{[^{}]*\})/

/** Text and placeholders by turns. */
export const partsOf = (template: string): readonly string[] => template.split(hole)

export const isTypedHole = (part: string): part is TypedHole => (typedHoles as readonly string[]).includes(part)

/** Why a text does not say what is in a column, without its subject. */
export function cellProblem(template: string): Problem | undefined {
  if (isTypedHole(template)) return undefined
  const holes = partsOf(template).filter((part) => hole.test(part))
  const lonely = holes.find(isTypedHole)
  if (lonely) return bigqueryProblems.of('alone', { hole: lonely })
  return templateProblem(template, [...words, ...typedHoles])
}
