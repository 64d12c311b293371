import type { Problem } from '../../core/problem.ts'
import { pubsubProblems } from './problems.ts'
import { recordTemplateProblem } from './record-template.ts'

/** Of the service: attributes of a message, the others in bytes of UTF-8. */
export const limits = { attributes: 100, attributeName: 256, attributeValue: 1024, orderingKey: 1024 } as const

/** Names that begin so are Google's own. */
export const isReserved = (name: string): boolean => name.startsWith('goog')

export function attributeNameProblem(template: string): Problem | undefined {
  if (isReserved(template)) return pubsubProblems.of('reserved')
  if (template === 'rowline.id') return pubsubProblems.of('ownName')
  return recordTemplateProblem(template)
}
