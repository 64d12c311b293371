import { createTopicMatcher } from '../core/topic-filter.ts'
import { type MqttConnection, type Subscriber, UNCLAIMED_MS } from './connection.ts'
import type { Unclaimed } from './held-messages.ts'
import { optionsOf, type SubscribedFilter } from './subscription-plan.ts'

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
    const filters = known.map(([filter, key]) => ({ filter, ...optionsOf(key) }))
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
    }, UNCLAIMED_MS).unref()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#connection.unsubscribe(this.#waiting)
    this.#connection.unsubscribe(this.#taking)
  }
}
