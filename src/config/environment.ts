import { type FieldProblem, runtimeProblems } from './fields.ts'

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/**
 * Replaces `${NAME}` in every string, alone or inside longer text, in lists and objects too (Node-RED itself replaces
 * whole values only). A name without a value is a problem that names field and variable.
 */
export function expandEnvironment(
  raw: { readonly [name: string]: unknown },
  lookup: (name: string) => string | undefined,
): { readonly values: { readonly [name: string]: unknown }; readonly problems: readonly FieldProblem[] } {
  const problems: FieldProblem[] = []
  const expand = (value: unknown, field: string): unknown => {
    if (typeof value === 'string') {
      return value.replace(reference, (hole, name: string) => {
        const found = lookup(name)
        if (found === undefined) problems.push({ field, problem: runtimeProblems.of('unset', { name }) })
        return found ?? hole
      })
    }
    if (Array.isArray(value)) return value.map((item) => expand(item, field))
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, expand(inner, field)]))
    }
    return value
  }
  const values = Object.fromEntries(Object.entries(raw).map(([field, value]) => [field, expand(value, field)]))
  return { values, problems }
}

export const hasReference = (value: unknown): boolean => typeof value === 'string' && value.search(reference) >= 0
