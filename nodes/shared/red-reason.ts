import type { NodeDeclaration } from '../../src/config/declaration.ts'
import type { Field } from '../../src/config/fields.ts'

export const newerFlow = 'made by a newer version of this package'

/**
 * What anybody may read of why a node is red: the label of a field or the code of an error, and nothing of a path, an
 * address or a value. `code` is that of what kept the node from starting.
 */
export function openReason(problem: string, code: string | undefined, declarations: Iterable<NodeDeclaration>): string {
  const [head = ''] = problem.split(/: | \(/, 1)
  const label = head.replace(/, row \d+$/, '')
  if (label === newerFlow || [...declarations].some(({ fields }) => Object.values(fields).some(isIn(label))))
    return `wrong configuration: ${head}`
  return code === undefined ? 'wrong configuration' : `failing: ${code}`
}

const isIn =
  (text: string) =>
  ({ label }: Field<unknown>): boolean =>
    text === label || text === `${label.toLowerCase()} required`
