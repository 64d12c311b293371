import { recordTemplateProblem } from './record-template.ts'

/** Of the service: attributes of a message, the others in bytes of UTF-8. */
export const limits = { attributes: 100, attributeName: 256, attributeValue: 1024, orderingKey: 1024 } as const

/** Names that begin so are Google's own. */
export const isReserved = (name: string): boolean => name.startsWith('goog')

export function attributeNameProblem(template: string): string | undefined {
  if (isReserved(template)) return 'must not begin with "goog": Pub/Sub keeps such names for itself'
  if (template === 'rowline.id') return 'must not be rowline.id, which Rowline gives itself'
  return recordTemplateProblem(template)
}
