import type { EditorNodeInstance } from 'node-red'

/** Why the config node of this id cannot be used. */
export function referenceProblem(id: string): string | undefined {
  const node = RED.nodes.node(id) as (EditorNodeInstance & { readonly valid?: boolean }) | null
  if (node === null) return 'refers to a node that does not exist'
  return node.valid === false ? 'refers to a node with errors' : undefined
}
