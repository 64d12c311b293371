import type { EditedNode } from './form.ts'

/** A node in the editor. */
export interface FlowNode extends EditedNode {
  readonly id: string
  readonly type: string
  z?: string
  x?: number
  y?: number
  readonly users?: readonly FlowNode[]
  /** What the validators said last. */
  readonly validationErrors?: readonly string[]
  changed?: boolean
  dirty?: boolean
}

interface Link {
  readonly source: FlowNode
  readonly sourcePort: number
  readonly target: FlowNode
}

/** One step back in the editor's history. */
type HistoryEvent =
  | { readonly t: 'add'; readonly nodes: readonly string[]; readonly dirty: boolean }
  | {
      readonly t: 'edit'
      readonly node: FlowNode
      readonly changes: object
      readonly changed: boolean
      readonly dirty: boolean
    }
  | { readonly t: 'multi'; readonly events: readonly HistoryEvent[]; readonly dirty: boolean }

/** Node-RED's editor as far as flows are changed from here. Its published types lack or loosen most of it. */
interface EditorApi {
  readonly nodes: {
    id(): string
    node(id: string): FlowNode | null
    eachNode(visit: (node: FlowNode) => boolean): void
    eachLink(visit: (link: Link) => boolean): void
    import(nodes: readonly object[], options: { readonly markChanged: boolean }): unknown
    updateConfigNodeUsers(node: FlowNode, options: { readonly action: 'add' | 'remove' }): void
    dirty(): boolean
    dirty(now: boolean): void
  }
  readonly workspaces: { active(): string; count(): number; isLocked?(): boolean; show(id: string): void }
  readonly history: { push(event: HistoryEvent): void }
  readonly editor: { validateNode(node: FlowNode): void }
  readonly events: { emit(event: string, node: FlowNode): void }
  readonly view: {
    redraw(updateActive: boolean): void
    /** As by Import: one step, which the user can undo. */
    importNodes(
      nodes: readonly object[],
      options: { readonly generateIds: boolean; readonly addFlow: boolean; readonly notify: boolean },
    ): void
  }
  readonly actions: {
    add(name: string, run: () => void, options: { readonly label: string }): void
    remove(name: string): void
  }
  readonly menu: { addItem(menu: string, item: object | null): void; removeItem(id: string): void }
  notify(text: string, options: object): { close(): void }
  readonly utils: { getNodeLabel(node: FlowNode, otherwise: string): string }
}

export const flowEditor = (): EditorApi => RED as unknown as EditorApi

/** New values for the properties of a node, user and password among them. */
export interface Change {
  readonly node: FlowNode
  readonly values: { readonly [property: string]: unknown }
  readonly secrets: { readonly [name: string]: string }
}

/** Adds and changes nodes in one step, which the user can undo. Nothing is deployed. */
export function applyToFlow(added: readonly (object & { readonly id: string })[], changes: readonly Change[]): void {
  const { nodes, history, view } = flowEditor()
  const dirty = nodes.dirty()
  const edits = changes.filter(({ values, secrets }) => Object.keys({ ...values, ...secrets }).length > 0)
  if (added.length > 0) nodes.import(added, { markChanged: true })
  const events = edits.map((change) => applyChange(change, dirty))
  const add = { t: 'add', nodes: added.map(({ id }) => id), dirty } as const
  history.push({ t: 'multi', events: added.length > 0 ? [add, ...events] : events, dirty })
  nodes.dirty(true)
  view.redraw(true)
}

function applyChange({ node, values, secrets }: Change, dirty: boolean): HistoryEvent {
  const { nodes, events, editor: dialogs } = flowEditor()
  const before = Object.fromEntries(Object.keys(values).map((property) => [property, node[property]]))
  const event: HistoryEvent = { t: 'edit', node, changes: before, changed: node.changed ?? false, dirty }
  nodes.updateConfigNodeUsers(node, { action: 'remove' })
  Object.assign(node, values)
  nodes.updateConfigNodeUsers(node, { action: 'add' })
  if (Object.keys(secrets).length > 0) {
    const shown = Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [`has_${name}`, secret !== '']))
    node.credentials = { _: {}, ...node.credentials, ...secrets, ...shown }
  }
  node.changed = true
  node.dirty = true
  dialogs.validateNode(node)
  events.emit('nodes:change', node)
  return event
}

/** Leaves open dialogs as by Cancel, or by Close where there is nothing to cancel. Trays slide away one after the other, and only the last one says so. */
export function cancelTrays(then: () => void): void {
  const [top] = $('.red-ui-tray').last().get()
  if (top === undefined) {
    then()
    return
  }
  const cancel = $(top).find('#node-config-dialog-cancel, #node-dialog-cancel')
  const leave = cancel.length > 0 ? cancel : $(top).find('#node-dialog-ok')
  leave.trigger('click')
  const wait = setInterval(() => {
    if (top.isConnected) return
    clearInterval(wait)
    cancelTrays(then)
  }, 50)
}

/** Below everything on the flow. */
export function freeLine(flow: string): number {
  let lowest = 20
  flowEditor().nodes.eachNode(({ z, y }) => {
    if (z === flow) lowest = Math.max(lowest, y ?? 0)
    return true
  })
  return Math.ceil(lowest / 20) * 20 + 80
}
