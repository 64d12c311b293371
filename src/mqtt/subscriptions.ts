import { setTimeout as delay } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { PipelineError } from '../core/errors.ts'
import type { Subscriber } from './connection.ts'

const TOPIC_CACHE = 10_000
const REFUSED = 0x80
const ASK_AGAIN_MS = 30_000

/** Who wants which topics, and what the server has been asked for and has granted. */
export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>()
  /** Filter -> QoS asked for, as far as this session of the server is known to have it. */
  readonly #granted = new Map<string, number>()
  readonly #takers = new Map<string, readonly Subscriber[]>()
  readonly #refused: (error: PipelineError) => void
  #client: MqttClient | undefined

  constructor(refused: (error: PipelineError) => void) {
    this.#refused = refused
  }

  get subscribers(): Iterable<Subscriber> {
    return this.#subscribers
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
    this.#takers.clear()
    this.#subscribe()
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    this.#takers.clear()
  }

  /** Everybody who takes messages of this topic. */
  takers(topic: string): readonly Subscriber[] {
    const known = this.#takers.get(topic)
    if (known) return known
    const takers = [...this.#subscribers].filter((subscriber) => subscriber.matches(topic))
    if (this.#takers.size >= TOPIC_CACHE) this.#takers.clear()
    this.#takers.set(topic, takers)
    return takers
  }

  /** A server that has forgotten the session has forgotten its subscriptions [MQTT-3.2.2-2]. */
  connected(client: MqttClient, sessionPresent: boolean): void {
    this.#client = client
    if (!sessionPresent) this.#granted.clear()
    this.#subscribe()
  }

  disconnected(): void {
    this.#client = undefined
  }

  /** Unsubscribes what nobody wants any longer. */
  prune(): void {
    const wanted = this.#wanted()
    const unwanted = [...this.#granted.keys()].filter((filter) => !wanted.has(filter))
    if (!this.#client || unwanted.length === 0) return
    for (const filter of unwanted) this.#granted.delete(filter)
    this.#client.unsubscribe(unwanted)
  }

  #wanted(): Map<string, 0 | 1 | 2> {
    const wanted = new Map<string, 0 | 1 | 2>()
    for (const { filters } of this.#subscribers)
      for (const { filter, qos } of filters) wanted.set(filter, Math.max(qos, wanted.get(filter) ?? 0) as 0 | 1 | 2)
    return wanted
  }

  #subscribe(): void {
    const client = this.#client
    const missing = [...this.#wanted()].filter(([filter, qos]) => this.#granted.get(filter) !== qos)
    if (!client || missing.length === 0) return
    client.subscribe(Object.fromEntries(missing.map(([filter, qos]) => [filter, { qos }])), (error) => {
      const codes = (error as { packet?: { granted?: number[] } } | null)?.packet?.granted
      if (this.#client !== client || (error && !codes)) return
      const refused: string[] = []
      for (const [i, [filter, qos]] of missing.entries())
        if ((codes?.[i] ?? 0) < REFUSED) this.#granted.set(filter, qos)
        else refused.push(filter)
      if (refused.length > 0) this.#refuse(refused)
    })
  }

  #refuse(filters: readonly string[]): void {
    this.#refused(new PipelineError('SUBSCRIPTION_REFUSED', { filter: filters.join(', ') }))
    void delay(ASK_AGAIN_MS, undefined, { ref: false }).then(() => this.#subscribe())
  }
}
