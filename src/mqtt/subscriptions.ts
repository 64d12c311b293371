import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { IClientSubscribeOptions, MqttClient } from 'mqtt'
import { PipelineError } from '../core/errors.ts'
import type { Subscriber } from './connection.ts'
import type { InboundPublish } from './publish-decoder.ts'
import {
  Copies,
  type FilterOptions,
  keyOf,
  mergeOptions,
  planSubscriptions,
  type SubscribedFilter,
  type Wish,
} from './subscription-plan.ts'

const TOPIC_CACHE = 10_000
const REFUSED = 0x80
const UNKNOWN = ''
const ASK_AGAIN_MS = 30_000

/** What a SUBACK says, from MQTT.js. */
interface Answer {
  readonly granted?: readonly number[]
  readonly properties?: { readonly reasonString?: string }
}

/** What of MQTT 5 the server has. */
export interface ServerFeatures {
  readonly subscribeOptions: boolean
  readonly subscriptionIds: boolean
}

const noFeatures: ServerFeatures = { subscribeOptions: false, subscriptionIds: false }

/** What the server has granted for a filter. */
export interface GrantedFilter {
  readonly filter: string
  readonly qos: number
}

/** Who wants which topics, and what the server has been asked for and has granted. */
export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>()
  /** Filter -> key of the wish, as far as this session of the server is known to have it. */
  readonly #granted = new Map<string, string>()
  /** The same, asked for over this connection and not answered: asking twice would bring retained messages twice. */
  readonly #asked = new Map<string, string>()
  /** What an earlier run has got for this session, and this one has not asked for. */
  readonly #inherited = new Map<string, string>()
  /** Filter -> the server's words, if it has any. */
  readonly #refused = new Map<string, string>()
  /** Filter -> the QoS that the server grants, where that is less than was asked for. */
  readonly #lowered = new Map<string, number>()
  readonly #takers = new Map<string, readonly Subscriber[]>()
  readonly #copies = new Copies()
  readonly #salt = randomUUID()
  readonly #onRefused: (error: PipelineError | undefined) => void
  readonly #askAgainMs: number
  #askingAgain = false
  #client: MqttClient | undefined
  #features = noFeatures

  /** `onRefused` hears after every answer of the server what is refused: undefined when nothing is. */
  constructor(onRefused: (error: PipelineError | undefined) => void, askAgainMs = ASK_AGAIN_MS) {
    this.#onRefused = onRefused
    this.#askAgainMs = askAgainMs
  }

  get granted(): readonly SubscribedFilter[] {
    return [...this.#granted]
  }

  get lowered(): readonly GrantedFilter[] {
    return [...this.#lowered].map(([filter, qos]) => ({ filter, qos }))
  }

  /**
   * The server's session may have these: `prune` ends those that nobody wants. `isSame`: it is known to be that very
   * session, so that retained messages which are wanted once need no SUBSCRIBE that would bring them again.
   */
  inherit(filters: readonly SubscribedFilter[], isSame: boolean): void {
    for (const [filter, key] of filters) {
      this.#granted.set(filter, UNKNOWN)
      if (isSame) this.#inherited.set(filter, key)
    }
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
    const gone = [...this.#refused.keys()].filter((filter) => !wanted.has(filter))
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

  /** Whether another copy of it counts, that the server sends for another filter. */
  isExtraCopy(publish: InboundPublish): boolean {
    return this.#copies.isExtra(publish)
  }

  /** A server that has forgotten the session has forgotten its subscriptions [MQTT-3.2.2-2]. */
  connected(client: MqttClient, sessionPresent: boolean, features = noFeatures): void {
    this.#client = client
    this.#features = features
    this.#asked.clear()
    this.#refused.clear()
    if (!sessionPresent) {
      this.#granted.clear()
      this.#lowered.clear()
      this.#inherited.clear()
      this.#copies.clear()
    }
    this.#subscribe()
  }

  /** It is another server from now on: nothing is known of the session there. */
  moved(): void {
    for (const filter of this.#granted.keys()) this.#granted.set(filter, UNKNOWN)
    this.#inherited.clear()
    this.#copies.clear()
  }

  disconnected(): void {
    this.#client = undefined
  }

  /** Unsubscribes what nobody wants any longer. */
  prune(): void {
    const wanted = this.#wanted()
    const unwanted = [...this.#granted.keys()].filter((filter) => !wanted.has(filter))
    if (!this.#client || unwanted.length === 0) return
    for (const filter of unwanted) {
      this.#granted.delete(filter)
      this.#lowered.delete(filter)
      this.#copies.forget(filter)
    }
    this.#client.unsubscribe(unwanted)
  }

  #wanted(): Map<string, Required<FilterOptions>> {
    const wanted = new Map<string, Required<FilterOptions>>()
    for (const { filters } of this.#subscribers)
      for (const each of filters) wanted.set(each.filter, mergeOptions(wanted.get(each.filter), each))
    return wanted
  }

  /** What has an identifier is asked for alone, and when everything before it has been answered (`Copies`). `isFurther`: what has just been refused is not asked for again. */
  #subscribe(isFurther = false): void {
    const plan = planSubscriptions(this.#wanted(), this.#features.subscriptionIds ? this.#salt : undefined)
    const missing = plan.filter((wish) => !this.#isKnown(wish) && !(isFurther && this.#refused.has(wish.filter)))
    const first = missing.find(({ id }) => id !== undefined)
    const isTurn = !plan.some(({ id, filter }) => id !== undefined && this.#asked.has(filter))
    if (first && isTurn) this.#ask([first])
    const alike = new Map<string, Wish[]>()
    for (const wish of missing.filter(({ id }) => id === undefined)) {
      const key = `${keyOf(wish)} ${wish.retainHandling}`
      alike.set(key, [...(alike.get(key) ?? []), wish])
    }
    for (const wishes of alike.values()) this.#ask(wishes)
  }

  #isKnown(wish: Wish): boolean {
    const { filter, retainHandling } = wish
    const key = keyOf(wish)
    if (this.#granted.get(filter) === UNKNOWN && retainHandling > 0 && this.#inherited.get(filter) === key)
      this.#granted.set(filter, key)
    return (this.#asked.get(filter) ?? this.#granted.get(filter)) === key
  }

  /** One list for all that have the same options: the keys of an object do not keep their order, and SUBACK answers by position. */
  #ask(wishes: readonly Wish[]): void {
    const client = this.#client
    if (!client) return
    for (const wish of wishes) this.#asked.set(wish.filter, keyOf(wish))
    const filters = wishes.map(({ filter }) => filter)
    client.subscribe(filters, this.#options(wishes[0]!), (error, _subscriptions, packet) => {
      if (this.#client !== client) return
      const failed = (error as { packet?: Answer } | null)?.packet
      this.#answered(wishes, failed ?? (packet as Answer | undefined), error !== null && !failed?.granted)
    })
  }

  /** A subscription that only gets another identifier or other options brings no retained messages once more. */
  #options({ filter, qos, noLocal, retainAsPublished, retainHandling, id }: Wish): IClientSubscribeOptions {
    if (!this.#features.subscribeOptions) return { qos }
    const isKnown = (this.#granted.get(filter) ?? UNKNOWN) !== UNKNOWN
    return {
      qos,
      nl: noLocal,
      rap: retainAsPublished,
      rh: isKnown && retainHandling === 0 ? 1 : retainHandling,
      ...(id === undefined ? {} : { properties: { subscriptionIdentifier: id } }),
    }
  }

  #answered(wishes: readonly Wish[], answer: Answer | undefined, isUnanswered: boolean): void {
    for (const [i, wish] of wishes.entries()) {
      const { filter } = wish
      if (this.#asked.get(filter) === keyOf(wish)) this.#asked.delete(filter)
      if (isUnanswered) continue
      const granted = answer?.granted?.[i] ?? wish.qos
      this.#lowered.delete(filter)
      if (granted < wish.qos) this.#lowered.set(filter, granted)
      if (granted >= REFUSED) this.#refused.set(filter, answer?.properties?.reasonString ?? '')
      else {
        this.#granted.set(filter, keyOf(wish))
        this.#refused.delete(filter)
        this.#copies.granted(wish)
      }
    }
    this.#report()
    if (!isUnanswered && wishes[0]!.id !== undefined) this.#subscribe(true)
  }

  #report(): void {
    const filter = [...this.#refused].map(([name, why]) => (why === '' ? name : `${name} ("${why}")`)).join(', ')
    this.#onRefused(filter === '' ? undefined : new PipelineError('SUBSCRIPTION_REFUSED', { filter }))
    if (filter === '' || this.#askingAgain) return
    this.#askingAgain = true
    void delay(this.#askAgainMs, undefined, { ref: false }).then(() => {
      this.#askingAgain = false
      this.#subscribe()
    })
  }
}
