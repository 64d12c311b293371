import { flowEditor } from './editor-flow.ts'

const sideMenu = 'red-ui-header-button-sidemenu'

/**
 * An entry in the main menu, below a line that all of ours share, and in the list of actions. A package that is disabled
 * and enabled again registers twice.
 */
export function addMenuEntry(name: string, what: string, run: () => void): void {
  const { actions, menu } = flowEditor()
  const [action, id, label] = [`rowline:${name}`, `menu-item-rowline-${name}`, `Rowline: ${what}`]
  actions.remove(action)
  actions.add(action, run, { label })
  menu.removeItem(id)
  addLine()
  menu.addItem(sideMenu, { id, label, onselect: action })
}

function addLine(): void {
  const entries = $(`#${sideMenu}-submenu`)
  if (entries.children('.rowline-line').length > 0) return
  flowEditor().menu.addItem(sideMenu, null)
  entries.children().last().addClass('rowline-line')
}
