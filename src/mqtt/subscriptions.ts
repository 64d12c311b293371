import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { IClientSubscribeOptions, MqttClient } from 'mqtt'
import { PipelineError } from '../core/errors.ts'
import type { Qos } from '../core/record.ts'
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

/** What a SUBACK says, and an UNSUBACK of MQTT 5, from MQTT.js. */
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
  /** Filter -> the QoS that the server has granted in the place of a higher one. */
  readonly #lowered = new Map<string, Qos>()
  /** Who waits for answers of the server. */
  readonly #waiting = new Set<() => void>()
  readonly #takers = new Map<string, readonly Subscriber[]>()
  readonly #copies = new Copies()
  readonly #salt = randomUUID()
  readonly #onAnswered: (refusal: PipelineError | undefined) => void
  readonly #onAsking: () => void
  readonly #askAgainMs: number
  #askingAgain = false
  #client: MqttClient | undefined
  #features = noFeatures

  /**
   * `onAnswered` hears after every answer of the server what is refused: undefined when nothing is. `onAsking` is called
   * before the server is asked: from then on it may have what is known.
   */
  constructor(
    onAnswered: (refusal: PipelineError | undefined) => void,
    onAsking: () => void = () => {},
    askAgainMs = ASK_AGAIN_MS,
  ) {
    this.#onAnswered = onAnswered
    this.#onAsking = onAsking
    this.#askAgainMs = askAgainMs
  }

  /** What the server's session has, or may have. */
  get known(): readonly SubscribedFilter[] {
    const asked = [...this.#asked.keys()].filter((filter) => !this.#granted.has(filter))
    return [
      ...[...this.#granted].map(([filter, key]): SubscribedFilter => {
        const lowered = this.#lowered.get(filter)
        return lowered === undefined ? [filter, key] : [filter, key, lowered]
      }),
      ...asked.map((filter): SubscribedFilter => [filter, UNKNOWN]),
    ]
  }

  /** Which of the wanted filters have less than QoS 1 or 2 was asked for: the server may lose or repeat messages there. */
  get lowered(): PipelineError | undefined {
    if (this.#lowered.size === 0) return undefined
    const wanted = this.#wanted()
    const lowered = [...this.#lowered].filter(([filter, qos]) => (wanted.get(filter)?.qos ?? 0) > qos)
    if (lowered.length === 0) return undefined
    const filter = lowered.map(([name, qos]) => `${name} (QoS ${qos} for ${wanted.get(name)!.qos})`).join(', ')
    return new PipelineError('SUBSCRIPTION_LOWERED', { filter })
  }

  /**
   * The server's session may have these: `prune` ends those that nobody wants. `isSame`: it is known to be that very
   * session, so that retained messages which are wanted once need no SUBSCRIBE that would bring them again.
   */
  inherit(filters: readonly SubscribedFilter[], isSame: boolean): void {
    for (const [filter, key, lowered] of filters) {
      this.#granted.set(filter, UNKNOWN)
      if (isSame) this.#inherited.set(filter, key)
      if (isSame && lowered !== undefined) this.#lowered.set(filter, lowered)
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
    const refused = this.#refusal(filters)
    if (refused) throw refused
  }

  #isOpen(filters: readonly string[]): boolean {
    const wanted = this.#wanted()
    const isGranted = (filter: string) => (this.#granted.get(filter) ?? UNKNOWN) !== UNKNOWN
    const isAnswered = (filter: string) => !this.#asked.has(filter) && (isGranted(filter) || this.#refused.has(filter))
    return filters.some((filter) => wanted.has(filter) && !isAnswered(filter))
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
    const wanted = this.#wanted()
    const gone = [...this.#refused.keys()].filter((filter) => !wanted.has(filter))
    for (const filter of gone) this.#refused.delete(filter)
    if (gone.length > 0) this.#report()
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
      this.#inherited.clear()
      this.#lowered.clear()
      this.#copies.clear()
    }
    this.#subscribe()
  }

  /** It is another server from now on: nothing is known of the session there. */
  moved(): void {
    for (const filter of this.#granted.keys()) this.#granted.set(filter, UNKNOWN)
    this.#inherited.clear()
    this.#lowered.clear()
    this.#copies.clear()
  }

  disconnected(): void {
    this.#client = undefined
    this.#wake()
  }

  /** Unsubscribes what nobody wants any longer. */
  prune(): void {
    const wanted = this.#wanted()
    this.#unsubscribe([...this.#granted.keys()].filter((filter) => !wanted.has(filter)))
  }

  /** Until the server has answered it may still have them, and is told again over the next connection. */
  #unsubscribe(filters: readonly string[]): void {
    const client = this.#client
    const known = filters.filter((filter) => this.#granted.has(filter) || this.#asked.has(filter))
    for (const filter of known) {
      this.#granted.set(filter, UNKNOWN)
      this.#asked.delete(filter)
      this.#inherited.delete(filter)
      this.#lowered.delete(filter)
      this.#copies.forget(filter)
    }
    this.#wake()
    if (!client || known.length === 0) return
    client.unsubscribe(known, (error, packet) => {
      if (error || this.#client !== client) return
      const { granted = [] } = (packet ?? {}) as Answer
      const gone = known.filter((filter, i) => (granted[i] ?? 0) < REFUSED && !this.#asked.has(filter))
      for (const filter of gone) if (this.#granted.get(filter) === UNKNOWN) this.#granted.delete(filter)
      this.#report()
    })
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
    this.#onAsking()
    const filters = wishes.map(({ filter }) => filter)
    client.subscribe(filters, this.#options(wishes[0]!), (error, _subscriptions, packet) => {
      if (this.#client !== client) return
      const failed = (error as { packet?: Answer } | null)?.packet
      this.#answered(wishes, failed ?? (packet as Answer | undefined), error !== null && !failed?.granted)
    })
  }

  /** A subscription that only gets another identifier or other options brings no retained messages once more. */
  #options({ filter, qos, retainAsPublished, retainHandling, id }: Wish): IClientSubscribeOptions {
    if (!this.#features.subscribeOptions) return { qos }
    const isKnown = (this.#granted.get(filter) ?? UNKNOWN) !== UNKNOWN
    return {
      qos,
      rap: retainAsPublished,
      rh: isKnown && retainHandling === 0 ? 1 : retainHandling,
      ...(id === undefined ? {} : { properties: { subscriptionIdentifier: id } }),
    }
  }

  #answered(wishes: readonly Wish[], answer: Answer | undefined, isUnanswered: boolean): void {
    for (const [i, wish] of wishes.entries()) {
      const isAwaited = this.#asked.get(wish.filter) === keyOf(wish)
      if (isAwaited) this.#asked.delete(wish.filter)
      if (!isUnanswered) this.#note(wish, answer?.granted?.[i] ?? wish.qos, isAwaited, answer)
    }
    this.#report()
    if (!isUnanswered && wishes[0]!.id !== undefined) this.#subscribe(true)
    this.#wake()
  }

  /** What is not awaited any longer was asked for anew or unsubscribed meanwhile. */
  #note(wish: Wish, granted: number, isAwaited: boolean, answer: Answer | undefined): void {
    const { filter, qos } = wish
    if (granted >= REFUSED) {
      if (isAwaited) this.#refused.set(filter, answer?.properties?.reasonString ?? '')
      return
    }
    if (!isAwaited) {
      if (!this.#granted.has(filter)) this.#granted.set(filter, UNKNOWN)
      return
    }
    this.#granted.set(filter, keyOf(wish))
    this.#refused.delete(filter)
    this.#copies.granted(wish)
    if (granted < qos) this.#lowered.set(filter, granted as Qos)
    else this.#lowered.delete(filter)
  }

  #refusal(filters: readonly string[]): PipelineError | undefined {
    const refused = filters.filter((filter) => this.#refused.has(filter))
    if (refused.length === 0) return undefined
    const said = (filter: string) => (this.#refused.get(filter) === '' ? '' : ` ("${this.#refused.get(filter)}")`)
    return new PipelineError('SUBSCRIPTION_REFUSED', { filter: refused.map((each) => each + said(each)).join(', ') })
  }

  #report(): void {
    const refusal = this.#refusal([...this.#refused.keys()])
    this.#onAnswered(refusal)
    if (!refusal || this.#askingAgain) return
    this.#askingAgain = true
    void delay(this.#askAgainMs, undefined, { ref: false }).then(() => {
      this.#askingAgain = false
      this.#subscribe()
    })
  }
}
