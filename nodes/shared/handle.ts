import { randomBytes } from 'node:crypto'

/** Where a reading came from: what must survive whatever the flow does to the visible message. */
export class Origin {
  /** The payload as it arrived. */
  readonly bytes: Uint8Array
  /** The topic filter that it was subscribed with. */
  readonly filter: string | undefined
  /** The name of the source node that took it. */
  readonly node: string | undefined
  constructor(bytes: Uint8Array, filter: string | undefined, node: string | undefined) {
    this.bytes = bytes
    this.filter = filter
    this.node = node
  }

  get [Symbol.toStringTag](): string {
    return KEPT_BY_REFERENCE
  }
}

/** A node that has a message now. Node-RED's own object, so that a redeployed node is a different one. */
export interface Holder {
  readonly id: string
  readonly type: string
  readonly name?: string
  readonly _expectedDoneCount?: number
  /** One of ours that will never be done with what it still holds: it is red, or it has been closed. */
  readonly stuck?: boolean
}

export type FlowResult =
  | { readonly status: 'accepted' }
  | { readonly status: 'failed'; readonly error: unknown; readonly node: Holder | undefined }
  | { readonly status: 'abandoned'; readonly node: Holder | undefined; readonly timeoutMs: number }
  | { readonly status: 'released' }

/** What a source says of a message that is to be followed. */
export interface Tracked {
  readonly origin: Origin | undefined
  readonly batch: boolean
  readonly timeoutMs: number
  readonly onFinished: (result: FlowResult) => void
}

const idPrefix = randomBytes(4).toString('hex')
let ids = 0

/** In the form of Node-RED's own generateId, which costs ten times as much. */
const nextMessageId = (): string => idPrefix + (ids++).toString(16).padStart(8, '0')

/**
 * The flow's side of one delivery. It rides on every message that descends from the source's, under a symbol: Function
 * nodes, debug and JSON do not see it, `{...msg}` keeps it, and a clone refers to the same one.
 */
export class Handle {
  readonly messageId = nextMessageId()
  /** Of a message that holds one reading. Those of a batch are on its items. */
  readonly origin: Origin | undefined
  readonly batch: boolean
  readonly onFinished: (result: FlowResult) => void
  readonly timeoutMs: number
  /** Nodes that have the message or are about to get it, once per copy. */
  readonly holders: Holder[] = []
  /** The copies that `holders` have, at the same places. */
  readonly #copies: FlowMessage[] = []
  /** Ids of nodes that copies were sent to and not delivered yet. */
  readonly undelivered: string[] = []
  /** Messages that this one's reading has become a part of, and messages whose readings are a part of this one. */
  follows = 0
  followers: Set<Handle> | undefined
  /** A node said that it was done while nodes were being replaced: a closing node says so of what it throws away. */
  doubtful = false
  sent = false
  checking = false
  finished = false
  abandoned = false
  /** What nodes have failed with and no Catch node has taken. */
  readonly failures: { readonly error: unknown; readonly node: Holder }[] = []
  /** Monotonic ms since when no Rowline node has held it. */
  waitingSinceMs = 0

  constructor({ origin, batch, timeoutMs, onFinished }: Tracked) {
    this.origin = origin
    this.batch = batch
    this.timeoutMs = timeoutMs
    this.onFinished = onFinished
  }

  hold(node: Holder, message: FlowMessage): void {
    this.holders.push(node)
    this.#copies.push(message)
  }

  isHeld(node: Holder, message: FlowMessage): boolean {
    return this.#find(node, message) >= 0
  }

  /** Once per copy, however often the node says that it is done with it. */
  letGo(node: Holder, message: FlowMessage): void {
    const at = this.#find(node, message)
    if (at < 0) return
    this.holders[at] = this.holders.at(-1)!
    this.#copies[at] = this.#copies.at(-1)!
    this.holders.pop()
    this.#copies.pop()
  }

  /** A Catch node has the failures of one node; what others have failed with is not in good hands by that. */
  caught({ error }: FlowMessage): void {
    const id = (error as { readonly source?: { readonly id?: unknown } } | undefined)?.source?.id
    const left = this.failures.filter(({ node }) => node.id !== id)
    this.failures.splice(0, Infinity, ...left)
  }

  #find(node: Holder, message: FlowMessage): number {
    return this.holders.findIndex((holder, i) => holder === node && this.#copies[i] === message)
  }

  get [Symbol.toStringTag](): string {
    return KEPT_BY_REFERENCE
  }
}

/** In the place of handles that have finished, so that these and their readings can be forgotten. */
export const accepted = finishedHandle(false)
export const abandoned = finishedHandle(true)

function finishedHandle(isAbandoned: boolean): Handle {
  const handle = new Handle({ origin: undefined, batch: false, timeoutMs: 0, onFinished: () => {} })
  handle.finished = true
  handle.abandoned = isAbandoned
  return handle
}

/** lodash.clonedeep, which Node-RED clones messages with, copies most instances but passes WeakMaps on as they are. */
const KEPT_BY_REFERENCE = 'WeakMap'

export const HANDLE = Symbol('rowline.handle')
export const ORIGIN = Symbol('rowline.origin')
/** Marks a message whose payload another Rowline node has too: a copy must be made before anybody else may write to it. */
export const SHARED = Symbol('rowline.shared')

/** A message as it travels in the flow. */
export interface FlowMessage {
  _msgid?: string
  topic?: unknown
  payload?: unknown
  [HANDLE]?: Handle
  [ORIGIN]?: Origin
  [SHARED]?: boolean
  [property: string]: unknown
}
