import type { Node } from 'node-red'
import type { PipelineError } from '../../src/core/errors.ts'
import { DeadLetters, type Rejected } from './dead-letters.ts'
import { type FlowMessage, HANDLE } from './handle.ts'
import { rejectedMessage } from './messages.ts'
import type { Rowline } from './rowline.ts'

type Send = (messages: unknown) => void

/** Output 2 of a node, or its dead letters while output 2 is not wired. */
export class Rejections {
  readonly #node: Node & { wires?: readonly (readonly string[])[] }
  readonly #deadLetters: DeadLetters
  #count = 0

  constructor(node: Node, rowline: Rowline) {
    this.#node = node
    this.#deadLetters = new DeadLetters(rowline.pathOf('dead-letter', node), node.id, (message) => node.warn(message))
  }

  get count(): number {
    return this.#count
  }

  get deadLetters(): DeadLetters {
    return this.#deadLetters
  }

  /** Why dead letters cannot be stored at present: what they came with is not finished meanwhile. */
  get error(): PipelineError | undefined {
    return this.#deadLetters.error
  }

  get isWired(): boolean {
    return (this.#node.wires?.[1]?.length ?? 0) > 0
  }

  /**
   * Hands the records over with the delivery of the message they came in. `then` is called when they are sent or
   * stored: only then may the node be done with that message.
   */
  reject(rejected: readonly Rejected[], message: FlowMessage, send: Send, then: () => void): void {
    this.#count += rejected.length
    if (rejected.length === 0) then()
    else if (this.isWired) {
      send([null, rejected.map((each) => this.#message(each, message))])
      then()
    } else this.#deadLetters.store(rejected, (isStored) => isStored && then())
  }

  close(): Promise<void> {
    return this.#deadLetters.close()
  }

  #message({ record, error }: Rejected, from: FlowMessage): FlowMessage {
    const message = rejectedMessage(record, error, this.#node.id)
    if (from[HANDLE]) message[HANDLE] = from[HANDLE]
    return message
  }
}
