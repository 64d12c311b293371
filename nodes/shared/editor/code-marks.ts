import type { CodeEditor } from './red.d.ts'

/** Where something is wrong in a code editor; lines are counted from 1. */
export interface CodeMark {
  readonly line: number
  readonly text: string
}

/** The line that an error of a schema names (`line 3: …`, `… at character 40`); undefined where it names none. */
export function lineOf(problem: string, source: string): number | undefined {
  const line = /\bline (\d+)/.exec(problem)?.[1]
  if (line !== undefined) return Math.min(Number(line), source.split('\n').length)
  const character = / at character (\d+)/.exec(problem)?.[1]
  return character === undefined ? undefined : source.slice(0, Number(character)).split('\n').length
}

/** Monaco's MarkerSeverity.Error. */
const severity = 8

/** A line under it in Monaco, a sign beside it in Ace; nothing in the plain text area of small screens. */
export function showMark(editor: CodeEditor, mark: CodeMark | undefined): void {
  const marks = mark === undefined ? [] : [mark]
  const model = editor.getModel?.()
  if (model && globalThis.monaco) {
    const markers = marks.map(({ line, text }) => ({
      severity,
      message: text,
      startLineNumber: line,
      startColumn: 1,
      endLineNumber: line,
      endColumn: model.getLineMaxColumn(line),
    }))
    globalThis.monaco.editor.setModelMarkers(model, 'rowline', markers)
  } else
    editor
      .getSession?.()
      .setAnnotations?.(marks.map(({ line, text }) => ({ row: line - 1, column: 0, text, type: 'error' })))
}
