import { Batcher, type BatchLimits } from '../core/batcher.ts'
import { accepted, createDelivery, type Delivery, released } from '../core/delivery.ts'
import type { Record } from '../core/record.ts'
import type { Batch, Source } from '../core/source.ts'
import { createTopicMatcher } from '../core/topic-filter.ts'
import type { InConfig } from './config.ts'
import type { ConnectionStatus, Subscriber } from './connection.ts'
import type { Lease } from './connection-pool.ts'
import type { InboundPublish } from './publish-decoder.ts'
import { createRouter, type Routing } from './router.ts'

export interface SourceReceiver {
  /** A batch in arrival order. Its delivery must be settled. */
  batch(batch: Batch): void
  /** A record whose topic no row with a route or target matches. Its delivery must be settled. */
  unrouted(batch: Batch): void
  changed(): void
}

interface Arrived {
  readonly record: Record
  readonly delivery: Delivery
}

/** Takes the messages of one subscriptions table from a shared connection and makes batches of records of them. */
export class MqttSource implements Source, Subscriber {
  readonly filters: Subscriber['filters']
  readonly window: Subscriber['window']
  readonly #lease: () => Promise<Lease>
  readonly #receiver: SourceReceiver
  readonly #route: (topic: string) => Routing | undefined
  readonly #matchers: readonly ((topic: string) => boolean)[]
  readonly #batcher: Batcher<Arrived> | undefined
  readonly #onReceipt: boolean
  readonly #late: Delivery[] = []
  #paused = false
  #held: Lease | undefined
  #received = 0

  /** `node` is the name of this source, for targets that are to know where a record comes from. */
  constructor(config: InConfig, lease: () => Promise<Lease>, receiver: SourceReceiver, node?: string) {
    this.filters = config.subscriptions.map(({ filter, qos }) => ({ filter, qos: Number(qos) as 0 | 1 | 2 }))
    this.window = { records: config.windowRecords, bytes: config.windowBytes }
    this.#lease = lease
    this.#receiver = receiver
    const self = { ...(node === undefined ? {} : { node }), ...(config.tag === '' ? {} : { tag: config.tag }) }
    this.#route = createRouter(config.subscriptions, config.defaultRoute, self)
    this.#matchers = config.subscriptions.map(({ filter }) => createTopicMatcher(filter))
    this.#onReceipt = config.acknowledge === 'onReceipt'
    if (config.output === 'batches') this.#batcher = new Batcher(batchLimits(config), () => this.#flush())
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

  get status(): ConnectionStatus | undefined {
    return this.#held?.connection.status
  }

  matches(topic: string): boolean {
    return this.#matchers.some((matches) => matches(topic))
  }

  receive(publish: InboundPublish, delivery: Delivery): void {
    if (this.#paused) {
      this.#late.push(delivery)
      return
    }
    const { topic, payload, qos, retain, dup } = publish
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
        ...routing?.place,
      },
    }
    this.#received++
    if (routing?.unrouted) this.#receiver.unrouted(this.#batch([arrived]))
    else if (this.#batcher) this.#batcher.add(arrived, payload.length + topic.length)
    else this.#emit([arrived])
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

/** No larger than the window: a batch that cannot become full would always wait for its linger. */
function batchLimits({ batchRecords, windowRecords, windowBytes, lingerMs }: InConfig): BatchLimits {
  return { batchRecords: Math.min(batchRecords, windowRecords), batchBytes: windowBytes, lingerMs }
}
