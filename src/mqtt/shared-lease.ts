import { filtersOverlap } from '../core/topic-filter.ts'
import type { ConnectionStatus, Subscriber } from './connection.ts'
import type { Lease } from './connection-pool.ts'

/** What a source needs of a lease. */
export interface SourceLease {
  /** See `MqttConnection`. */
  readonly connection: { statusFor(filters: Subscriber['filters']): ConnectionStatus }
  subscribe(subscriber: Subscriber): void
  /** A subscriber of this lease has other filters now than these: see `MqttConnection.change`. */
  change(subscriber: Subscriber, former: readonly string[]): Promise<void>
  /** For everybody who shares the connection. See `MqttConnection`. */
  connect(): Promise<void>
  disconnect(): Promise<void>
  release(): Promise<void>
}

/**
 * Several connections that share the messages of each filter, as a group of the broker ($share). The first one alone
 * takes the filters as they are. Throws what a lease throws, and holds none then.
 */
export async function sharedLease(leases: readonly (() => Promise<Lease>)[], group: string): Promise<SourceLease> {
  const [first, ...others] = leases
  if (others.length === 0) return first!()
  const held = await Promise.all(leases.map((lease) => lease()))
  const member = (subscriber: Subscriber) => new Member(subscriber, group, held.length)
  return {
    connection: {
      statusFor: (filters) => {
        const shared = allInGroup(filters, group)
        return combined(held.map(({ connection }) => connection.statusFor(shared)))
      },
    },
    subscribe: (subscriber) => {
      for (const lease of held) lease.subscribe(member(subscriber))
    },
    change: async (subscriber, former) => {
      const shared = former.map((filter) => inGroup(filter, group))
      await Promise.all(held.map((lease) => lease.change(member(subscriber), shared)))
    },
    connect: async () => void (await Promise.all(held.map((lease) => lease.connect()))),
    disconnect: async () => void (await Promise.all(held.map((lease) => lease.disconnect()))),
    release: async () => void (await Promise.all(held.map((lease) => lease.release()))),
  }
}

/** A group that somebody has named stays as it is. */
const inGroup = (filter: string, group: string) => (filter.startsWith('$share/') ? filter : `$share/${group}/${filter}`)

/**
 * Two filters of which a broker sends a copy each, and not always over the same connection, so that nobody can tell that
 * they are copies: they overlap, and one is for a group, as all are with several connections.
 */
export function copiedTwice(filters: readonly string[], connections: number): readonly string[] | undefined {
  const isShared = (filter: string) => connections > 1 || filter.startsWith('$share/')
  for (const [i, one] of filters.entries())
    for (const other of filters.slice(0, i))
      if (one !== other && (isShared(one) || isShared(other)) && filtersOverlap(one, other)) return [other, one]
  return undefined
}

const allInGroup = (filters: Subscriber['filters'], group: string): Subscriber['filters'] =>
  filters.map((each) => ({ ...each, filter: inGroup(each.filter, group) }))

/** A subscriber with the filters of a group, on one of its connections: with a part of its window. */
class Member implements Subscriber {
  readonly window: Subscriber['window']
  readonly #subscriber: Subscriber
  readonly #group: string

  constructor(subscriber: Subscriber, group: string, connections: number) {
    const { records, bytes } = subscriber.window
    this.#subscriber = subscriber
    this.#group = group
    this.window = { records: Math.ceil(records / connections), bytes: Math.ceil(bytes / connections) }
  }

  get filters(): Subscriber['filters'] {
    return allInGroup(this.#subscriber.filters, this.#group)
  }

  matchedBefore(topic: string): boolean {
    return this.#subscriber.matchedBefore?.(topic) ?? false
  }

  matches(topic: string): boolean {
    return this.#subscriber.matches(topic)
  }

  receive(...[publish, delivery]: Parameters<Subscriber['receive']>): void {
    this.#subscriber.receive(publish, delivery)
  }

  changed(): void {
    this.#subscriber.changed()
  }
}

/** Connected when all are; the error of the first that has one. */
function combined(all: readonly ConnectionStatus[]): ConnectionStatus {
  const troubled = all.find(({ error }) => error) ?? all.find(({ phase }) => phase !== 'connected') ?? all[0]!
  return {
    phase: troubled.phase,
    error: troubled.error,
    lowered: all.find(({ lowered }) => lowered)?.lowered,
    windowLimited: all.every(({ windowLimited }) => windowLimited),
    unacknowledged: all.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
    loweredFilters: [
      ...new Map(all.flatMap(({ loweredFilters }) => loweredFilters).map((each) => [each.filter, each])).values(),
    ],
  }
}
