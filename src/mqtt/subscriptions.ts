import { setTimeout as delay } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { PipelineError } from '../core/errors.ts'
import type { Subscriber } from './connection.ts'

const TOPIC_CACHE = 10_000
const REFUSED = 0x80
const UNKNOWN_QOS = -1
const ASK_AGAIN_MS = 30_000

/** Who wants which topics, and what the server has been asked for and has granted. */
export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>()
  /** Filter -> QoS asked for, as far as this session of the server is known to have it. */
  readonly #granted = new Map<string, number>()
  /** The same, asked for over this connection and not answered: asking twice would bring retained messages twice. */
  readonly #asked = new Map<string, number>()
  readonly #refused = new Set<string>()
  readonly #takers = new Map<string, readonly Subscriber[]>()
  readonly #onRefused: (error: PipelineError | undefined) => void
  readonly #askAgainMs: number
  #askingAgain = false
  #client: MqttClient | undefined

  /** `onRefused` hears after every answer of the server what is refused: undefined when nothing is. */
  constructor(onRefused: (error: PipelineError | undefined) => void, askAgainMs = ASK_AGAIN_MS) {
    this.#onRefused = onRefused
    this.#askAgainMs = askAgainMs
  }

  get granted(): readonly string[] {
    return [...this.#granted.keys()]
  }

  /** The server's session may have these: `prune` ends those that nobody wants. */
  inherit(filters: readonly string[]): void {
    for (const filter of filters) this.#granted.set(filter, UNKNOWN_QOS)
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
    const wanted = this.#wanted()
    const gone = [...this.#refused].filter((filter) => !wanted.has(filter))
    for (const filter of gone) this.#refused.delete(filter)
    if (gone.length > 0) this.#report()
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
    this.#asked.clear()
    this.#refused.clear()
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
    const missing = [...this.#wanted()].filter(
      ([filter, qos]) => (this.#asked.get(filter) ?? this.#granted.get(filter)) !== qos,
    )
    for (const qos of [0, 1, 2] as const) {
      const filters = missing.filter((each) => each[1] === qos).map(([filter]) => filter)
      if (this.#client && filters.length > 0) this.#ask(this.#client, filters, qos)
    }
  }

  /** One list for each QoS: the keys of an object do not keep their order, and SUBACK answers by position. */
  #ask(client: MqttClient, filters: readonly string[], qos: 0 | 1 | 2): void {
    for (const filter of filters) this.#asked.set(filter, qos)
    client.subscribe([...filters], { qos }, (error) => {
      if (this.#client !== client) return
      const codes = (error as { packet?: { granted?: number[] } } | null)?.packet?.granted
      for (const [i, filter] of filters.entries()) {
        if (this.#asked.get(filter) === qos) this.#asked.delete(filter)
        if (error && !codes) continue
        if ((codes?.[i] ?? 0) >= REFUSED) this.#refused.add(filter)
        else {
          this.#granted.set(filter, qos)
          this.#refused.delete(filter)
        }
      }
      this.#report()
    })
  }

  #report(): void {
    const filter = [...this.#refused].join(', ')
    this.#onRefused(filter === '' ? undefined : new PipelineError('SUBSCRIPTION_REFUSED', { filter }))
    if (filter === '' || this.#askingAgain) return
    this.#askingAgain = true
    void delay(this.#askAgainMs, undefined, { ref: false }).then(() => {
      this.#askingAgain = false
      this.#subscribe()
    })
  }
}
