import { backoffCeilingMs, pause } from '../../core/retry.ts'
import { answersIn, isOutOfOrder } from './errors.ts'
import type { KafkajsSession } from './kafkajs-session.ts'
import type { PartitionBatch } from './partitions.ts'
import type { KafkaRequest } from './request.ts'

const backoff = { baseMs: 100, maxMs: 2000 }

interface Failure {
  readonly batches: readonly PartitionBatch[]
  readonly error: unknown
}

/** One `send`: a request to each leader, one after the other, until everything is stored or nobody wants to go on. */
export class Send {
  readonly #session: KafkajsSession
  readonly #keepTrying: (error: unknown) => boolean
  readonly #stored: KafkaRequest[]

  /** `stored` gets what is known to be stored. */
  constructor(session: KafkajsSession, keepTrying: (error: unknown) => boolean, stored: KafkaRequest[]) {
    this.#session = session
    this.#keepTrying = keepTrying
    this.#stored = stored
  }

  /** Rejects with the library's errors. */
  async all(batches: readonly PartitionBatch[]): Promise<void> {
    const { signal } = this.#session
    let failures = await this.#toLeaders(batches)
    for (let n = 0; failures.length > 0; n++) {
      if (signal.aborted) throw gathered(failures)
      const error = gathered(failures)
      if (!this.#keepTrying(error) || isOutOfOrder(error)) {
        const rest = await this.#sorted(failures)
        if (rest.length === 0) return
        throw gathered(rest)
      }
      await pause(backoffCeilingMs(n, backoff), signal)
      failures = await this.#toLeaders(failures.flatMap((failure) => failure.batches))
    }
  }

  async #toLeaders(batches: readonly PartitionBatch[]): Promise<Failure[]> {
    const failures: Failure[] = []
    for (const group of Map.groupBy(batches, (batch) => this.#session.leader(batch)).values()) {
      failures.push(...(await this.#produce(group)))
    }
    return failures
  }

  /** The broker answers for partition by partition, the library does not say for which. So each is asked about alone. */
  async #sorted(failures: readonly Failure[]): Promise<Failure[]> {
    const sorted: Failure[] = []
    for (const failure of failures) {
      if (answersIn(failure.error).length === 0) sorted.push(failure)
      else for (const batch of failure.batches) sorted.push(...(await this.#produce([batch])))
    }
    return sorted
  }

  async #produce(batches: readonly PartitionBatch[]): Promise<readonly Failure[]> {
    try {
      await this.#session.produce(batches)
      for (const { requests } of batches) for (const request of requests) this.#stored.push(request)
      return []
    } catch (error) {
      if (batches.length === 1)
        for (const answer of answersIn(error)) Object.assign(answer, { topic: batches[0]!.topic })
      return [{ batches, error }]
    }
  }
}

function gathered(failures: readonly Failure[]): unknown {
  return failures.length === 1 ? failures[0]!.error : new AggregateError(failures.map(({ error }) => error))
}
