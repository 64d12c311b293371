import type { Broker, KafkaSinkConfig } from './config.ts'
import type { KeyHash } from './partitioner.ts'
import type { KafkaRequest } from './request.ts'

export interface KafkaClientOptions {
  readonly brokers: readonly Broker[]
  readonly clientId: string
  readonly tls?: TlsOptions
  readonly sasl?: Sasl
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly compression: KafkaSinkConfig['compression']
  readonly hash: KeyHash
  /** Asked after each failed try of a `send`; false ends the send with the errors so far. */
  readonly keepTrying: (error: unknown) => boolean
}

/** In the words of Node's `tls.connect`. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly pfx?: Buffer
  readonly passphrase?: string
  readonly ciphers?: string
  readonly ecdhCurve?: string
  readonly sigalgs?: string
  readonly checkServerIdentity?: () => undefined
  readonly rejectUnauthorized: boolean
}

export type Sasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  /** `token` is asked for every connection, and rejects with a PipelineError. */
  | {
      readonly mechanism: 'OAUTHBEARER'
      readonly token: () => Promise<string>
      readonly extensions: { readonly [name: string]: string }
    }

export interface NewTopic {
  /** 0 means the default of the cluster, here and below. */
  readonly partitions: number
  readonly replication: number
  readonly retentionMs: number
}

/** What the cluster says of a topic; undefined where it does not say it, or not to us. */
export interface TopicFacts {
  /** Of the partition that has the fewest. */
  readonly replicas: number
  readonly mayWrite: boolean | undefined
  /** Such as `max.message.bytes`. */
  readonly settings: ReadonlyMap<string, string> | undefined
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
  /** Of topics that exist. One try. */
  describe(topics: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>>
  /** Resolves when the topic can be written, also when it was there before. */
  createTopic(topic: string, settings: NewTopic): Promise<void>
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
