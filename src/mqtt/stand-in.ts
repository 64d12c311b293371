import { createTopicMatcher } from '../core/topic-filter.ts'
import type { MqttConnection, Subscriber } from './connection.ts'
import type { Unclaimed } from './held-messages.ts'
import type { FilterOptions, SubscribedFilter } from './subscription-plan.ts'

/** As long as a message waits for its subscriber while flows are redeployed. */
const GRACE_MS = 10_000

/**
 * In the place of subscribers that are missing by mistake: the session stays subscribed to what it was, and what comes
 * for nobody is `unclaimed` at once, or it would fill the window of those who are there. For some seconds it takes
 * nothing: others may still be on their way.
 */
export class StandIn {
  readonly #connection: MqttConnection
  readonly #waiting: Subscriber
  readonly #taking: Subscriber
  #timer: NodeJS.Timeout | undefined

  constructor(connection: MqttConnection, known: readonly SubscribedFilter[], unclaimed: Unclaimed) {
    this.#connection = connection
    const filters = known.map(([filter, key]) => ({ filter, ...optionsIn(key) }))
    const matchers = filters.map(({ filter }) => createTopicMatcher(filter))
    this.#waiting = {
      filters,
      window: { records: 0, bytes: 0 },
      matches: () => false,
      receive: unclaimed,
      changed() {},
    }
    this.#taking = { ...this.#waiting, matchedBefore: (topic) => matchers.some((matches) => matches(topic)) }
  }

  /** Flows have started: it waits again. */
  hold(): void {
    this.#connection.subscribe(this.#waiting)
    this.#connection.unsubscribe(this.#taking)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#connection.subscribe(this.#taking)
      this.#connection.unsubscribe(this.#waiting)
    }, GRACE_MS).unref()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#connection.unsubscribe(this.#waiting)
    this.#connection.unsubscribe(this.#taking)
  }
}

/** As the session has it, so that nothing is asked for once more. */
function optionsIn(key: string): FilterOptions {
  const qos = key === '' ? 1 : (Number(key[0]) as FilterOptions['qos'])
  return { qos, retainAsPublished: key.includes(' rap'), retainHandling: 2 }
}
