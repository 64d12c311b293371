import { abandoned, accepted, type FlowMessage, HANDLE, Handle, type Holder, SHARED, type Tracked } from './handle.ts'
import { watchSwitch } from './switch-queue.ts'

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
  /** By message id: live handles, and for the last finished ones `accepted` or `abandoned`. */
  readonly #byId = new Map<string, Handle>()
  readonly #finishedIds: string[] = []
  /** What each node has sent in this turn of the event loop. */
  readonly #sentNow = new Map<Holder, Set<Handle>>()
  readonly #switches = new WeakMap<Holder, (received: FlowMessage) => void>()
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
    this.#byId.clear()
    this.#expiries.clear()
  }

  /** Follows a message that is about to be sent, and gives it its id. Call `sent` after node.send. */
  track(message: FlowMessage, tracked: Tracked): Handle {
    const handle = new Handle(tracked)
    handle.waitingSinceMs = performance.now()
    message._msgid = handle.messageId
    message[HANDLE] = handle
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

  get #live(): Handle[] {
    return [...this.#byId.values()].filter(({ finished }) => !finished)
  }

  /** After a redeploy: a message at a node that is no longer there will not come back from it. */
  releaseLost(): void {
    this.#expiries.clear()
    for (const handle of this.#live)
      if (handle.undelivered.length > 0 || handle.holders.some((holder) => !this.#isCurrent(holder)))
        this.abandon(handle)
  }

  /** Ends a delivery that nobody waits for any longer. */
  abandon(handle: Handle): void {
    if (!handle.finished) this.#finish(handle, { status: 'released' })
  }

  /** Whether one of our nodes has the message and will be done with it, sooner or later. */
  isBeingFinished({ holders }: Handle): boolean {
    return holders.some(({ type, stuck }) => this.#events.isRowline(type) && !stuck)
  }

  /** Whether one of our nodes has the message. It does not let go of it before it is safe, however long that takes. */
  #isHeldByRowline({ holders }: Handle): boolean {
    return holders.some(({ type }) => this.#events.isRowline(type))
  }

  #onSend(events: readonly SendEvent[]): void {
    for (const event of events) {
      const handle = this.find(event.msg)
      if (!handle) continue
      if (!handle.finished) handle.undelivered.push(event.destination.id)
      else if (!handle.abandoned) this.#events.lateSend(event.source.node)
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

  #preDeliver({ msg, source, destination }: SendEvent): void {
    const handle = this.find(msg)
    if (!handle || handle.finished || !destination.node) return
    handle.hold(destination.node, msg)
    remove(handle.undelivered, destination.id)
    msg[HANDLE] ??= handle
    if (!this.#events.isRowline(source.node.type)) this.#noteSend(source.node, handle)
  }

  /** Kept until what the node does in this turn of the event loop has been looked at. */
  #noteSend(node: Holder, handle: Handle): void {
    if (this.#sentNow.size === 0) queueMicrotask(() => queueMicrotask(() => this.#sentNow.clear()))
    const sent = this.#sentNow.get(node)
    if (sent) sent.add(handle)
    else this.#sentNow.set(node, new Set([handle]))
  }

  /**
   * A node that is done with one message in the turn in which it sends another has put the one into the other: `join`
   * and its like. The reading is not done before that other message is.
   */
  #follow(handle: Handle, node: Holder): void {
    const sent = this.#sentNow.get(node)
    if (!sent || sent.has(handle)) return
    for (const other of sent) {
      if (other.finished || other.followers?.has(handle) || handle.followers?.has(other)) continue
      other.followers ??= new Set()
      other.followers.add(handle)
      handle.follows++
    }
  }

  /** Catch and Complete nodes are handed messages without a delivery: those count from here. */
  #onReceive({ msg, destination: { node } }: ReceiveEvent): void {
    if (node.type === 'switch') this.#switchQueue(node)(msg)
    const handle = this.find(msg)
    if (!handle || handle.finished) return
    if (!handle.isHeld(node, msg)) handle.hold(node, msg)
    if (node.type === 'catch') handle.caught(msg)
  }

  #switchQueue(node: Holder): (received: FlowMessage) => void {
    const known = this.#switches.get(node)
    if (known) return known
    const receive = watchSwitch(node, (msg, error) => this.#onComplete({ msg, node: { id: node.id, node }, error }))
    this.#switches.set(node, receive)
    return receive
  }

  #onComplete({ msg, node: { node }, error }: CompleteEvent): void {
    const handle = this.find(msg)
    if (!handle) return
    this.#expiries.delete(node.id)
    if (handle.finished) {
      if (handle.abandoned) this.late++
      return
    }
    if (error) handle.failures.push({ error, node })
    if (!this.#events.isRowline(node.type)) {
      if (this.redeploying) handle.doubtful = true
      this.#follow(handle, node)
    }
    this.#complete(handle, node, msg)
  }

  /** Nodes of the old style (`filter`, subflow instances) never say that they are done: they are at once. */
  #postReceive({ msg, destination: { node } }: ReceiveEvent): void {
    if (node._expectedDoneCount !== 0 || node.type === 'switch') return
    const handle = this.find(msg)
    if (!handle || handle.finished) return
    if (this.redeploying || !this.#isCurrent(node)) handle.doubtful = true
    this.#complete(handle, node, msg)
  }

  /** Whether the node is the one that has its id now: one that was replaced throws away what still reaches it. */
  #isCurrent(node: Holder): boolean {
    return this.#events.currentNode(node.id) === node
  }

  #complete(handle: Handle, node: Holder, message: FlowMessage): void {
    handle.letGo(node, message)
    if (this.#events.isRowline(node.type)) handle.waitingSinceMs = performance.now()
    this.#check(handle)
  }

  /** In a microtask, because Node-RED reports a failure as completed before it hands the message to a Catch node. */
  #check(handle: Handle): void {
    if (!isIdle(handle) || !handle.sent || handle.checking) return
    handle.checking = true
    queueMicrotask(() => {
      handle.checking = false
      if (!isIdle(handle) || this.#isUnderWay(handle)) return
      if (handle.doubtful) this.abandon(handle)
      else {
        const [failure] = handle.failures
        this.#finish(handle, failure ? { status: 'failed', ...failure } : { status: 'accepted' })
      }
    })
  }

  /**
   * Copies that were sent and not delivered. To a node that does not exist, they are nobody's; while nodes are being
   * replaced, Node-RED has dropped them without a word; else another plugin's hook has them and delivers them later.
   */
  #isUnderWay(handle: Handle): boolean {
    if (handle.undelivered.length === 0) return false
    if (this.redeploying) handle.doubtful = true
    else if (handle.undelivered.some((id) => this.#events.currentNode(id))) return true
    return false
  }

  #finish(handle: Handle, result: Parameters<Handle['onFinished']>[0]): void {
    handle.finished = true
    handle.abandoned = result.status === 'abandoned' || result.status === 'released'
    this.#byId.set(handle.messageId, handle.abandoned ? abandoned : accepted)
    const forgotten = this.#finishedIds[this.#finishedNext]
    if (forgotten !== undefined) this.#byId.delete(forgotten)
    this.#finishedIds[this.#finishedNext] = handle.messageId
    this.#finishedNext = (this.#finishedNext + 1) % FINISHED_KEPT
    handle.onFinished(result)
    for (const follower of handle.followers ?? []) {
      follower.follows--
      if (result.status === 'accepted') this.#check(follower)
      else if (!follower.finished) this.#finish(follower, result)
    }
  }

  #sweep(): void {
    const now = performance.now()
    for (const handle of this.#live) if (this.#isHeldByRowline(handle)) refresh(handle, now)
    for (const handle of this.#live) if (now - handle.waitingSinceMs > this.#timeoutMs(handle)) this.#expire(handle)
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

function isIdle({ holders, follows, finished }: Handle): boolean {
  return holders.length === 0 && follows === 0 && !finished
}

/** One of our nodes has it, and with it the readings that were put into it. */
function refresh(handle: Handle, now: number): void {
  if (handle.waitingSinceMs === now) return
  handle.waitingSinceMs = now
  for (const follower of handle.followers ?? []) refresh(follower, now)
}

/** The order of the rest does not matter. */
function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item)
  if (at < 0) return
  list[at] = list[list.length - 1]!
  list.pop()
}
