import { Batcher, type BatchLimits } from '../core/batcher.ts'
import { accepted, createDelivery, type Delivery, released } from '../core/delivery.ts'
import { PipelineError } from '../core/errors.ts'
import type { Record } from '../core/record.ts'
import type { Batch, Source } from '../core/source.ts'
import { createTopicMatcher } from '../core/topic-filter.ts'
import { type InConfig, sourceFields } from './config.ts'
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

/** Takes the messages of one subscriptions table from a shared connection and makes batches of records of them. */
export class MqttSource implements Source, Subscriber {
  readonly filters: Subscriber['filters']
  readonly window: Subscriber['window']
  readonly #lease: () => Promise<SourceLease>
  readonly #receiver: SourceReceiver
  readonly #route: (topic: string) => Routing | undefined
  readonly #matchers: readonly ((topic: string) => boolean)[]
  readonly #batcher: Batcher<Arrived> | undefined
  readonly #onReceipt: boolean
  readonly #skipsRetained: boolean
  readonly #late: Delivery[] = []
  #paused = false
  #held: SourceLease | undefined
  #received = 0

  /** `node` is the name of this source, for targets that are to know where a record comes from; `seen` hears of topics. */
  constructor(
    config: InConfig,
    lease: () => Promise<SourceLease>,
    receiver: SourceReceiver,
    node?: string,
    seen?: (topic: string) => void,
  ) {
    const { noLocal, retainAsPublished } = config
    const options = { noLocal, retainAsPublished, retainHandling: retainHandling[config.retained] }
    this.filters = config.subscriptions.map(({ filter, qos }) => ({
      filter,
      qos: Number(qos) as 0 | 1 | 2,
      ...options,
    }))
    this.#skipsRetained = config.retained === 'skip' && !retainAsPublished
    this.window = { records: config.windowRecords, bytes: config.windowBytes }
    this.#lease = lease
    this.#receiver = receiver
    const self = { ...(node === undefined ? {} : { node }), ...(config.tag === '' ? {} : { tag: config.tag }) }
    this.#route = createRouter(config.subscriptions, config.defaultRoute, self, seen)
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
    const { topic, payload, qos, retain, dup, properties, packetBytes } = publish
    if (retain && this.#skipsRetained) {
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
