import type { NodeStatus } from 'node-red'
import { accepted, type Outcome, released } from '../../src/core/delivery.ts'
import { messageOf, PipelineError } from '../../src/core/errors.ts'
import type { Batch } from '../../src/core/source.ts'
import type { Tally } from '../../src/core/tally.ts'
import { sharedFilter } from '../../src/core/topic-filter.ts'
import type { InConfig } from '../../src/mqtt/config.ts'
import type { MqttSource, SourceReceiver } from '../../src/mqtt/mqtt-source.ts'
import type { FlowMessage, FlowResult, Handle, Holder } from './handle.ts'
import { batchMessage, originOf, readingMessage, rejectedMessage } from './messages.ts'
import { ReadingLog } from './reading-log.ts'
import { onClose, type RowlineNode } from './register-node.ts'
import { Rejections } from './rejections.ts'
import type { Rowline } from './rowline.ts'
import { nodeSnapshot, type SourceSnapshot } from './snapshot.ts'
import { count, FailureLog, failing, StatusLine } from './status.ts'

/** How long a closing node waits for sinks that are still writing, and for anybody else. */
const DRAIN_MS = 9000
const DRAIN_OTHERS_MS = 500
const DRAIN_STEP_MS = 25

/** Where a source's batches enter the flow: each is sent, followed, and settled when the flow has finished with it. */
export class FlowEntry implements SourceReceiver {
  readonly #node: RowlineNode
  readonly #config: InConfig
  readonly #rowline: Rowline
  readonly #rejections: Rejections
  readonly #tally: Tally
  readonly #log: ReadingLog
  readonly #open = new Set<Handle>()
  /** In the order of their arrival. */
  readonly #unsettled = new Set<Batch>()
  readonly #abort = new AbortController()
  /** What arrived while nodes were being replaced. */
  #parked: { readonly batch: Batch; readonly send: () => void }[] = []
  #status: StatusLine | undefined
  /** The node that let so many readings expire that the tracker has shortened its time. */
  #hanging: Holder | undefined

  constructor(node: RowlineNode, config: InConfig, rowline: Rowline) {
    this.#node = node
    this.#config = config
    this.#rowline = rowline
    this.#rejections = new Rejections(node, rowline)
    this.#tally = rowline.tallyOf(node)
    this.#log = new ReadingLog(node, config.logLevel)
  }

  /** Opens the source when all nodes are there, and closes it with the node. `onRemoved` comes last, if nobody replaces it. */
  start(source: MqttSource, onRemoved: () => void): void {
    const { tracker } = this.#rowline
    const failures = new FailureLog(this.#node)
    tracker.acquire()
    let opening: Promise<void> | undefined
    const stop = this.#rowline.onRunning(() => {
      for (const { send } of this.#parked.splice(0)) send()
      opening ??= source.open(this.#abort.signal)
    })
    const snapshot = (): SourceSnapshot => ({
      ...nodeSnapshot(this.#node, this.#rejections),
      kind: 'source',
      connection: source.status,
      received: source.received,
      skipped: source.skipped,
      oldestUnconfirmedAt: this.#oldestUnsettledAt(),
      filters: source.filters.map(({ filter }) => sharedFilter(filter)),
    })
    const unwatch = this.#rowline.watch(snapshot)
    this.#status = new StatusLine(this.#node, (rate) => {
      const now = snapshot()
      failures.note(now.connection?.error ?? now.rejections.error ?? now.connection?.lowered, 'Working again')
      return describe(now, rate(now.received), this.#hanging)
    })
    onClose(this.#node, async (removed) => {
      stop()
      unwatch()
      try {
        await this.#close(source, opening)
        if (removed) onRemoved()
      } finally {
        tracker.release()
      }
    })
  }

  batch(batch: Batch): void {
    this.#received(batch)
    this.#whenRunning(batch, () => this.#send(batch, this.#message(batch), 0, 'acknowledged'))
  }

  refused(batch: Batch, error: PipelineError): void {
    this.#received(batch)
    const record = batch.records[0]!
    if (this.#rejections.isWired)
      this.#whenRunning(batch, () =>
        this.#send(batch, rejectedMessage(record, error, this.#node.id), 1, rejected(error)),
      )
    else this.#store(batch, error)
  }

  changed(): void {
    this.#status?.refresh()
  }

  #received(batch: Batch): void {
    this.#unsettled.add(batch)
    for (const { route } of batch.records) this.#tally.received(route)
  }

  /** `words`: the outcome for the log. */
  #settle(batch: Batch, outcome: Outcome, words: string): void {
    this.#unsettled.delete(batch)
    batch.delivery.settle(outcome)
    this.#log.note(batch.records, () => words)
  }

  #oldestUnsettledAt(): number | undefined {
    const [oldest] = this.#unsettled
    return oldest?.records[0]?.receivedAt
  }

  #whenRunning(batch: Batch, send: () => void): void {
    if (this.#rowline.running) send()
    else this.#parked.push({ batch, send })
  }

  #message({ records }: Batch): FlowMessage {
    return this.#config.output === 'batches' ? batchMessage(records) : readingMessage(records[0]!)
  }

  /** `outcome`: what has become of the readings when the flow has finished with them. */
  #send(batch: Batch, message: FlowMessage, output: 0 | 1, outcome: string): void {
    const ports = (output === 0 ? message : [null, message]) as Parameters<RowlineNode['send']>[0]
    if (this.#config.acknowledge === 'onReceipt') {
      this.#node.send(ports)
      this.#settle(batch, accepted, outcome)
      return
    }
    const { tracker } = this.#rowline
    const isBatch = output === 0 && this.#config.output === 'batches'
    const handle = tracker.track(message, {
      origin: isBatch ? undefined : originOf(batch.records[0]!),
      batch: isBatch,
      timeoutMs: this.#config.settleTimeoutMs,
      onFinished: (result) => {
        this.#open.delete(handle)
        this.#finish(batch, result, outcome)
      },
    })
    this.#open.add(handle)
    this.#node.send(ports)
    tracker.sent(handle)
  }

  #finish(batch: Batch, result: FlowResult, outcome: string): void {
    if (result.status === 'accepted') this.#hanging = undefined
    else if (result.status === 'abandoned' && result.timeoutMs < this.#config.settleTimeoutMs)
      this.#hanging = result.node
    if (result.status === 'accepted') this.#settle(batch, accepted, outcome)
    else if (result.status === 'released' || this.#config.onFailure === 'redeliver')
      this.#settle(batch, released, givenBack)
    else this.#store(batch, failure(result))
  }

  /** Stores the readings as dead letters; only then are they acknowledged. A node that closes before gives them back. */
  #store(batch: Batch, error: PipelineError): void {
    const readings = batch.records.map((record) => ({ record, error }))
    this.#rejections.store(readings, (isStored) => {
      if (isStored) this.#settle(batch, { status: 'rejected', error }, `${rejected(error)}, a dead letter`)
      else this.#settle(batch, released, givenBack)
    })
  }

  async #close(source: MqttSource, opening: Promise<void> | undefined): Promise<void> {
    this.#abort.abort()
    this.#status?.close()
    await opening
    source.pause()
    await this.#drain()
    for (const handle of [...this.#open]) this.#rowline.tracker.abandon(handle)
    for (const { batch } of this.#parked.splice(0)) this.#settle(batch, released, givenBack)
    await source.close()
    await this.#rejections.close()
  }

  /** Lets what is in the flow come to its end, so that less of it has to be sent again. */
  async #drain(): Promise<void> {
    const { tracker } = this.#rowline
    const startMs = performance.now()
    for (;;) {
      const waitedMs = performance.now() - startMs
      const held = [...this.#open].some((handle) => tracker.isBeingFinished(handle))
      if (this.#open.size === 0 || waitedMs > (held ? DRAIN_MS : DRAIN_OTHERS_MS)) return
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS))
    }
  }
}

const givenBack = 'given back to the broker'

const rejected = ({ code }: PipelineError) => `rejected (${code})`

function failure(result: Extract<FlowResult, { status: 'failed' | 'abandoned' }>): PipelineError {
  const node = result.node ? `the ${nameOf(result.node)}` : 'no node'
  return result.status === 'failed'
    ? new PipelineError('FLOW_FAILED', { node, problem: messageOf(result.error) }, result.error)
    : new PipelineError('DELIVERY_ABANDONED', { node, timeout: result.timeoutMs })
}

const nameOf = ({ type, name, id }: Holder) => `${type} node "${name || id}"`

function describe(
  { connection, rejections }: SourceSnapshot,
  ratePerSecond: number,
  hanging: Holder | undefined,
): NodeStatus {
  if (!connection) return { fill: 'grey', shape: 'ring', text: 'starting' }
  const { phase, windowLimited, unacknowledged } = connection
  const error = connection.error ?? rejections.error
  if (error) return failing(error)
  if (phase === 'stopped') return { fill: 'grey', shape: 'ring', text: 'disconnected by message' }
  if (phase !== 'connected') return { fill: 'yellow', shape: 'ring', text: 'connecting' }
  const open = unacknowledged > 0 ? ` · ${count(unacknowledged)} open` : ''
  const stored = rejections.count > 0 ? ` · ${count(rejections.count)} rejected` : ''
  if (hanging) return { fill: 'yellow', shape: 'dot', text: `${nameOf(hanging)} does not finish${open}${stored}` }
  if (connection.lowered) return { ...failing(connection.lowered), fill: 'yellow', shape: 'dot' }
  if (windowLimited) return { fill: 'yellow', shape: 'dot', text: `window-limited${open}${stored}` }
  return { fill: 'green', shape: 'dot', text: `${count(ratePerSecond)}/s${open}${stored}` }
}
