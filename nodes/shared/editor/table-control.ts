import type { EditorNodeInstance } from 'node-red'
import type { Field } from '../../../src/config/fields.ts'
import { editorDefault } from './editor-default.ts'
import type { Control } from './form.ts'
import { addOption, readInput, writeInput } from './input.ts'

interface Row {
  readonly [column: string]: unknown
}

/** A table as an editable list: rows can be added, removed and moved. `stored` is the node's value. */
export function openTable(
  field: Field<unknown>,
  row: JQuery,
  stored: unknown,
  addLabel: string,
  changed: () => void,
): Control {
  const columns = Object.entries(field.columns ?? {})
  const cells = row.find('.rowline-cells')
  const list = row.find('.rowline-rows')
  const fresh: Row = Object.fromEntries(columns.map(([column, cell]) => [column, editorDefault(cell)]))
  list.editableList<Row>({
    header: row.find('.rowline-columns'),
    addButton: addLabel,
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
      for (const [column] of columns) writeInput(line.find(`[data-column="${column}"]`), { ...fresh, ...data }[column])
      const references = line.find('[data-node-type]')
      references.each((_i, select) => offerNodes($(select)))
      references.on('mousedown focus', (event) => offerNodes($(event.currentTarget)))
    },
    sortItems: changed,
    removeItem: changed,
  })
  const rows = Array.isArray(stored) ? (stored as Row[]) : []
  list.editableList('addItems', rows.length === 0 && field.required ? [{}] : [...rows])
  const read = () =>
    list
      .find('[data-cells]')
      .get()
      .map((line) => readRow($(line), columns))
  return {
    read,
    write: (value) => {
      list.editableList('empty')
      list.editableList('addItems', value as Row[])
    },
  }
}

function readRow(line: JQuery, columns: readonly (readonly [string, Field<unknown>])[]): Row {
  return Object.fromEntries(columns.map(([column]) => [column, readInput(line.find(`[data-column="${column}"]`))]))
}

/** Offers the config nodes there are when the list is about to open; others may have been added since. */
function offerNodes(select: JQuery): void {
  const chosen = select.val()
  select.empty().append('<option value="">')
  RED.nodes.eachConfig((config) => {
    const node = config as EditorNodeInstance
    if (node.type === select.attr('data-node-type')) addOption(select, node.id, RED.utils.getNodeLabel(node, node.id))
    return true
  })
  writeInput(select, chosen)
}
