import type { Control } from './form.ts'

/** Node-RED reads and writes the hidden input; the code editor shows it. */
export function openCode(row: JQuery, changed: () => void): Control {
  const input = row.find<HTMLInputElement>('input[type="hidden"]')
  const id = row.find('.node-text-editor').attr('id') ?? ''
  const editor = RED.editor.createEditor({ id, mode: 'ace/mode/sql', value: String(input.val() ?? '') })
  editor.on('change', () => {
    input.val(editor.getValue())
    changed()
  })
  return {
    read: () => input.val(),
    shown: () => editor.resize(),
    close: () => editor.destroy(),
  }
}
