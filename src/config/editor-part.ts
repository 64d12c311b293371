/** A part of a dialog that no field describes: code in `nodes/shared/editor/<module>.ts`, which exports it as `part`. */
export interface EditorPart {
  readonly module: string
  /** English; every other language has the same keys below `part`. */
  readonly texts: { readonly [key: string]: string }
}
