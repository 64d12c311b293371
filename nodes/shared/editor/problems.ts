import type { NodeDeclaration } from '../../../src/config/declaration.ts'
import { hasReference } from '../../../src/config/environment.ts'
import { type Field, parseField, parseFields } from '../../../src/config/fields.ts'
import { Problem, translated } from '../../../src/core/problem.ts'

/** Raw values of a form or a node, by field name. */
export interface Values {
  readonly [field: string]: unknown
}

/** Why a value is wrong; in a table also where (`row` from 0). */
export interface ValueProblem {
  readonly text: string
  /** The line of a text that it names, from 1. */
  readonly line?: number
  readonly row?: number
  readonly column?: string
}

/** What only the editor can see. */
export interface Surroundings {
  /** A text of the catalogue in the user's language. */
  texts(key: string): string
  /** Why the config node of this id cannot be used. */
  referenceProblem(id: string): string | undefined
}

/** What the runtime would refuse. A value with `${NAME}` in it passes: only the runtime knows what it stands for. */
export function problemsOf(field: Field<unknown>, raw: unknown, around: Surroundings): readonly ValueProblem[] {
  if (hasReference(raw)) return []
  if (field.columns !== undefined && Array.isArray(raw) && raw.length > 0) {
    const columns = Object.entries(field.columns)
    return raw.flatMap((values: Values | null, row) =>
      columns.flatMap(([column, cell]) =>
        problemsOf(cell, values?.[column], around).map(({ text }): ValueProblem => ({ row, column, text })),
      ),
    )
  }
  const parsed = parseField(field, raw)
  if (parsed instanceof Problem) return [shown(parsed, raw, around.texts)]
  const broken = field.kind === 'node' && parsed !== '' ? around.referenceProblem(String(parsed)) : undefined
  return broken === undefined ? [] : [{ text: broken }]
}

/** What no field can see alone. Nothing while a field is wrong or depends on an environment variable. */
export function crossProblems(
  declaration: NodeDeclaration,
  values: Values,
  texts: Surroundings['texts'],
): { readonly [field: string]: ValueProblem } {
  const names = Object.keys(declaration.fields)
  if (declaration.check === undefined || names.some((name) => containsReference(values[name]))) return {}
  const { config } = parseFields(declaration.fields, values)
  if (config === undefined) return {}
  const problems = declaration.check(config)
  return Object.fromEntries(problems.map(({ field, problem }) => [field, shown(problem, values[field], texts)]))
}

function shown(problem: Problem, raw: unknown, texts: Surroundings['texts']): ValueProblem {
  const [text, line] = [translated(problem, texts), lineOf(problem, String(raw))]
  return line === undefined ? { text } : { text, line }
}

/** The line that an error of a schema names: SQL its line, JSON a character. */
function lineOf({ values, text }: Problem, source: string): number | undefined {
  if (values.line !== undefined) return Math.min(Number(values.line), source.split('\n').length)
  const character = / at character (\d+)/.exec(text)?.[1]
  return character === undefined ? undefined : source.slice(0, Number(character) - 1).split('\n').length
}

function containsReference(value: unknown): boolean {
  if (value !== null && typeof value === 'object') return Object.values(value).some(containsReference)
  return hasReference(value)
}

/** One line per problem; in a table it begins with the row (from 1) and the column's name. */
export function describe(problems: readonly ValueProblem[], name: string, texts: (key: string) => string): string {
  const place = ({ row, column }: ValueProblem) =>
    row === undefined ? '' : `${texts('form.row')} ${row + 1}, ${texts(`field.${name}.column.${column}.label`)}: `
  return problems.map((problem) => place(problem) + problem.text).join('\n')
}
