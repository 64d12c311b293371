import { PipelineError } from '../core/errors.ts'
import type { Qos } from '../core/record.ts'
import { Copies, type FilterOptions, keyOf, type SubscribedFilter, type Wish } from './subscription-plan.ts'

const REFUSED = 0x80
const UNKNOWN = ''

/** What a SUBACK says, and an UNSUBACK of MQTT 5, from MQTT.js. */
export interface Answer {
  readonly granted?: readonly number[]
  readonly properties?: { readonly reasonString?: string }
}

/** What the server has granted for a filter. */
export interface GrantedFilter {
  readonly filter: string
  readonly qos: Qos
}

type Wanted = ReadonlyMap<string, Required<FilterOptions>>

/** What this session of the server is known to be subscribed to, what it was asked for, and what it has said to that. */
export class ServerFilters {
  readonly copies = new Copies()
  /** Filter -> key of the wish. */
  readonly #granted = new Map<string, string>()
  /** The same, asked for over this connection and not answered: asking twice would bring retained messages twice. */
  readonly #asked = new Map<string, string>()
  /** What an earlier run has got for this session, and this one has not asked for. */
  readonly #inherited = new Map<string, string>()
  /** What it is to be asked again, although it should have it, until it has answered. */
  readonly #doubted = new Set<string>()
  /** Filter -> the server's words, if it has any. */
  readonly #refused = new Map<string, string>()
  /** Filter -> the QoS that the server has granted in the place of a higher one. */
  readonly #lowered = new Map<string, Qos>()

  /** What the server's session has, or may have. */
  get known(): readonly SubscribedFilter[] {
    const asked = [...this.#asked.keys()].filter((filter) => !this.#granted.has(filter))
    const withQos = ([filter, key]: SubscribedFilter): SubscribedFilter => {
      const lowered = this.#lowered.get(filter)
      return lowered === undefined ? [filter, key] : [filter, key, lowered]
    }
    return [...[...this.#granted].map(withQos), ...asked.map((filter): SubscribedFilter => [filter, UNKNOWN])]
  }

  inherit(filters: readonly SubscribedFilter[], isSame: boolean): void {
    for (const [filter, key, lowered] of filters) {
      this.#granted.set(filter, UNKNOWN)
      if (isSame) this.#inherited.set(filter, key)
      if (isSame && lowered !== undefined) this.#lowered.set(filter, lowered)
    }
  }

  /**
   * A server that has forgotten the session has forgotten its subscriptions [MQTT-3.2.2-2]. `isDoubted`: one that says it
   * has the session may lack some of them, and is to be asked again.
   */
  connected(sessionPresent: boolean, isDoubted = false): void {
    this.#asked.clear()
    this.#refused.clear()
    if (isDoubted) for (const filter of this.#granted.keys()) this.#doubted.add(filter)
    if (sessionPresent) return
    this.#granted.clear()
    this.#doubted.clear()
    this.#forgetDetails()
  }

  /** It is another server from now on: nothing is known of the session there. */
  moved(): void {
    for (const filter of this.#granted.keys()) this.#granted.set(filter, UNKNOWN)
    this.#forgetDetails()
  }

  #forgetDetails(): void {
    this.#inherited.clear()
    this.#lowered.clear()
    this.copies.clear()
  }

  isAsked(filter: string): boolean {
    return this.#asked.has(filter)
  }

  isGranted(filter: string): boolean {
    return (this.#granted.get(filter) ?? UNKNOWN) !== UNKNOWN
  }

  isRefused(filter: string): boolean {
    return this.#refused.has(filter)
  }

  /** Whether there is nothing to ask: it has it, or was asked already. */
  isKnown(wish: Wish): boolean {
    const { filter, retainHandling } = wish
    const key = keyOf(wish)
    if (this.#granted.get(filter) === UNKNOWN && retainHandling > 0 && this.#inherited.get(filter) === key)
      this.#granted.set(filter, key)
    const asked = this.#asked.get(filter)
    if (asked !== undefined) return asked === key
    return !this.#doubted.has(filter) && this.#granted.get(filter) === key
  }

  unwanted(wanted: Wanted): readonly string[] {
    return [...this.#granted.keys()].filter((filter) => !wanted.has(filter))
  }

  asking(wishes: readonly Wish[]): void {
    for (const wish of wishes) this.#asked.set(wish.filter, keyOf(wish))
  }

  /** Without an answer: the connection has ended before. */
  answered(wishes: readonly Wish[], answer: Answer | undefined): void {
    for (const [i, wish] of wishes.entries()) {
      const isAwaited = this.#asked.get(wish.filter) === keyOf(wish)
      if (isAwaited) this.#asked.delete(wish.filter)
      if (!answer) continue
      this.#doubted.delete(wish.filter)
      const granted = answer.granted?.[i] ?? wish.qos
      if (granted >= REFUSED) {
        if (isAwaited) this.#refused.set(wish.filter, answer.properties?.reasonString ?? '')
      } else this.#grant(wish, granted as Qos, isAwaited)
    }
  }

  /** What is not awaited any longer was asked for anew or unsubscribed meanwhile. */
  #grant(wish: Wish, granted: Qos, isAwaited: boolean): void {
    const { filter, qos } = wish
    if (!isAwaited) {
      if (!this.#granted.has(filter)) this.#granted.set(filter, UNKNOWN)
      return
    }
    this.#granted.set(filter, keyOf(wish))
    this.#refused.delete(filter)
    this.copies.granted(wish, granted)
    if (granted < qos) this.#lowered.set(filter, granted)
    else this.#lowered.delete(filter)
  }

  /** Gives those of them that the server has or may have. It may until `unsubscribed`. */
  unsubscribing(filters: readonly string[]): string[] {
    const known = filters.filter((filter) => this.#granted.has(filter) || this.#asked.has(filter))
    for (const filter of known) {
      this.#granted.set(filter, UNKNOWN)
      this.#asked.delete(filter)
      this.#inherited.delete(filter)
      this.#lowered.delete(filter)
      this.copies.forget(filter)
    }
    return known
  }

  unsubscribed(filters: readonly string[], { granted: codes = [] }: Answer = {}): void {
    const gone = filters.filter((filter, i) => (codes[i] ?? 0) < REFUSED && !this.#asked.has(filter))
    for (const filter of gone) if (!this.isGranted(filter)) this.#granted.delete(filter)
  }

  /** Says whether there were any. */
  forgetRefused(wanted: Wanted): boolean {
    const gone = [...this.#refused.keys()].filter((filter) => !wanted.has(filter))
    for (const filter of gone) this.#refused.delete(filter)
    return gone.length > 0
  }

  /** Of these, or of all. */
  refusal(filters: readonly string[] = [...this.#refused.keys()]): PipelineError | undefined {
    const said = (filter: string) => (this.#refused.get(filter) === '' ? '' : ` ("${this.#refused.get(filter)}")`)
    const refused = filters.filter((each) => this.#refused.has(each)).map((each) => each + said(each))
    return refused.length === 0 ? undefined : new PipelineError('SUBSCRIPTION_REFUSED', { filter: refused.join(', ') })
  }

  /** Which of the wanted filters have less than QoS 1 or 2 was asked for: messages may be lost or repeated there. */
  lowered(wanted: Wanted): PipelineError | undefined {
    const lowered = this.loweredFilters(wanted)
    if (lowered.length === 0) return undefined
    const filters = lowered.map(({ filter, qos }) => `${filter} (QoS ${qos} for ${wanted.get(filter)!.qos})`)
    return new PipelineError('SUBSCRIPTION_LOWERED', { filter: filters.join(', ') })
  }

  loweredFilters(wanted: Wanted): readonly GrantedFilter[] {
    const lowered = [...this.#lowered].filter(([filter, qos]) => (wanted.get(filter)?.qos ?? 0) > qos)
    return lowered.map(([filter, qos]) => ({ filter, qos }))
  }
}
