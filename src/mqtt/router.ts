import { compileTemplate } from '../core/metadata.ts'
import type { Subscription } from './config.ts'
import { createTopicMatcher } from './topic-filter.ts'

/** What the subscriptions table says about a topic. */
export interface Routing {
  readonly filter: string
  readonly route: string
  readonly to: string
  readonly partitions: number | undefined
  /** No row with a route or target matches although there are such rows. */
  readonly unrouted: boolean
}

const TOPIC_CACHE = 10_000

/** The first row that matches a topic decides. Returns undefined for a topic that no row matches. */
export function createRouter(
  subscriptions: readonly Subscription[],
  defaultRoute: string,
): (topic: string) => Routing | undefined {
  const rows = subscriptions.map((row) => ({
    ...row,
    matches: createTopicMatcher(row.filter),
    target: compileTemplate(row.to),
  }))
  const routed = rows.some(hasRoute)
  const find = (topic: string): Routing | undefined => {
    const matching = rows.filter((row) => row.matches(topic))
    const row = (routed && matching.find(hasRoute)) || matching[0]
    if (!row) return undefined
    const missing = routed && !hasRoute(row)
    const route = missing ? defaultRoute : row.route
    return {
      filter: row.filter,
      route,
      to: row.target({ topic, filter: row.filter, route }) ?? '',
      partitions: row.partitions,
      unrouted: missing && defaultRoute === '',
    }
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
