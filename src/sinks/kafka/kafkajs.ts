import { pause } from '../../core/retry.ts'
import { type KafkaClient, type KafkaClientOptions, type NewTopic, SendError, type TopicFacts } from './client.ts'
import { isUnknownTopic } from './errors.ts'
import { describeTopics } from './kafkajs-describe.ts'
import { type Library, loadKafkajs } from './kafkajs-library.ts'
import { Send } from './kafkajs-send.ts'
import { KafkajsSession } from './kafkajs-session.ts'
import { batchesOf, Partitions } from './partitions.ts'
import type { KafkaRequest } from './request.ts'

export { codecs } from './kafkajs-session.ts'

/** Loads the library. `codecs` are what it can do without more packages. */
export async function createKafkajsClient(options: KafkaClientOptions): Promise<KafkaClient> {
  return new KafkajsClient(await loadKafkajs(), options)
}

class KafkajsClient implements KafkaClient {
  readonly #library: Library
  readonly #options: KafkaClientOptions
  readonly #partitions: Partitions
  #current: KafkajsSession | undefined

  constructor(library: Library, options: KafkaClientOptions) {
    this.#library = library
    this.#options = options
    this.#partitions = new Partitions(options.hash)
  }

  async connect(): Promise<void> {
    await this.#inSession((session) => session.connect())
  }

  async partitions(topic: string): Promise<number | undefined> {
    return this.#inSession((session) =>
      session.findPartitions(topic).catch((error: unknown) => {
        if (!isUnknownTopic(error)) throw error
        return undefined
      }),
    )
  }

  async describe(topics: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>> {
    return this.#inSession((session) => session.administer((admin) => describeTopics(admin, topics)))
  }

  async createTopic(topic: string, { partitions, replication, retentionMs }: NewTopic): Promise<void> {
    const wanted = {
      topic,
      numPartitions: partitions || -1,
      replicationFactor: replication || -1,
      configEntries: retentionMs > 0 ? [{ name: 'retention.ms', value: String(retentionMs) }] : [],
    }
    await this.#inSession(async (session) => {
      await session.administer((admin) => admin.createTopics({ topics: [wanted], waitForLeaders: false }))
      for (let n = 0; n < 50 && (await this.partitions(topic)) === undefined; n++) await pause(100, session.signal)
    })
  }

  async send(requests: readonly KafkaRequest[]): Promise<void> {
    const stored: KafkaRequest[] = []
    try {
      await this.#inSession(async (session) => {
        const topics = new Set(requests.map(({ topic }) => topic))
        for (const topic of topics) if (session.count(topic) === undefined) await session.findPartitions(topic)
        const choose = this.#partitions.chooser()
        const batches = batchesOf(requests, ({ topic, key }) => choose(key, session.count(topic)!))
        await new Send(session, this.#options.keepTrying, stored).all(batches)
      })
    } catch (error) {
      throw new SendError(error, stored)
    }
  }

  async close(): Promise<void> {
    const session = this.#current
    this.#current = undefined
    await session?.end()
  }

  /**
   * A session in which something has failed is over: what the broker has of a failed send is known, if at all, to this
   * producer id, which must not send another batch, and a connection may stand in the middle of a sign-in.
   */
  async #inSession<T>(work: (session: KafkajsSession) => Promise<T>): Promise<T> {
    this.#current ??= new KafkajsSession(this.#library, this.#options)
    try {
      return await work(this.#current)
    } catch (error) {
      await this.close()
      throw error
    }
  }
}
