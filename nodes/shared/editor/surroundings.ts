import type { EditorNodeInstance } from 'node-red'
import type { Surroundings } from './problems.ts'

type ConfigNode = EditorNodeInstance & { readonly valid?: boolean }

/** `root` is where the node type's texts begin: `<id of the node set>:<type>.` */
export function createSurroundings(root: string): Surroundings {
  const texts = (key: string) => RED._(root + key)
  return {
    texts,
    referenceProblem: (id) => {
      const node = RED.nodes.node(id) as ConfigNode | null | undefined
      if (!node) return texts('problem.editor.missingNode')
      return node.valid === false ? texts('problem.editor.invalidNode') : undefined
    },
  }
}
