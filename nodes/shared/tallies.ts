import { Tally } from '../../src/core/tally.ts'
import type { NodeLabels } from './metrics.ts'

interface Entry {
  readonly tally: Tally
  labels: NodeLabels
}

/** What each node has counted since the start of Node-RED, also of nodes that are no longer there. */
export class Tallies {
  readonly #entries = new Map<string, Entry>()

  /**
   * The same for a node that comes again. Of two nodes that are called the same, the later one is called with its id as
   * well: Prometheus takes one series for both, and leaves out the second value.
   */
  of(id: string, wanted: NodeLabels): Tally {
    const known = this.#entries.get(id)
    const labels = this.#isTaken(id, wanted) ? { ...wanted, node: `${wanted.node} (${id})` } : wanted
    if (known) known.labels = labels
    const entry = known ?? { tally: new Tally(), labels }
    this.#entries.set(id, entry)
    return entry.tally
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  values(): Iterable<Entry> {
    return this.#entries.values()
  }

  #isTaken(id: string, { pipeline, node, type }: NodeLabels): boolean {
    for (const [other, { labels }] of this.#entries)
      if (other !== id && labels.pipeline === pipeline && labels.node === node && labels.type === type) return true
    return false
  }
}
