import type { Field } from '../../../src/config/fields.ts'
import { showMark } from './code-marks.ts'
import type { Control } from './form.ts'

/** Node-RED reads and writes the hidden input; the code editor shows it. */
export function openCode(row: JQuery, language: Field<unknown>['language'], changed: () => void): Control {
  const input = row.find<HTMLInputElement>('input[type="hidden"]')
  const id = row.find('.node-text-editor').attr('id') ?? ''
  const editor = RED.editor.createEditor({
    id,
    mode: `ace/mode/${language ?? 'sql'}`,
    value: String(input.val() ?? ''),
  })
  editor.on('change', () => {
    input.val(editor.getValue())
    changed()
  })
  return {
    read: () => input.val(),
    write: (value) => editor.setValue(String(value)),
    shown: () => editor.resize(),
    mark: (problem) => showMark(editor, problem),
    close: () => editor.destroy(),
  }
}
