import type { EditorRED } from 'node-red'

/** The code editor widget, Monaco or Ace, as far as both offer it. */
export interface CodeEditor {
  getValue(): string
  setValue(value: string): void
  resize(): void
  destroy(): void
  on(event: 'change', handler: () => void): void
  /** Monaco's alone. */
  getModel?(): CodeModel
  /** Ace's, and in Monaco a part of it. */
  getSession?(): { setAnnotations?(annotations: readonly object[]): void }
}

export interface CodeModel {
  getLineMaxColumn(line: number): number
}

interface Monaco {
  readonly editor: { setModelMarkers(model: CodeModel, owner: string, markers: readonly object[]): void }
}

/** What the published types lack. */
interface EditorGaps {
  readonly editor: { createEditor(options: { id: string; mode: string; value: string }): CodeEditor }
  readonly _: (key: string) => string
}

declare global {
  var monaco: Monaco | undefined
  const RED: EditorRED & EditorGaps
  interface JQuery {
    /** Of jQuery UI. */
    dialog(options: object | 'close' | 'destroy'): JQuery
  }
}
