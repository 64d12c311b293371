import type { Problem } from '../../../src/core/problem.ts'
import type { Values } from './problems.ts'

type Texts = (key: string) => string

/** What a part of a dialog may do with the fields of the open form. */
export interface OpenPart {
  /** Of the node that is edited. */
  readonly id: string | undefined
  /** Of the same. */
  readonly type: string
  values(): Values
  write(field: string, value: unknown): void
  /** In the user's language. */
  say(problem: Problem): string
}

/** A part of a dialog that no field describes. `texts` are those of its declaration, in the user's language. */
export interface DialogPart {
  /** Once, when the editor has loaded the node type. `textsOf`: those of the catalogue of another type. */
  register?(texts: Texts, textsOf: (type: string) => Texts): void
  /** Fills its section of the open form. `changed` is called whenever a field has changed, `close` with the dialog. */
  open(section: JQuery, form: OpenPart, texts: Texts): { changed(): void; close?(): void } | undefined
}
