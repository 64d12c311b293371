import type { Node } from 'node-red'
import type { ErrorCode, PipelineError } from '../../src/core/errors.ts'
import type { Tally } from '../../src/core/tally.ts'
import type { DeadLetters, Rejected } from './dead-letters.ts'
import { type FlowMessage, HANDLE } from './handle.ts'
import { originOf, rejectedMessage } from './messages.ts'
import type { Rowline } from './rowline.ts'

type Send = (messages: unknown) => void

/**
 * How long the branch of output 2 may take with a reading that comes from the outbox, whoever has it: it may lead back
 * to the same outbox, which is full and waits for this very reading.
 */
const SETTLE_TIMEOUT_MS = 60_000

/** Output 2 of a node, or its dead letters while output 2 is not wired. */
export class Rejections {
  readonly #node: Node & { wires?: readonly (readonly string[])[] }
  readonly #rowline: Rowline
  readonly #deadLetters: DeadLetters
  readonly #settleTimeoutMs: number
  readonly #tally: Tally
  readonly #lastAt = new Map<ErrorCode, number>()
  #count = 0

  constructor(node: Node, rowline: Rowline, settleTimeoutMs = SETTLE_TIMEOUT_MS) {
    this.#node = node
    this.#rowline = rowline
    this.#settleTimeoutMs = settleTimeoutMs
    this.#tally = rowline.tallyOf(node)
    this.#deadLetters = rowline.createDeadLetters(node)
  }

  get count(): number {
    return this.#count
  }

  /** Why dead letters cannot be stored at present: what they came with is not finished meanwhile. */
  get error(): PipelineError | undefined {
    return this.#deadLetters.error
  }

  /** Wall-clock ms at which each error code was last met, the newest last. */
  get last(): readonly { readonly code: ErrorCode; readonly at: number }[] {
    return [...this.#lastAt].map(([code, at]) => ({ code, at }))
  }

  get isWired(): boolean {
    return (this.#node.wires?.[1]?.length ?? 0) > 0
  }

  /**
   * Hands the records over with the delivery of the message they came in. `then` is called when they are sent or
   * stored: only then may the node be done with that message.
   */
  reject(rejected: readonly Rejected[], message: FlowMessage, send: Send, then: () => void): void {
    this.#note(rejected)
    if (rejected.length === 0) then()
    else if (this.isWired) {
      send([null, rejected.map((each) => this.#message(each, message))])
      then()
    } else this.#store(rejected, then)
  }

  /** The same for records whose message has long been done. `then` is called when the branch has finished with all. */
  rejectLate(rejected: readonly Rejected[], then: () => void): void {
    this.#note(rejected)
    if (!this.isWired) {
      this.#store(rejected, then)
      return
    }
    let open = rejected.length
    const one = () => {
      if (--open === 0) then()
    }
    for (const each of rejected) this.#follow(each, one)
  }

  /** Past output 2. Says whether all are stored, or the node was closed before. */
  store(rejected: readonly Rejected[], onSettled: (isStored: boolean) => void): void {
    this.#note(rejected)
    this.#deadLetters.store(rejected, onSettled)
  }

  close(): Promise<void> {
    return this.#deadLetters.close()
  }

  #note(rejected: readonly Rejected[]): void {
    this.#count += rejected.length
    for (const { record, error } of rejected) {
      this.#tally.rejected(record.route, error.reason)
      this.#lastAt.delete(error.code)
      this.#lastAt.set(error.code, Date.now())
    }
  }

  #store(rejected: readonly Rejected[], then: () => void): void {
    this.#deadLetters.store(rejected, (isStored) => {
      if (isStored) then()
    })
  }

  #follow(rejected: Rejected, then: () => void): void {
    const { tracker } = this.#rowline
    const message = this.#message(rejected)
    const handle = tracker.track(message, {
      origin: originOf(rejected.record),
      batch: false,
      timeoutMs: this.#settleTimeoutMs,
      onFinished: ({ status }) => {
        clearTimeout(deadline)
        if (status === 'accepted') then()
        else this.#store([rejected], then)
      },
    })
    const deadline = setTimeout(() => tracker.abandon(handle), this.#settleTimeoutMs).unref()
    this.#node.send([null, message] as Parameters<Node['send']>[0])
    tracker.sent(handle)
  }

  #message({ record, error }: Rejected, from?: FlowMessage): FlowMessage {
    const message = rejectedMessage(record, error, this.#node.id)
    if (from?.[HANDLE]) message[HANDLE] = from[HANDLE]
    return message
  }
}
