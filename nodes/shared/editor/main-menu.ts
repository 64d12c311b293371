import { flowEditor } from './editor-flow.ts'

const sideMenu = 'red-ui-header-button-sidemenu'

/** Whether the line is there: each node type has a script of its own. */
const page = globalThis as { rowlineMenuLine?: boolean }

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
  if (!page.rowlineMenuLine) menu.addItem(sideMenu, null)
  page.rowlineMenuLine = true
  menu.addItem(sideMenu, { id, label, onselect: action })
}
