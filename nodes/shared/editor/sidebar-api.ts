import type { FlowNode } from '../guarantee/flow-graph.ts'

/** Node-RED's editor as far as a plugin with a tab of its own needs it. */
interface SidebarApi {
  readonly plugins: { registerPlugin(id: string, definition: { readonly type: string; onadd(): void }): void }
  readonly sidebar: {
    addTab(options: {
      readonly id: string
      readonly label: string
      readonly name: string
      readonly content: JQuery
      readonly iconClass: string
      readonly enableOnEdit: boolean
      onchange(): void
    }): void
  }
  readonly nodes: { dirty(): boolean; createCompleteNodeSet(options: { readonly credentials: false }): FlowNode[] }
  readonly view: { reveal(id: string): void }
  readonly tourGuide?: { run(path: string, done?: (error?: Error) => void): void }
}

export const sidebarApi = (): SidebarApi => RED as unknown as SidebarApi

/** A text of the sidebar with its values filled in. */
export type SidebarText = (key: string, values?: { readonly [name: string]: string }) => string
