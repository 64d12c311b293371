import { createHash } from 'node:crypto'
import type { Qos } from '../core/record.ts'
import { createTopicMatcher, filtersOverlap } from '../core/topic-filter.ts'
import type { InboundPublish } from './publish-decoder.ts'

/** How a filter is subscribed. The options behind `qos` are those of MQTT 5 (section 3.8.3.1). */
export interface FilterOptions {
  readonly qos: 0 | 1 | 2
  readonly retainAsPublished?: boolean
  /** 0: retained messages come at every SUBSCRIBE, 1: only with a new subscription, 2: never. */
  readonly retainHandling?: 0 | 1 | 2
}

export interface Wish extends Required<FilterOptions> {
  readonly filter: string
  /** Of a filter that overlaps with another one, on MQTT 5. */
  readonly id: number | undefined
}

/** A filter that the server has granted, and as what; `lowered` is the QoS where it is less than was asked for. */
export type SubscribedFilter = readonly [filter: string, key: string, lowered?: Qos]

/** Two wishes with one key are the same subscription at the server. */
export const keyOf = ({ qos, retainAsPublished, id }: Wish): string =>
  `${qos}${retainAsPublished ? ' rap' : ''}${id === undefined ? '' : ` #${id}`}`

/** What such a key was made of, without asking for retained messages again. A key may be unknown ('') in older files. */
export function optionsOf(key: string): FilterOptions {
  const qos = key === '' ? 1 : (Number(key[0]) as Qos)
  return { qos, retainAsPublished: key.includes(' rap'), retainHandling: 2 }
}

const INDEX_BITS = 12
const HASH_BITS = 15

/** What two subscribers of one filter get: nobody misses anything that one of them asks for. */
export function mergeOptions(
  a: Required<FilterOptions> | undefined,
  { qos, retainAsPublished = false, retainHandling = 0 }: FilterOptions,
): Required<FilterOptions> {
  if (!a) return { qos, retainAsPublished, retainHandling }
  return {
    qos: Math.max(a.qos, qos) as 0 | 1 | 2,
    retainAsPublished: a.retainAsPublished && retainAsPublished,
    retainHandling: Math.min(a.retainHandling, retainHandling) as 0 | 1 | 2,
  }
}

/**
 * The wishes in the order in which they have to be granted. Where filters overlap a server may send a copy for each
 * [MQTT-3.3.4-4]; the identifiers tell the copies apart. The copy of the first filter counts, so it is one with the
 * highest QoS. `salt` makes identifiers that no earlier run has used: what the server has queued under those is taken.
 */
export function planSubscriptions(
  wanted: ReadonlyMap<string, Required<FilterOptions>>,
  salt: string | undefined,
): readonly Wish[] {
  const ordered = [...wanted].sort(([, a], [, b]) => b.qos - a.qos)
  const overlapping = new Set(salt === undefined ? [] : overlappingFilters(ordered.map(([filter]) => filter)))
  const hash =
    createHash('sha256')
      .update(JSON.stringify([salt, ordered]))
      .digest()
      .readUInt32BE(0) >>>
    (32 - HASH_BITS)
  return ordered.map(([filter, options], i) => ({
    filter,
    ...options,
    retainAsPublished:
      options.retainAsPublished &&
      !ordered.some(([other, { retainAsPublished: rap }]) => !rap && filtersOverlap(filter, other)),
    id: overlapping.has(filter) && i < 1 << INDEX_BITS ? 1 + ((hash << INDEX_BITS) | i) : undefined,
  }))
}

/** A member of a shared group gets only its part: such filters are never compared. */
function overlappingFilters(filters: readonly string[]): string[] {
  const plain = filters.filter((filter) => !filter.startsWith('$share/'))
  return plain.filter((one) => plain.some((other) => other !== one && filtersOverlap(one, other)))
}

interface Granted {
  readonly id: number
  /** That the server has granted. */
  readonly qos: number
  readonly matches: (topic: string) => boolean
}

/**
 * Tells the copy of a message that counts from those that the server sends for other filters that match too. Only the
 * last identifier of a filter is known: what came with it was published when every filter before had been granted.
 */
export class Copies {
  readonly #filters = new Map<number, string>()
  /** In the order of their last grants. */
  readonly #granted = new Map<string, Granted>()

  granted({ filter, id }: Wish, qos: number): void {
    const known = this.#granted.get(filter)
    if (known?.id === id && known?.qos === qos) return
    this.forget(filter)
    if (id === undefined) return
    this.#filters.set(id, filter)
    this.#granted.set(filter, { id, qos, matches: createTopicMatcher(filter) })
  }

  /** It is about to be unsubscribed: no copy will come for it. */
  forget(filter: string): void {
    const known = this.#granted.get(filter)
    if (known) this.#filters.delete(known.id)
    this.#granted.delete(filter)
  }

  clear(): void {
    this.#filters.clear()
    this.#granted.clear()
  }

  /**
   * Whether the server sends another copy that counts: a filter that it had granted before all of this copy's matches
   * too. An unknown identifier, or none, is taken, and so is a copy with a higher QoS than that of the one that counts:
   * twice is better than never.
   */
  isExtra({ topic, subscriptionIds, retain, qos }: InboundPublish): boolean {
    if (retain || !subscriptionIds?.length || subscriptionIds.some((id) => !this.#filters.has(id))) return false
    for (const first of this.#granted.values())
      if (first.matches(topic)) return !subscriptionIds.includes(first.id) && qos <= first.qos
    return false
  }
}
