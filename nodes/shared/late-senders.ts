import type { Node } from 'node-red'
import type { Holder } from './handle.ts'

/** Nodes that were seen to send messages on after they had said that they were done with them, since flows started. */
export class LateSenders {
  readonly #currentNode: (id: string) => Holder | undefined
  readonly #ids = new Set<string>()

  /** `currentNode` gives the node that has an id now. */
  constructor(currentNode: (id: string) => Holder | undefined) {
    this.#currentNode = currentNode
  }

  get ids(): readonly string[] {
    return [...this.#ids]
  }

  /** Warns of it once. What a node that was replaced still sends says nothing of the one that has its id now. */
  note(node: Holder): void {
    const { name, type, id } = node
    if (this.#ids.has(id) || this.#currentNode(id) !== node) return
    this.#ids.add(id)
    ;(node as unknown as Node).warn(
      `Rowline: the ${type} node "${name || id}" sends messages after it has said that it is done with them. ` +
        'Readings are acknowledged before they are safe here: a restart at that moment loses them.',
    )
  }

  /** Flows start: what was mended is forgotten, also by new wires alone; anything else is found again when it sends. */
  clear(): void {
    this.#ids.clear()
  }
}
