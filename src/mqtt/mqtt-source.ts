import { Batcher, type BatchLimits } from '../core/batcher.ts'
import { accepted, createDelivery, type Delivery, released } from '../core/delivery.ts'
import { PipelineError } from '../core/errors.ts'
import type { Qos, Record } from '../core/record.ts'
import type { Batch, Source } from '../core/source.ts'
import { createTopicMatcher } from '../core/topic-filter.ts'
import { type InConfig, type Subscription, sourceFields } from './config.ts'
import type { ConnectionStatus, Subscriber } from './connection.ts'
import type { InboundPublish } from './publish-decoder.ts'
import { createRouter, type Routing } from './router.ts'
import type { SourceLease } from './shared-lease.ts'

export interface SourceReceiver {
  /** A batch in arrival order. Its delivery must be settled. */
  batch(batch: Batch): void
  /** A record that is none of the flow's: no row with a route or target matches it, or it was too large to be taken. */
  refused(batch: Batch, error: PipelineError): void
  changed(): void
}

interface Arrived {
  readonly record: Record
  readonly delivery: Delivery
}

const MOST_FORMER = 1000

/** Takes the messages of one subscriptions table from a shared connection and makes batches of records of them. */
export class MqttSource implements Source, Subscriber {
  readonly window: Subscriber['window']
  readonly #config: InConfig
  readonly #lease: () => Promise<SourceLease>
  readonly #receiver: SourceReceiver
  readonly #seen: (topic: string) => void
  readonly #self: Partial<Record>
  /** Rows behind those of the table, by filter: subscribed by message, and given up again. */
  readonly #dynamic: Map<string, Subscription>
  /** What the broker had already queued for them still comes. */
  readonly #former = new Map<string, Subscription>()
  #filters: Subscriber['filters'] = []
  #route: (topic: string) => Routing | undefined = () => undefined
  #matchers: readonly ((topic: string) => boolean)[] = []
  readonly #batcher: Batcher<Arrived> | undefined
  readonly #onReceipt: boolean
  readonly #late: Delivery[] = []
  #paused = false
  #held: SourceLease | undefined
  #received = 0
  #skipped = 0

  /**
   * `node` is the name of this source, for targets that are to know where a record comes from. `dynamic` are rows that
   * were subscribed by message; `seen` hears of topics.
   */
  constructor(
    config: InConfig,
    lease: () => Promise<SourceLease>,
    receiver: SourceReceiver,
    node?: string,
    dynamic: readonly Subscription[] = [],
    seen: (topic: string) => void = () => {},
  ) {
    this.#config = config
    this.#seen = seen
    this.window = { records: config.windowRecords, bytes: config.windowBytes }
    this.#lease = lease
    this.#receiver = receiver
    this.#self = { ...(node === undefined ? {} : { node }), ...(config.tag === '' ? {} : { tag: config.tag }) }
    this.#dynamic = new Map(dynamic.map((row) => [row.filter, row]))
    this.#arrange()
    this.#onReceipt = config.acknowledge === 'onReceipt'
    if (config.output === 'batches') this.#batcher = new Batcher(batchLimits(config), () => this.#flush())
  }

  get filters(): Subscriber['filters'] {
    return this.#filters
  }

  /** What is subscribed besides the table, in the order in which it was. */
  get dynamic(): readonly Subscription[] {
    return [...this.#dynamic.values()]
  }

  /**
   * These rows and no others besides the table. Resolves when the broker has answered, at once where there is no
   * connection. Throws SUBSCRIPTION_REFUSED; the rows stay nevertheless, and are asked for again.
   */
  async change(dynamic: readonly Subscription[]): Promise<void> {
    const former = this.#filters.map(({ filter }) => filter)
    for (const row of this.#dynamic.values()) {
      this.#former.delete(row.filter)
      this.#former.set(row.filter, row)
    }
    this.#dynamic.clear()
    for (const row of dynamic) {
      this.#former.delete(row.filter)
      this.#dynamic.set(row.filter, row)
    }
    for (const filter of [...this.#former.keys()].slice(0, -MOST_FORMER)) this.#former.delete(filter)
    this.#arrange()
    await this.#held?.change(this, former)
  }

  /** For all nodes that read over this connection: see `MqttConnection`. */
  async connect(): Promise<void> {
    await this.#connection.connect()
  }

  async disconnect(): Promise<void> {
    await this.#connection.disconnect()
  }

  get #connection(): SourceLease {
    if (!this.#held) throw new PipelineError('CONTROL_INVALID', { problem: 'the node is just being started or closed' })
    return this.#held
  }

  #arrange(): void {
    const { subscriptions, retainAsPublished, retained, defaultRoute } = this.#config
    const options = { retainAsPublished, retainHandling: retainHandling[retained] }
    const rows = [...subscriptions, ...this.dynamic]
    this.#filters = rows.map(({ filter, qos }) => ({ filter, qos: Number(qos) as Qos, ...options }))
    this.#matchers = rows.map(({ filter }) => createTopicMatcher(filter))
    const present = createRouter(subscriptions, defaultRoute, this.#self, this.dynamic, this.#seen)
    const former = createRouter([], '', this.#self, [...this.#former.values()])
    this.#route = (topic) => present(topic) ?? former(topic)
  }

  async open(signal: AbortSignal): Promise<void> {
    const lease = await this.#lease()
    this.#held = lease
    if (signal.aborted) return
    lease.subscribe(this)
  }

  /** Hands over nothing more. What arrives until `close` is released then. */
  pause(): void {
    this.#paused = true
  }

  async close(): Promise<void> {
    const lease = this.#held
    this.#held = undefined
    this.pause()
    this.#batcher?.close()
    while (this.#batcher?.ready) this.#late.push(...this.#batcher.take().items.map(({ delivery }) => delivery))
    for (const delivery of this.#late.splice(0)) delivery.settle(released)
    await lease?.release()
  }

  get received(): number {
    return this.#received
  }

  /** Retained messages that were acknowledged and not handed over. */
  get skipped(): number {
    return this.#skipped
  }

  get status(): ConnectionStatus | undefined {
    return this.#held?.connection.statusFor(this.#filters)
  }

  matches(topic: string): boolean {
    return this.#matchers.some((matches) => matches(topic))
  }

  /** What the broker has sent, or kept for us, before it was unsubscribed. */
  matchedBefore(topic: string): boolean {
    return [...this.#former.keys()].some((filter) => createTopicMatcher(filter)(topic))
  }

  receive(publish: InboundPublish, delivery: Delivery): void {
    if (this.#paused) {
      this.#late.push(delivery)
      return
    }
    const { topic, payload, qos, packetId, retain, dup, properties, packetBytes } = publish
    if (retain && this.#isSkipped(publish)) {
      this.#skipped++
      delivery.settle(accepted)
      return
    }
    const routing = this.#route(topic)
    const arrived = {
      delivery,
      record: {
        topic,
        payload,
        qos,
        retain,
        dup,
        receivedAt: Date.now(),
        packetId,
        ...(properties ? { properties } : {}),
        ...routing?.place,
      },
    }
    this.#received++
    if (packetBytes !== undefined) this.#receiver.refused(this.#batch([arrived]), tooLarge(packetBytes))
    else if (routing?.unrouted) this.#receiver.refused(this.#batch([arrived]), new PipelineError('UNROUTED', { topic }))
    else if (this.#batcher) this.#batcher.add(arrived, payload.length + topic.length)
    else this.#emit([arrived])
  }

  /** Of a retained one. Where MQTT 5 says what the publisher asked for, the broker sends no stored ones. */
  #isSkipped({ isVersion5 }: InboundPublish): boolean {
    const { retained, retainAsPublished } = this.#config
    return retained === 'skip' && !(retainAsPublished && isVersion5)
  }

  changed(): void {
    this.#receiver.changed()
  }

  #flush(): void {
    while (this.#batcher?.ready) this.#emit(this.#batcher.take().items)
  }

  #emit(arrived: readonly Arrived[]): void {
    const batch = this.#batch(arrived)
    this.#receiver.batch(batch)
    if (this.#onReceipt) batch.delivery.settle(accepted)
  }

  #batch(arrived: readonly Arrived[]): Batch {
    let bytes = 0
    for (const { record } of arrived) bytes += (record.payload as Uint8Array).length + record.topic.length
    const delivery = createDelivery((outcome) => {
      for (const each of arrived) each.delivery.settle(outcome)
    })
    return { records: arrived.map(({ record }) => record), bytes, delivery }
  }
}

/** What MQTT 5 brokers are told; on 3.1.1 a new SUBSCRIBE brings them always (`Subscriptions`). */
const retainHandling = { take: 0, takeOnce: 1, skip: 2 } as const

const tooLarge = (bytes: number): PipelineError =>
  new PipelineError('PACKET_TOO_LARGE', { bytes, option: sourceFields.maxPacketSize.label })

/** What a decoder makes of a batch can be many times its size, and is all in memory at once. */
const mostBatchBytes = 8 << 20

/** No larger than the window: a batch that cannot become full would always wait for its linger. */
function batchLimits({ batchRecords, windowRecords, windowBytes, lingerMs }: InConfig): BatchLimits {
  return {
    batchRecords: Math.min(batchRecords, windowRecords),
    batchBytes: Math.min(windowBytes, mostBatchBytes),
    lingerMs,
  }
}
