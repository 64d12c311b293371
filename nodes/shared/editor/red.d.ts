import type { EditorRED } from 'node-red'

/** The code editor widget, Monaco or Ace, as far as both offer it. */
export interface CodeEditor {
  getValue(): string
  setValue(value: string): void
  resize(): void
  destroy(): void
  on(event: 'change', handler: () => void): void
}

/** What the published types lack. */
interface EditorGaps {
  readonly editor: { createEditor(options: { id: string; mode: string; value: string }): CodeEditor }
  readonly _: (key: string) => string
}

declare global {
  const RED: EditorRED & EditorGaps
  interface JQuery {
    /** Of jQuery UI. */
    dialog(options: object | 'close' | 'destroy'): JQuery
  }
}
