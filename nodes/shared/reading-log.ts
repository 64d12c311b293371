import type { Node } from 'node-red'
import type { Record } from '../../src/core/record.ts'

/** Longest topic or route in a line. */
const LONGEST = 200

/**
 * One line for each reading with what has become of it, at `debug`. They are of the level that Node-RED shows unless its
 * settings.js says otherwise. Control characters of topics are escaped: a topic makes no lines of its own.
 */
export class ReadingLog {
  readonly #node: Pick<Node, 'log'>
  readonly isOn: boolean

  constructor(node: Pick<Node, 'log'>, level: 'info' | 'debug') {
    this.#node = node
    this.isOn = level === 'debug'
  }

  /** `outcomeOf` gets the place of the reading in the list. */
  note(records: readonly Pick<Record, 'topic' | 'route'>[], outcomeOf: (index: number) => string): void {
    if (!this.isOn) return
    for (const [index, { topic, route }] of records.entries())
      this.#node.log(`reading ${quoted(topic)} route ${quoted(route ?? '')}: ${outcomeOf(index)}`)
  }
}

const quoted = (text: string) => JSON.stringify(text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`)
