import type { Field } from '../../../src/config/fields.ts'
import { editorDefault } from './editor-default.ts'
import type { Control, EditedNode } from './form.ts'

interface Row {
  readonly [column: string]: unknown
}

/** A table as an editable list: rows can be added, removed and moved. `stored` is the node's value. */
export function openTable(
  name: string,
  field: Field<unknown>,
  row: JQuery,
  node: EditedNode,
  changed: () => void,
): Control {
  const columns = Object.entries(field.columns ?? {})
  const cells = row.find('.rowline-cells')
  const list = row.find('.rowline-rows')
  const fresh: Row = Object.fromEntries(columns.map(([column, cell]) => [column, editorDefault(cell)]))
  list.editableList<Row>({
    header: row.find('.rowline-columns'),
    addButton: row.find('.rowline-add').text(),
    height: 'auto',
    sortable: true,
    removable: true,
    addItem(container, _index, data) {
      const line = cells
        .clone()
        .removeClass('rowline-cells')
        .prop('hidden', false)
        .attr('data-cells', '')
        .appendTo(container)
      for (const [column] of columns) write(line.find(`[data-column="${column}"]`), { ...fresh, ...data }[column])
    },
    sortItems: changed,
    removeItem: changed,
  })
  const stored = node[name]
  const rows = Array.isArray(stored) ? (stored as Row[]) : []
  list.editableList('addItems', rows.length === 0 && field.required ? [{}] : [...rows])
  const read = () =>
    list
      .find('[data-cells]')
      .get()
      .map((line) => readRow($(line), columns))
  return {
    read,
    save: () => {
      node[name] = read()
    },
  }
}

function readRow(line: JQuery, columns: readonly (readonly [string, Field<unknown>])[]): Row {
  return Object.fromEntries(
    columns.map(([column]) => {
      const input = line.find(`[data-column="${column}"]`)
      return [column, input.is(':checkbox') ? input.prop('checked') : input.val()]
    }),
  )
}

/** A choice that is none of the options (such as `${NAME}`) becomes one more option, so that it is not lost. */
function write(input: JQuery, value: unknown): void {
  if (input.is(':checkbox')) {
    input.prop('checked', value === true || value === 'true')
    return
  }
  const text = String(value ?? '')
  if (
    input.is('select') &&
    !input
      .find('option')
      .get()
      .some((option) => $(option).val() === text)
  ) {
    $('<option>').val(text).text(text).appendTo(input)
  }
  input.val(text)
}
