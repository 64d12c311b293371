import { PipelineError } from '../core/errors.ts'
import type { OutboundMessage, Publisher } from '../core/publisher.ts'
import type { Lease } from './connection-pool.ts'

/** Publishes over a connection that is leased when it is needed first. */
export class LeasedPublisher implements Publisher {
  readonly #acquire: () => Promise<Lease>
  #lease: Promise<Lease> | undefined
  #held: Lease | undefined

  constructor(acquire: () => Promise<Lease>) {
    this.#acquire = acquire
  }

  async ready(signal: AbortSignal): Promise<void> {
    this.#lease ??= this.#acquire()
    this.#held = await this.#lease
    await this.#held.connection.outbound.ready(signal)
  }

  publish(message: OutboundMessage): Promise<void> {
    if (!this.#held) return Promise.reject(new PipelineError('DELIVERY_RELEASED'))
    return this.#held.connection.outbound.publish(message)
  }

  giveUp(message: OutboundMessage): void {
    this.#held?.connection.outbound.giveUp(message)
  }

  async close(): Promise<void> {
    const lease = this.#lease
    this.#lease = undefined
    this.#held = undefined
    await (await lease)?.release()
  }
}
