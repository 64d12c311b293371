import type { ProblemTexts } from '../core/problem.ts'
import type { EditorPart } from './editor-part.ts'
import { hasReference } from './environment.ts'
import type { ConfigOf, FieldProblem, Fields } from './fields.ts'
import type { Importer } from './imported.ts'
import type { Migration } from './migrations.ts'

/** Everything about a node type that is not behaviour. Form, help, locale keys and README come from it. */
export interface NodeDeclaration<F extends Fields = Fields> {
  readonly type: string
  readonly kind: 'config' | 'source' | 'transform' | 'sink'
  /** Palette label, and the heading of its README section. */
  readonly label: string
  /** One sentence: the palette tooltip and the README's first line. */
  readonly summary: string
  /** Background colour; config nodes have none. */
  readonly color?: string
  /** Font Awesome 4 name or a file in nodes/icons. */
  readonly icon?: string
  /** Labels of the outputs, in order. */
  readonly outputs: readonly string[]
  /** While this flag is on, the node also has an input, and these outputs behind the others. */
  readonly controlled?: Controlled
  readonly fields: F
  /** What its fields, and the parts of its form, may say beside `fieldProblems`. */
  readonly problems: readonly ProblemTexts[]
  /** What no field can see alone. Called with a parsed configuration. */
  check?(config: ConfigOf<F>): readonly FieldProblem[]
  /** The form offers to fill it from the configuration of another program. */
  readonly importer?: Importer
  readonly editorPart?: EditorPart
  /** What made older flows into those of today, oldest first. Never changed, only added to. */
  readonly migrations?: readonly Migration[]
  /** The field whose value is shown as the node's label when it has no name; of several, with colons between them. */
  readonly labelField?: (keyof F & string) | readonly (keyof F & string)[]
}

/** `by` is the name of the flag. */
export interface Controlled {
  readonly by: string
  readonly outputs: readonly string[]
}

/** Whether the flag is on, or only the runtime knows. */
export function isControlled(controlled: Controlled | undefined, raw: { readonly [field: string]: unknown }): boolean {
  const value = controlled && raw[controlled.by]
  return value === true || value === 'true' || hasReference(value)
}

/** Gives the fields' types to `check` without naming them. */
export function declareNode<F extends Fields>(declaration: NodeDeclaration<F>): NodeDeclaration<F> {
  return declaration
}
