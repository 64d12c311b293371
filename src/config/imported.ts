import type { Problem } from '../core/problem.ts'

/** What has become of one pasted setting. */
export type ImportedLine = { readonly key: string } & (
  | { readonly outcome: 'unknown' }
  /** `notice` is what to know of it: a key as below. */
  | { readonly outcome: 'applied'; readonly field: string; readonly notice?: string }
  /** It has a field, which does not take its value. */
  | { readonly outcome: 'refused'; readonly field: string; readonly problem: Problem }
  /** Nothing to set: `notice` is the key of the reason among the notices of the importer. */
  | { readonly outcome: 'noted'; readonly notice: string }
  /** The node it belongs to has an import of its own. */
  | { readonly outcome: 'elsewhere' }
)

export interface Imported {
  /** For the fields of the form, as a user would enter them. */
  readonly values: { readonly [field: string]: string }
  /** One for each setting that has a value, in the order of the text. */
  readonly lines: readonly ImportedLine[]
}

/** Fills a form from the configuration of another program. Runs in the browser. */
export interface Importer {
  /** What to paste, in a sentence or two. */
  readonly note: string
  /** Says where settings of an `elsewhere` belong. */
  readonly elsewhere: string
  readonly notices: { readonly [key: string]: string }
  read(text: string): Imported | Problem
}
