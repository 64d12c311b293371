import { setTimeout as wait } from 'node:timers/promises'
import type { Numbered } from '../services/publisher.ts'

/** What every party says it has. Lists are in the order in which that party has them. */
export interface Books {
  /** What the broker has confirmed to the publisher. */
  readonly published: readonly Numbered[]
  /** How many messages the flow has acknowledged to the broker (PUBACK or PUBREC), where a wire proxy has counted. */
  readonly acknowledged?: number
  /** What has reached the flow, for a broker that forgets: what never did is then its loss and not the flow's. */
  readonly arrived?: ReadonlySet<number>
  readonly confirmed: readonly Numbered[]
  readonly deadLettered: readonly Numbered[]
  /** What the broker or an outbox still had at the end. */
  readonly held: readonly Numbered[]
}

/** Counts of messages, except `duplicated`: copies beyond the first in target and dead letter. */
export interface Balance {
  readonly published: number
  readonly acknowledged: number | undefined
  readonly confirmed: number
  readonly deadLettered: number
  readonly held: number
  readonly lost: number
  /** Only where the books say what has arrived. */
  readonly lostByBroker?: number
  readonly duplicated: number
  /** First occurrences in the target that stand behind a higher number of their topic. */
  readonly outOfOrder: number
  /** The first lost numbers, for the search. */
  readonly examples: readonly number[]
}

/**
 * Every published message is in exactly one of confirmed, dead-lettered, held, lost, counted there first where it
 * stands first. Throws when a party has what was never published, or under another topic: the books are then wrong.
 */
export function balance(books: Books): Balance {
  const topics = new Map(books.published.map(({ number, topic }) => [number, topic]))
  if (topics.size !== books.published.length) throw new Error('A number was published twice')
  const { arrived = topics } = books
  for (const party of ['confirmed', 'deadLettered', 'held'] as const) {
    for (const entry of books[party]) checkKnown(party, entry, topics)
  }
  const confirmed = numbers(books.confirmed)
  const deadLettered = numbers(books.deadLettered.filter(({ number }) => !confirmed.has(number)))
  const safe = new Set([...confirmed, ...deadLettered])
  const held = numbers(books.held.filter(({ number }) => !safe.has(number)))
  const missing = [...topics.keys()].filter((number) => !safe.has(number) && !held.has(number))
  const lost = missing.filter((number) => arrived.has(number))
  const copies = [books.confirmed, books.deadLettered].map((entries) => entries.length - numbers(entries).size)
  return {
    published: topics.size,
    acknowledged: books.acknowledged,
    confirmed: confirmed.size,
    deadLettered: deadLettered.size,
    held: held.size,
    lost: lost.length,
    ...(books.arrived ? { lostByBroker: missing.length - lost.length } : {}),
    duplicated: copies[0]! + copies[1]!,
    outOfOrder: outOfOrder(books.confirmed),
    examples: lost.slice(0, 10),
  }
}

function checkKnown(party: string, { number, topic }: Numbered, topics: ReadonlyMap<number, string>): void {
  const published = topics.get(number)
  if (published === undefined) throw new Error(`${party} has number ${number} of ${topic}, which was never published`)
  if (published !== topic) throw new Error(`${party} has number ${number} under ${topic} instead of ${published}`)
}

const numbers = (entries: readonly Numbered[]) => new Set(entries.map(({ number }) => number))

function outOfOrder(confirmed: readonly Numbered[]): number {
  const seen = new Set<number>()
  const highest = new Map<string, number>()
  let inversions = 0
  for (const { number, topic } of confirmed) {
    if (seen.has(number)) continue
    seen.add(number)
    const before = highest.get(topic) ?? -1
    if (number < before) inversions++
    else highest.set(topic, number)
  }
  return inversions
}

/** The one line that every fault test ends with. */
export function balanceLine(balance: Balance): string {
  const { published, acknowledged, confirmed, deadLettered, held, lost, lostByBroker, duplicated, outOfOrder } = balance
  const counts = { published, acknowledged: acknowledged ?? 'not seen', confirmed, 'dead-lettered': deadLettered, held }
  const byBroker = lostByBroker === undefined ? {} : { 'lost by the broker': lostByBroker }
  const faults = { lost, ...byBroker, duplicated, 'out of order': outOfOrder }
  const text = Object.entries({ ...counts, ...faults }).map(([name, count]) => `${name} ${count}`)
  return text.join(' / ') + (lost > 0 ? ` (lost: ${balance.examples.join(', ')}${lost > 10 ? ', ...' : ''})` : '')
}

export interface SettleOptions {
  /** Something that grows while messages arrive. */
  readonly progress: () => number | Promise<number>
  /** Whether the broker has nothing more for the flow. */
  readonly queueIsEmpty: () => boolean | Promise<boolean>
  /** How long nothing may move before the books are read. */
  readonly quietMs?: number
  readonly timeoutMs?: number
}

/**
 * Waits until redelivery is over: the queue is empty and there was no progress for `quietMs`. Counting earlier shows
 * losses that are none. Rejects when that does not happen in time.
 */
export async function settled({ progress, queueIsEmpty, quietMs = 4000, timeoutMs = 120_000 }: SettleOptions) {
  const end = performance.now() + timeoutMs
  let last = await progress()
  let since = performance.now()
  while (performance.now() - since < quietMs || !(await queueIsEmpty())) {
    if (performance.now() > end) throw new Error(`Not settled within ${timeoutMs} ms; progress stands at ${last}`)
    await wait(50)
    const now = await progress()
    if (now !== last) since = performance.now()
    last = now
  }
}
