import type { Admin } from 'kafkajs'
import { pause } from '../../core/retry.ts'
import { type KafkaClient, type KafkaClientOptions, type NewTopic, SendError, type TopicFacts } from './client.ts'
import { answersIn, isUnknownTopic } from './errors.ts'
import { Send } from './kafkajs-send.ts'
import { KafkajsSession, type Library } from './kafkajs-session.ts'
import { Partitions } from './partition-batches.ts'
import { keyHashes } from './partitioner.ts'
import type { KafkaRequest } from './request.ts'

export { codecs } from './kafkajs-session.ts'

/** Loads the library. `codecs` are what it can do without more packages. */
export async function createKafkajsClient(options: KafkaClientOptions): Promise<KafkaClient> {
  const { default: library } = await import('kafkajs')
  return new KafkajsClient(library, options)
}

class KafkajsClient implements KafkaClient {
  readonly #library: Library
  readonly #options: KafkaClientOptions
  readonly #partitions: Partitions
  #current: KafkajsSession | undefined

  constructor(library: Library, options: KafkaClientOptions) {
    this.#library = library
    this.#options = options
    this.#partitions = new Partitions(keyHashes.murmur2)
  }

  async connect(): Promise<void> {
    await this.#session().connect()
  }

  async partitions(topic: string): Promise<number | undefined> {
    try {
      return await this.#session().findPartitions(topic)
    } catch (error) {
      if (isUnknownTopic(error)) return undefined
      throw error
    }
  }

  async describe(topics: readonly string[]): Promise<ReadonlyMap<string, TopicFacts>> {
    const session = this.#session()
    const found = await session.administer((admin) => admin.fetchTopicMetadata({ topics: [...topics] }))
    const settings = await session.administer((admin) => readSettings(admin, topics))
    return new Map(
      found.topics.map(({ name, partitions }) => {
        const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length))
        return [name, { replicas, mayWrite: undefined, settings: settings.get(name) }]
      }),
    )
  }

  async createTopic(topic: string, { partitions, replication, retentionMs }: NewTopic): Promise<void> {
    const wanted = {
      topic,
      numPartitions: partitions || -1,
      replicationFactor: replication || -1,
      configEntries: retentionMs > 0 ? [{ name: 'retention.ms', value: String(retentionMs) }] : [],
    }
    const session = this.#session()
    await session.administer((admin) => admin.createTopics({ topics: [wanted], waitForLeaders: false }))
    for (let n = 0; n < 50 && (await this.partitions(topic)) === undefined; n++) await pause(100, session.signal)
  }

  async send(requests: readonly KafkaRequest[]): Promise<void> {
    const session = this.#session()
    const send = new Send(session, this.#options.keepTrying)
    try {
      const topics = new Set(requests.map(({ topic }) => topic))
      for (const topic of topics) if (session.count(topic) === undefined) await session.findPartitions(topic)
      await send.all(this.#partitions.batches(requests, (topic) => session.count(topic)!))
    } catch (error) {
      // What the broker has of it is known, if at all, to this producer id: it must not see another batch.
      await this.close()
      throw new SendError(error, send.stored)
    }
  }

  async close(): Promise<void> {
    const session = this.#current
    this.#current = undefined
    await session?.end()
  }

  #session(): KafkajsSession {
    this.#current ??= new KafkajsSession(this.#library, this.#options)
    return this.#current
  }
}

/** A cluster that does not tell us, for whatever reason, may still be written to. */
async function readSettings(
  admin: Admin,
  topics: readonly string[],
): Promise<Map<string, ReadonlyMap<string, string>>> {
  const resources = topics.map((name) => ({ type: topicResource, name }))
  const { resources: found } = await admin
    .describeConfigs({ resources, includeSynonyms: false })
    .catch((error: unknown) => {
      if (answersIn(error).length === 0) throw error
      return { resources: [] }
    })
  return new Map(
    found.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue ?? ''])),
    ]),
  )
}

// `ConfigResourceTypes.TOPIC`: the library is not loaded here.
const topicResource = 2
