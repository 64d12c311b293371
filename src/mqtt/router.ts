import { compileTemplate } from '../core/metadata.ts'
import type { Record } from '../core/record.ts'
import { createTopicMatcher } from '../core/topic-filter.ts'
import type { Subscription } from './config.ts'

/** What the subscriptions table says about a topic. */
export interface Routing {
  readonly filter: string
  readonly route: string
  readonly to: string
  readonly partitions: number | undefined
  /** No row with a route or target matches although there are such rows. */
  readonly unrouted: boolean
  /** The same as a record has it. */
  readonly place: Partial<Record>
}

const TOPIC_CACHE = 10_000

/**
 * The first row that matches a topic decides. Returns undefined for a topic that no row matches. `self` is in every
 * place. `dynamic` rows come behind the table's; what one of them matches was asked for, and is never unrouted.
 */
export function createRouter(
  subscriptions: readonly Subscription[],
  defaultRoute: string,
  self: Partial<Record> = {},
  dynamic: readonly Subscription[] = [],
): (topic: string) => Routing | undefined {
  const rows = [...subscriptions, ...dynamic].map((row, i) => ({
    ...row,
    isDynamic: i >= subscriptions.length,
    matches: createTopicMatcher(row.filter),
    target: compileTemplate(row.to),
  }))
  const routed = subscriptions.some(hasRoute)
  const find = (topic: string): Routing | undefined => {
    const matching = rows.filter((row) => row.matches(topic))
    const row = matching.find(hasRoute) ?? matching.find(({ isDynamic }) => routed && isDynamic) ?? matching[0]
    if (!row) return undefined
    const missing = routed && !hasRoute(row)
    const route = missing ? defaultRoute : row.route
    const { filter, partitions } = row
    const to = row.target({ topic, filter, route }) ?? ''
    const place = {
      filter,
      ...(route === '' ? {} : { route }),
      ...(to === '' ? {} : { to }),
      ...(partitions === undefined ? {} : { partitions }),
      ...self,
    }
    return { filter, route, to, partitions, unrouted: missing && defaultRoute === '' && !row.isDynamic, place }
  }
  const known = new Map<string, Routing | undefined>()
  return (topic) => {
    if (known.has(topic)) return known.get(topic)
    if (known.size >= TOPIC_CACHE) known.clear()
    const routing = find(topic)
    known.set(topic, routing)
    return routing
  }
}

const hasRoute = ({ route, to }: Subscription): boolean => route !== '' || to !== ''
