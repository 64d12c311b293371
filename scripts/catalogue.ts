import type { NodeDeclaration } from '../src/config/declaration.ts'
import { type Field, fieldProblems } from '../src/config/fields.ts'
import type { Importer } from '../src/config/imported.ts'
import type { ProblemTexts } from '../src/core/problem.ts'

/** Nested texts of one node type, as Node-RED's message catalogues hold them. */
export interface Texts {
  readonly [key: string]: string | Texts
}

/** Texts of the form that belong to no field. Every catalogue has them, since a node set reads only its own. */
const formTexts = {
  name: 'Name',
  advanced: 'Advanced',
  explain: 'What is this?',
  environment: 'Take the value from an environment variable',
  choose: 'Choose the value here',
  addRow: 'Add row',
  row: 'Row',
  example: 'Example:',
}

/** What only the editor finds out. */
const editorProblems: ProblemTexts = {
  name: 'editor',
  texts: { missingNode: 'refers to a node that does not exist', invalidNode: 'refers to a node with errors' },
}

const problemAreas = ({ problems }: NodeDeclaration) => [fieldProblems, editorProblems, ...problems]

/** What stands alike in every catalogue that has it: form, and what each area of problems says. */
export const sharedTexts = (declarations: readonly NodeDeclaration[]): Shared => ({
  form: formTexts,
  problem: Object.fromEntries(declarations.flatMap(problemAreas).map(({ name, texts }) => [name, texts])),
})

export interface Shared {
  readonly form: Texts
  readonly problem: { readonly [area: string]: Texts }
}

/** The English catalogue of a node type; every other language has the same keys. */
export function englishCatalogue(declaration: NodeDeclaration): Texts {
  const node: Texts = {
    label: declaration.label,
    summary: declaration.summary,
    ...section(
      'output',
      [...declaration.outputs, ...(declaration.controlled?.outputs ?? [])].map((label, i) => [String(i), label]),
    ),
    form: formTexts,
    ...(declaration.importer ? { import: importTexts(declaration.importer) } : {}),
    ...(declaration.editorPart ? { part: declaration.editorPart.texts } : {}),
    problem: Object.fromEntries(problemAreas(declaration).map(({ name, texts }) => [name, texts])),
    field: Object.fromEntries(Object.entries(declaration.fields).map(([name, field]) => [name, fieldTexts(field)])),
  }
  return { [declaration.type]: node }
}

/** Another language: its own texts as they are, with what is shared put into them. */
export function translatedCatalogue(own: Texts, shared: Shared, declaration: NodeDeclaration): Texts {
  const problem = Object.fromEntries(problemAreas(declaration).map(({ name }) => [name, shared.problem[name] ?? {}]))
  return { [declaration.type]: { ...(own[declaration.type] as Texts), form: shared.form, problem } }
}

const importTexts = ({ note, elsewhere, notices }: Importer): Texts => ({
  title: 'Import settings',
  note,
  apply: 'Fill the form',
  nothing: 'There are no settings in this text.',
  line: { applied: 'set: {field}', refused: 'not applied: {field} {problem}', unknown: 'not applied', elsewhere },
  notice: notices,
})

function fieldTexts(field: Field<unknown>): Texts {
  const columns = Object.entries(field.columns ?? {})
  return {
    label: field.label,
    note: field.note,
    ...(field.placeholder === undefined ? {} : { placeholder: field.placeholder }),
    ...section(
      'choice',
      (field.values ?? []).map((value) => [choiceKey(value), field.valueLabels?.[value] ?? value]),
    ),
    ...section(
      'column',
      columns.map(([name, column]) => [name, fieldTexts(column)]),
    ),
  }
}

function section(name: string, entries: readonly (readonly [string, string | Texts])[]): Texts {
  return entries.length === 0 ? {} : { [name]: Object.fromEntries(entries) }
}

/** A choice's value as a key: the catalogue splits keys at dots and colons. */
export const choiceKey = (value: string): string => value.replaceAll('.', '%2E').replaceAll(':', '%3A')

/** `{a: {b: 'x'}}` as `[['a.b', 'x']]`. */
export function flatten(texts: Texts, prefix = ''): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[`${prefix}${key}`, value]] : flatten(value, `${prefix}${key}.`),
  )
}
