import { type FlowMessage, HANDLE, Handle, type Holder, type Origin, SHARED } from './handle.ts'

/** The part of Node-RED's messaging hooks (RED.hooks) that is used here. */
export interface Hooks {
  add(name: string, handler: (event: never) => void): void
  remove(name: string): void
}

interface SendEvent {
  msg: FlowMessage
  cloneMessage: boolean
  readonly source: { readonly id: string; readonly node: Holder }
  readonly destination: { readonly id: string; readonly node?: Holder & { readonly type: string } }
}

interface ReceiveEvent {
  readonly msg: FlowMessage
  readonly destination: { readonly id: string; readonly node: Holder }
}

interface CompleteEvent {
  readonly msg: FlowMessage
  readonly node: { readonly id: string; readonly node: Holder }
  readonly error?: unknown
}

export interface TrackerEvents {
  /** A node sent a message on after the flow had finished with it: its readings were acknowledged too early. */
  lateSend(node: Holder): void
  /** What a node does with messages has a name: is this type one of ours? */
  isRowline(type: string): boolean
  /** The node that has this id now. */
  currentNode(id: string): Holder | undefined
}

export interface Tracked {
  readonly origin: Origin | undefined
  readonly batch: boolean
  readonly timeoutMs: number
  readonly onFinished: Handle['onFinished']
}

const FINISHED_KEPT = 8192
const SWEEP_MS = 250
const REDUCE_AFTER = 3
const REDUCED_TIMEOUT_MS = 2000

/**
 * Knows when a flow has finished with a message: every copy of it that was delivered to a node has been completed.
 * It stands on Node-RED's public messaging hooks, and is told apart by a handle on the message or, where a node made a
 * new message, by the message id that Node-RED carries over.
 */
export class FlowTracker {
  readonly #hooks: Hooks
  readonly #events: TrackerEvents
  readonly #live = new Set<Handle>()
  /** Live handles and the last finished ones, by message id. */
  readonly #byId = new Map<string, Handle>()
  readonly #finishedIds: string[] = []
  #finishedNext = 0
  /** Node id -> how often in a row messages were abandoned there. */
  readonly #expiries = new Map<string, number>()
  #users = 0
  #sweeper: NodeJS.Timeout | undefined
  /** From the moment Node-RED begins to stop nodes until all of them run again. */
  redeploying = false
  /** Messages that were completed after they had been given up. */
  late = 0

  constructor(hooks: Hooks, events: TrackerEvents) {
    this.#hooks = hooks
    this.#events = events
  }

  /** The hooks cost every message of every flow a little: they are there only while a source needs them. */
  acquire(): void {
    if (this.#users++ > 0) return
    const add = <E>(name: string, handler: (event: E) => void) =>
      this.#hooks.add(`${name}.rowline`, handler as (event: never) => void)
    add<SendEvent[]>('onSend', (events) => this.#onSend(events))
    add<SendEvent>('preDeliver', (event) => this.#preDeliver(event))
    add<ReceiveEvent>('onReceive', (event) => this.#onReceive(event))
    add<CompleteEvent>('onComplete', (event) => this.#onComplete(event))
    add<ReceiveEvent>('postReceive', (event) => this.#postReceive(event))
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS)
    this.#sweeper.unref()
  }

  release(): void {
    if (--this.#users > 0) return
    this.#hooks.remove('*.rowline')
    clearInterval(this.#sweeper)
    this.#live.clear()
    this.#byId.clear()
  }

  /** Follows a message that is about to be sent; `message._msgid` must be set. Call `sent` after node.send. */
  track(message: FlowMessage & { _msgid: string }, tracked: Tracked): Handle {
    const handle = new Handle({ ...tracked, messageId: message._msgid })
    handle.waitingSinceMs = performance.now()
    message[HANDLE] = handle
    this.#live.add(handle)
    this.#byId.set(handle.messageId, handle)
    return handle
  }

  /** The source has sent the message to everybody it is wired to, which may be nobody. */
  sent(handle: Handle): void {
    handle.sent = true
    this.#check(handle)
  }

  find(message: FlowMessage): Handle | undefined {
    if (message === null || typeof message !== 'object') return undefined
    return message[HANDLE] ?? (message._msgid === undefined ? undefined : this.#byId.get(message._msgid))
  }

  /** After a redeploy: a message at a node that is no longer there will not come back from it. */
  releaseLost(): void {
    for (const handle of [...this.#live])
      if (handle.holders.some((holder) => this.#events.currentNode(holder.id) !== holder)) this.abandon(handle)
  }

  /** Ends a delivery that nobody waits for any longer. */
  abandon(handle: Handle): void {
    if (!handle.finished) this.#finish(handle, { status: 'released' })
  }

  /** Whether one of our nodes has the message: it will be done with it, sooner or later. */
  isHeldByRowline({ holders }: Handle): boolean {
    return holders.some(({ type }) => this.#events.isRowline(type))
  }

  #onSend(events: readonly SendEvent[]): void {
    for (const event of events) {
      const handle = this.find(event.msg)
      if (!handle) continue
      if (handle.finished && !handle.abandoned) this.#events.lateSend(event.source.node)
      if (this.redeploying) handle.undelivered++
    }
    if (events.length > 1 || events[0]?.msg?.[SHARED]) this.#shareBatches(events)
  }

  /**
   * Node-RED clones a message for every destination after the first, which for a batch costs more than the rest of its
   * way. Rowline nodes never write below msg: each gets a shallow copy, and everybody else a clone of their own.
   */
  #shareBatches(events: readonly SendEvent[]): void {
    const copies = new Map<FlowMessage, number>()
    for (const { msg } of events) copies.set(msg, (copies.get(msg) ?? 0) + 1)
    for (const event of events) {
      const message = event.msg
      const shared = copies.get(message)! > 1 || message[SHARED] === true
      if (!shared || !message[HANDLE]?.batch) continue
      const type = event.destination.node?.type ?? this.#events.currentNode(event.destination.id)?.type
      if (type !== undefined && this.#events.isRowline(type)) {
        event.msg = { ...message, [SHARED]: true }
        event.cloneMessage = false
      } else event.cloneMessage = true
    }
  }

  #preDeliver({ msg, destination }: SendEvent): void {
    const handle = this.find(msg)
    if (!handle || handle.finished || !destination.node) return
    handle.holders.push(destination.node)
    handle.expected.push(destination.node)
    if (handle.undelivered > 0) handle.undelivered--
    msg[HANDLE] ??= handle
  }

  /** Catch and Complete nodes are handed messages without a delivery: those count from here. */
  #onReceive({ msg, destination: { node } }: ReceiveEvent): void {
    const handle = this.find(msg)
    if (!handle || handle.finished) return
    if (!remove(handle.expected, node)) handle.holders.push(node)
    if (node.type === 'catch') handle.failure = undefined
  }

  #onComplete({ msg, node: { node }, error }: CompleteEvent): void {
    const handle = this.find(msg)
    if (!handle) return
    this.#expiries.delete(node.id)
    if (handle.finished) {
      if (handle.abandoned) this.late++
      return
    }
    if (error) handle.failure = { error, node }
    this.#complete(handle, node)
  }

  /** Nodes of the old style (`switch`, `filter`, subflow instances) never say that they are done: they are at once. */
  #postReceive({ msg, destination: { node } }: ReceiveEvent): void {
    if (node._expectedDoneCount !== 0) return
    const handle = this.find(msg)
    if (handle && !handle.finished) this.#complete(handle, node)
  }

  #complete(handle: Handle, node: Holder): void {
    remove(handle.holders, node)
    if (this.#events.isRowline(node.type)) handle.waitingSinceMs = performance.now()
    this.#check(handle)
  }

  /** In a microtask, because Node-RED reports a failure as completed before it hands the message to a Catch node. */
  #check(handle: Handle): void {
    if (handle.holders.length > 0 || !handle.sent || handle.checking || handle.finished) return
    handle.checking = true
    queueMicrotask(() => {
      handle.checking = false
      if (handle.holders.length > 0 || handle.finished) return
      if (handle.undelivered > 0) this.abandon(handle)
      else this.#finish(handle, handle.failure ? { status: 'failed', ...handle.failure } : { status: 'accepted' })
    })
  }

  #finish(handle: Handle, result: Parameters<Handle['onFinished']>[0]): void {
    handle.finished = true
    handle.abandoned = result.status === 'abandoned' || result.status === 'released'
    this.#live.delete(handle)
    const forgotten = this.#finishedIds[this.#finishedNext]
    if (forgotten !== undefined) this.#byId.delete(forgotten)
    this.#finishedIds[this.#finishedNext] = handle.messageId
    this.#finishedNext = (this.#finishedNext + 1) % FINISHED_KEPT
    handle.onFinished(result)
  }

  #sweep(): void {
    const now = performance.now()
    for (const handle of [...this.#live]) {
      if (this.isHeldByRowline(handle)) handle.waitingSinceMs = now
      else if (now - handle.waitingSinceMs > this.#timeoutMs(handle)) this.#expire(handle)
    }
  }

  /** A node that hangs on every message would hold the pipeline: after three in a row it gets two seconds. */
  #timeoutMs({ holders, timeoutMs }: Handle): number {
    const hangs = holders.length > 0 && holders.every(({ id }) => (this.#expiries.get(id) ?? 0) >= REDUCE_AFTER)
    return hangs ? Math.min(timeoutMs, REDUCED_TIMEOUT_MS) : timeoutMs
  }

  #expire(handle: Handle): void {
    const timeoutMs = this.#timeoutMs(handle)
    for (const { id } of handle.holders) this.#expiries.set(id, (this.#expiries.get(id) ?? 0) + 1)
    this.#finish(handle, { status: 'abandoned', node: handle.holders.at(-1), timeoutMs })
  }
}

function remove(list: Holder[], holder: Holder): boolean {
  const at = list.indexOf(holder)
  if (at < 0) return false
  list[at] = list[list.length - 1]!
  list.pop()
  return true
}
