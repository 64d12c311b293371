import type { ValueProblem } from './problems.ts'
import type { CodeEditor } from './red.d.ts'

/** Monaco's MarkerSeverity.Error. */
const severity = 8

/**
 * What is wrong in a line of a code editor: underlined in Monaco, a sign beside it in Ace. Nothing where no line is named,
 * and in the plain text area that Node-RED takes where it has neither.
 */
export function showMark(editor: CodeEditor, problem: ValueProblem | undefined): void {
  const { line, text = '' } = problem ?? {}
  const lines = line === undefined ? [] : [line]
  const model = editor.getModel?.()
  if (model && globalThis.monaco) {
    const markers = lines.map((line) => ({
      severity,
      message: text,
      startLineNumber: line,
      startColumn: 1,
      endLineNumber: line,
      endColumn: model.getLineMaxColumn(line),
    }))
    globalThis.monaco.editor.setModelMarkers(model, 'rowline', markers)
  } else
    editor.getSession?.().setAnnotations?.(lines.map((line) => ({ row: line - 1, column: 0, text, type: 'error' })))
}
