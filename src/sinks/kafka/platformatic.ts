import { isIP } from 'node:net'
import type { Admin, BaseOptions, Connection, MessageToProduce, Producer, ProducerOptions } from '@platformatic/kafka'
import { type KafkaClient, type KafkaClientOptions, type NewTopic, SendError, type TopicFacts } from './client.ts'
import { describeTopics } from './describe.ts'
import { internalTopic, isTopicThere, isUnknownTopic, missingTopic, nestedErrors } from './errors.ts'
import { followLeaders } from './follow-leaders.ts'
import { knowPartitions, requireAnswers, type WantedPartitions, wantedPartitions } from './known-partitions.ts'
import { Partitions } from './partitions.ts'
import { disconnect, end, quiet, saslOptions } from './platformatic-connections.ts'
import type { KafkaRequest } from './request.ts'

type Library = typeof import('@platformatic/kafka')

export const packageName = '@platformatic/kafka'

export function isPlatformaticInstalled(): boolean {
  try {
    return import.meta.resolve(packageName) !== ''
  } catch {
    return false
  }
}

/** Loads the library. */
export async function createPlatformaticClient(options: KafkaClientOptions): Promise<KafkaClient> {
  return new PlatformaticClient(await import('@platformatic/kafka'), options)
}

class PlatformaticClient implements KafkaClient {
  readonly #library: Library
  readonly #options: KafkaClientOptions
  #producer: Producer | undefined
  /** What a broker said when it ended the newest connection: the library gives it to nobody who waits for an answer. */
  #parting: unknown
  /** Connections whose session is about to end. */
  readonly #expired = new Set<Connection>()
  readonly #partitions: Partitions
  #wanted = none
  /** Encoded once for all requests that share them. */
  readonly #headers = new WeakMap<KafkaRequest['headers'], Map<Buffer, Buffer>>()

  constructor(library: Library, options: KafkaClientOptions) {
    this.#library = library
    this.#options = options
    this.#partitions = new Partitions(options.hash)
  }

  async connect(): Promise<void> {
    const producer = await this.#session()
    await producer.metadata({ topics: [], forceUpdate: true, retries: 0 }).catch((error: unknown) => {
      throw this.#withParting(error)
    })
  }

  async partitions(topic: string): Promise<number | undefined> {
    try {
      const producer = await this.#session()
      const { topics } = await producer.metadata({ topics: [topic], forceUpdate: true, retries: 0 })
      const found = topics.get(topic)
      if (!found) throw internalTopic()
      return found.partitionsCount
    } catch (error) {
      if (isUnknownTopic(error)) return undefined
      throw error
    }
  }

  async describe(topics: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>> {
    return this.#administer((admin) => describeTopics(this.#library, admin, [...topics]))
  }

  async createTopic(topic: string, { partitions, replication, retentionMs }: NewTopic): Promise<void> {
    const configs = retentionMs > 0 ? [{ name: 'retention.ms', value: String(retentionMs) }] : []
    await this.#administer(async (admin) => {
      await admin
        .createTopics({ topics: [{ topic, partitions: partitions || -1, replicas: replication || -1 }], configs })
        .catch((error: unknown) => {
          if (!isTopicThere(error)) throw error
        })
      await admin.metadata({ topics: [topic], forceUpdate: true, retries: 50 })
    })
  }

  async send(requests: readonly KafkaRequest[]): Promise<void> {
    const producer = await this.#session()
    let messages: MessageToProduce[] = []
    try {
      messages = await this.#messages(producer, requests)
      this.#wanted = wantedPartitions(messages)
      requireAnswers(this.#wanted, await producer.send({ messages, acks: -1, compression: this.#options.compression }))
    } catch (error) {
      const stored = storedPartitions(error)
      throw new SendError(
        this.#withParting(error),
        requests.filter((_, i) => stored.has(partitionName(messages[i]?.topic, messages[i]?.partition))),
      )
    } finally {
      this.#wanted = none
    }
  }

  async close(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    this.#expired.clear()
    if (producer) await end(producer)
  }

  /** With explicit partitions, so that a partial success can be told record by record. */
  async #messages(producer: Producer, requests: readonly KafkaRequest[]): Promise<MessageToProduce[]> {
    const names = [...new Set(requests.map(({ topic }) => topic))]
    const { topics } = await producer.metadata({ topics: names, retries: 0 })
    const choose = this.#partitions.chooser()
    return requests.map((request) => {
      const count = topics.get(request.topic)?.partitionsCount
      if (!count) throw missingTopic(request.topic)
      return this.#message(request, choose(request.key, count))
    })
  }

  #message(request: KafkaRequest, partition: number): MessageToProduce {
    const { topic, key, value, timestamp } = request
    return {
      topic,
      partition,
      ...(key && { key }),
      ...(value && { value }),
      headers: this.#encodedHeaders(request),
      timestamp: BigInt(timestamp),
    }
  }

  #encodedHeaders({ headers, id }: KafkaRequest): Map<Buffer, Buffer> {
    let encoded = this.#headers.get(headers)
    if (!encoded) {
      encoded = new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]))
      this.#headers.set(headers, encoded)
    }
    return id === undefined ? encoded : new Map(encoded).set(idHeader, Buffer.from(id))
  }

  async #administer<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = quiet(new this.#library.Admin({ ...this.#baseOptions(), retries: 0, retryDelay: 100 }))
    try {
      return await work(admin)
    } finally {
      await end(admin)
    }
  }

  /** The library signs in again whenever it is time to, also while a broker expects no such thing: we connect again. */
  async #session(): Promise<Producer> {
    await Promise.all([...this.#expired].map(disconnect))
    this.#expired.clear()
    this.#producer ??= this.#start()
    return this.#producer
  }

  #start(): Producer {
    const producer = quiet(new this.#library.Producer(this.#producerOptions()))
    followLeaders(this.#library, producer)
    knowPartitions(this.#library, producer, () => this.#wanted)
    producer.connections.on('connecting', ({ connection }) => {
      connection.reauthenticate = () => this.#expired.add(connection)
    })
    producer.on('client:broker:connect', ({ connection }) => {
      this.#parting = undefined
      connection.on('error', (error) => {
        this.#parting = error
      })
    })
    return producer
  }

  #producerOptions(): ProducerOptions<Buffer, Buffer, Buffer, Buffer> {
    return {
      ...this.#baseOptions(),
      idempotent: true,
      // Without a number it would be the same, silently; keepTrying ends the tries.
      retries: Number.MAX_SAFE_INTEGER,
      retryDelay: (_client, _operation, attempt, _retries, error) => {
        if (!this.#options.keepTrying(this.#withParting(error))) setImmediate(() => this.close())
        return Math.min(100 * 2 ** attempt, 2000)
      },
      // As long as Java's: a topic that moves or goes is noticed by the error it gives.
      metadataMaxAge: 300_000,
    }
  }

  #withParting(error: unknown): unknown {
    return this.#parting === undefined ? error : new AggregateError([error, this.#parting])
  }

  #baseOptions(): BaseOptions {
    const { brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = this.#options
    return {
      clientId,
      bootstrapBrokers: [...brokers],
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      timeout: requestTimeoutMs,
      ...(tls && { tls, tlsServerName: brokers.some(({ host }) => isIP(host) === 0) }),
      ...(sasl && { sasl: saslOptions(sasl) }),
    }
  }
}

const none: WantedPartitions = new Map()

const idHeader = Buffer.from('rowline.id')

const partitionName = (topic: unknown, partition: unknown) => `${topic}:${partition}`

interface ProduceResponse {
  readonly responses?: readonly {
    readonly name: string
    readonly partitionResponses: readonly { readonly index: number; readonly errorCode: number }[]
  }[]
}

/** The partitions that a failed send has written all the same: of other brokers, or in an answer with errors. */
function storedPartitions(error: unknown): ReadonlySet<string> {
  const stored = new Set<string>()
  for (const nested of nestedErrors(error)) {
    const { produced, response } = nested as {
      produced?: { offsets?: readonly { topic: string; partition: number }[] }
      response?: ProduceResponse
    }
    for (const { topic, partition } of produced?.offsets ?? []) stored.add(partitionName(topic, partition))
    for (const { name, partitionResponses } of response?.responses ?? []) {
      for (const { index, errorCode } of partitionResponses) {
        if (errorCode === 0) stored.add(partitionName(name, index))
      }
    }
  }
  return stored
}
