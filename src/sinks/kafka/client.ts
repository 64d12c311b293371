import type { Broker } from './config.ts'
import type { KeyHash } from './partitioner.ts'
import type { KafkaRequest } from './request.ts'

export interface KafkaClientOptions {
  readonly brokers: readonly Broker[]
  readonly clientId: string
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly passphrase?: string
    readonly rejectUnauthorized: boolean
  }
  readonly sasl?: { readonly username: string; readonly password: string }
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly compression: 'none' | 'gzip'
  readonly hash: KeyHash
  /** Asked after each failed try of a `send`; false ends the send with the errors so far. */
  readonly keepTrying: (error: unknown) => boolean
}

/**
 * What the sink needs of a Kafka library. Errors are the library's own, `classify` understands them. One call at a
 * time. After `close` every method but `close` starts a new session.
 */
export interface KafkaClient {
  /** Connects and signs in, one try per broker. */
  connect(): Promise<void>
  /** How many partitions the topic has; undefined when it does not exist. One try. */
  partitions(topic: string): Promise<number | undefined>
  /** The settings of a topic, such as `retention.ms`. One try. */
  settings(topic: string): Promise<ReadonlyMap<string, string>>
  /** Resolves when the topic can be written, also when it was there before. 0 means the default of the cluster. */
  createTopic(topic: string, partitions: number, replication: number): Promise<void>
  /**
   * Resolves when all in-sync replicas have every record, in the order given per partition. Repeats of its own are
   * recognised by the broker. Rejects with a SendError.
   */
  send(requests: readonly KafkaRequest[]): Promise<void>
  /** Ends the session at once, and a send under way with an error. */
  close(): Promise<void>
}

/** `stored` are the requests that Kafka has confirmed all the same; of the others nothing is known. */
export class SendError extends Error {
  readonly stored: readonly KafkaRequest[]
  constructor(cause: unknown, stored: readonly KafkaRequest[]) {
    super('Kafka has not confirmed every record', { cause })
    this.name = 'SendError'
    this.stored = stored
  }
}
