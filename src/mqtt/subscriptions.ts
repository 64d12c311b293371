import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { IClientSubscribeOptions, MqttClient } from 'mqtt'
import type { PipelineError } from '../core/errors.ts'
import type { Subscriber } from './connection.ts'
import type { InboundPublish } from './publish-decoder.ts'
import { type Answer, type GrantedFilter, ServerFilters } from './server-filters.ts'
import {
  type FilterOptions,
  keyOf,
  mergeOptions,
  planSubscriptions,
  type SubscribedFilter,
  type Wish,
} from './subscription-plan.ts'

const TOPIC_CACHE = 10_000
const ASK_AGAIN_MS = 30_000

/** What of MQTT 5 the server has. */
export interface ServerFeatures {
  readonly subscribeOptions: boolean
  readonly subscriptionIds: boolean
}

const noFeatures: ServerFeatures = { subscribeOptions: false, subscriptionIds: false }

/** Who wants which topics, and what the server has been asked for and has granted. */
export class Subscriptions {
  readonly #subscribers = new Set<Subscriber>()
  readonly #server = new ServerFilters()
  /** Who waits for answers of the server. */
  readonly #waiting = new Set<() => void>()
  readonly #takers = new Map<string, readonly Subscriber[]>()
  readonly #salt = randomUUID()
  readonly #onAnswered: () => void
  readonly #onAsking: () => void
  readonly #askAgainMs: number
  #askingAgain = false
  #client: MqttClient | undefined
  #features = noFeatures

  /**
   * `onAnswered` is called after every answer of the server, and when what it refuses is wanted no longer. `onAsking` is
   * called before the server is asked: from then on it may have what is known.
   */
  constructor(onAnswered: () => void, onAsking: () => void = () => {}, askAgainMs = ASK_AGAIN_MS) {
    this.#onAnswered = onAnswered
    this.#onAsking = onAsking
    this.#askAgainMs = askAgainMs
  }

  /** What the server's session has, or may have. */
  get known(): readonly SubscribedFilter[] {
    return this.#server.known
  }

  /** Which of these the server refuses. */
  refusal(filters: Subscriber['filters']): PipelineError | undefined {
    return this.#server.refusal(filters.map(({ filter }) => filter))
  }

  /** Which of these, as a subscriber wants them, the server grants with less. See `ServerFilters`. */
  loweredOf(filters: Subscriber['filters']): {
    readonly lowered: PipelineError | undefined
    readonly loweredFilters: readonly GrantedFilter[]
  } {
    const wanted = wantedOf([{ filters }])
    return { lowered: this.#server.lowered(wanted), loweredFilters: this.#server.loweredFilters(wanted) }
  }

  /**
   * The server's session may have these: `prune` ends those that nobody wants. `isSame`: it is known to be that very
   * session, so that retained messages which are wanted once need no SUBSCRIBE that would bring them again.
   */
  inherit(filters: readonly SubscribedFilter[], isSame: boolean): void {
    this.#server.inherit(filters, isSame)
  }

  get subscribers(): Iterable<Subscriber> {
    return this.#subscribers
  }

  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
    this.#takers.clear()
    this.#subscribe()
  }

  /**
   * A subscriber has other filters now than these. What nobody wants any longer is unsubscribed at once: who waits for
   * the start of others calls this only when they are there.
   */
  change(former: readonly string[]): void {
    this.#takers.clear()
    this.#subscribe()
    this.#forgetRefused()
    const wanted = this.#wanted()
    this.#unsubscribe(former.filter((filter) => !wanted.has(filter)))
  }

  /**
   * Resolves when the server has answered for each of these, or cannot be asked now. Throws SUBSCRIPTION_REFUSED with
   * those that it refuses.
   */
  async answered(filters: readonly string[]): Promise<void> {
    while (this.#client && this.#isOpen(filters)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
    const refusal = this.#server.refusal(filters)
    if (refusal) throw refusal
  }

  #isOpen(filters: readonly string[]): boolean {
    const wanted = this.#wanted()
    const server = this.#server
    const isSaid = (filter: string) => server.isGranted(filter) || server.isRefused(filter)
    return filters.some((filter) => wanted.has(filter) && (server.isAsked(filter) || !isSaid(filter)))
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  remove(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber)
    this.#takers.clear()
    this.#forgetRefused()
  }

  #forgetRefused(): void {
    if (this.#server.forgetRefused(this.#wanted())) this.#report()
  }

  /** Everybody who takes messages of this topic; where nobody does any longer, who did before it was unsubscribed. */
  takers(topic: string): readonly Subscriber[] {
    const known = this.#takers.get(topic)
    if (known) return known
    const all = [...this.#subscribers]
    const present = all.filter((subscriber) => subscriber.matches(topic))
    const takers = present.length > 0 ? present : all.filter((subscriber) => subscriber.matchedBefore?.(topic))
    if (this.#takers.size >= TOPIC_CACHE) this.#takers.clear()
    this.#takers.set(topic, takers)
    return takers
  }

  /** Whether another copy of it counts, that the server sends for another filter. */
  isExtraCopy(publish: InboundPublish): boolean {
    return this.#server.copies.isExtra(publish)
  }

  /**
   * `wasAway`: attempts to connect have failed since the last connection. A server that was restarted may have the session
   * of an earlier time, without the filters that came later, and says that it is there all the same. So it is asked for
   * all of them again, with MQTT 5 at every connection, where that brings no retained messages once more.
   */
  connected(client: MqttClient, sessionPresent: boolean, features = noFeatures, wasAway = false): void {
    this.#client = client
    this.#features = features
    this.#server.connected(sessionPresent, features.subscribeOptions || wasAway)
    if (wasAway) this.#server.copies.clear()
    this.#subscribe()
  }

  /** It is another server from now on. */
  moved(): void {
    this.#server.moved()
  }

  disconnected(): void {
    this.#client = undefined
    this.#wake()
  }

  /** Unsubscribes what nobody wants any longer. */
  prune(): void {
    this.#unsubscribe(this.#server.unwanted(this.#wanted()))
  }

  /** Until the server has answered it may still have them, and is told again over the next connection. */
  #unsubscribe(filters: readonly string[]): void {
    const client = this.#client
    const known = this.#server.unsubscribing(filters)
    this.#wake()
    if (!client || known.length === 0) return
    client.unsubscribe(known, (error, packet) => {
      if (error || this.#client !== client) return
      this.#server.unsubscribed(known, packet as Answer | undefined)
      this.#report()
    })
  }

  #wanted(): Map<string, Required<FilterOptions>> {
    return wantedOf(this.#subscribers)
  }

  /** What has an identifier is asked for alone, and when everything before it has been answered (`Copies`). `isFurther`: what has just been refused is not asked for again. */
  #subscribe(isFurther = false): void {
    const plan = planSubscriptions(this.#wanted(), this.#features.subscriptionIds ? this.#salt : undefined)
    const missing = plan.filter(
      (wish) => !this.#server.isKnown(wish) && !(isFurther && this.#server.isRefused(wish.filter)),
    )
    const first = missing.find(({ id }) => id !== undefined)
    const isTurn = !plan.some(({ id, filter }) => id !== undefined && this.#server.isAsked(filter))
    if (first && isTurn) this.#ask([first])
    const alike = new Map<string, Wish[]>()
    for (const wish of missing.filter(({ id }) => id === undefined)) {
      const key = `${keyOf(wish)} ${wish.retainHandling}`
      alike.set(key, [...(alike.get(key) ?? []), wish])
    }
    for (const wishes of alike.values()) this.#ask(wishes)
  }

  /** One list for all that have the same options: the keys of an object do not keep their order, and SUBACK answers by position. */
  #ask(wishes: readonly Wish[]): void {
    const client = this.#client
    if (!client) return
    this.#server.asking(wishes)
    this.#onAsking()
    const filters = wishes.map(({ filter }) => filter)
    client.subscribe(filters, this.#options(wishes[0]!), (error, _subscriptions, packet) => {
      if (this.#client !== client) return
      const failed = (error as { packet?: Answer } | null)?.packet
      const isUnanswered = error !== null && !failed?.granted
      this.#answered(wishes, isUnanswered ? undefined : (failed ?? (packet as Answer | undefined) ?? {}))
    })
  }

  /** A subscription that only gets another identifier or other options brings no retained messages once more. */
  #options({ filter, qos, retainAsPublished, retainHandling, id }: Wish): IClientSubscribeOptions {
    if (!this.#features.subscribeOptions) return { qos }
    return {
      qos,
      rap: retainAsPublished,
      rh: this.#server.isGranted(filter) && retainHandling === 0 ? 1 : retainHandling,
      ...(id === undefined ? {} : { properties: { subscriptionIdentifier: id } }),
    }
  }

  #answered(wishes: readonly Wish[], answer: Answer | undefined): void {
    this.#server.answered(wishes, answer)
    this.#report()
    if (answer) this.#subscribe(true)
    this.#wake()
  }

  #report(): void {
    this.#onAnswered()
    if (!this.#server.refusal() || this.#askingAgain) return
    this.#askingAgain = true
    void delay(this.#askAgainMs, undefined, { ref: false }).then(() => {
      this.#askingAgain = false
      this.#subscribe()
    })
  }
}

/** Each filter once, with the most that somebody asks for. */
function wantedOf(subscribers: Iterable<Pick<Subscriber, 'filters'>>): Map<string, Required<FilterOptions>> {
  const wanted = new Map<string, Required<FilterOptions>>()
  for (const { filters } of subscribers)
    for (const each of filters) wanted.set(each.filter, mergeOptions(wanted.get(each.filter), each))
  return wanted
}
