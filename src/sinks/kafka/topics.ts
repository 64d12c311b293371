import { PipelineError } from '../../core/errors.ts'
import type { Sink } from '../../core/sink.ts'
import type { KafkaClient } from './client.ts'
import type { KafkaSinkConfig } from './config.ts'
import { classify, internalTopic, nameOfTopic, refusesName } from './errors.ts'
import type { TopicSettings } from './event-time.ts'
import type { KafkaRequest } from './request.ts'
import { TopicCare } from './topic-care.ts'
import type { TopicRemarks } from './topic-remarks.ts'
import { fixedTopic } from './topic-rule.ts'

type Options = Pick<
  KafkaSinkConfig,
  | 'topic'
  | 'topicSeparator'
  | 'onInvalidTopic'
  | 'autoCreateTopics'
  | 'partitions'
  | 'replication'
  | 'retentionMs'
  | 'maxMessageBytes'
  | 'batchBytes'
>

/** Kafka keeps these for itself, also where they are not there yet. */
const internal = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state', '__cluster_metadata'])

/** Which topics are there and can be written, and which never can be. Every method throws PipelineErrors. */
export class Topics {
  readonly #options: Options
  readonly #client: () => KafkaClient
  readonly #care: TopicCare
  /** The one that the operator has chosen: what is wrong with it is no fault of a record. */
  readonly fixed: string | undefined
  readonly #known = new Set<string>()
  readonly #refused = new Map<string, PipelineError>()

  constructor(options: Options, client: () => KafkaClient, remarks: TopicRemarks) {
    this.#options = options
    this.#client = client
    this.#care = new TopicCare(options, (topics) => client().describe(topics), remarks)
    this.fixed = fixedTopic(options)
  }

  get weaknesses(): NonNullable<Sink['weaknesses']> {
    return this.#care.weaknesses
  }

  /** Looks at the fixed one, which need not exist where topics are created. */
  async open(): Promise<void> {
    if (this.fixed !== undefined && (await this.#exists(this.fixed))) await this.#check([this.fixed])
  }

  /** The topics exist afterwards and can be written, or Kafka refuses their names. */
  async ensure(requests: readonly KafkaRequest[]): Promise<void> {
    const met: string[] = []
    for (const request of requests) {
      const { topic } = request
      if (this.#known.has(topic) || this.#refused.has(topic)) continue
      await this.#find(request)
      if (this.#known.has(topic)) met.push(topic)
    }
    if (met.length > 0) await this.#check(met)
  }

  /** Throws TARGET_MISSING when the topic neither exists nor may be created. */
  async #exists(topic: string): Promise<boolean> {
    const found = await this.#try(topic, async (client) => {
      if (internal.has(topic)) throw internalTopic()
      return client.partitions(topic)
    })
    if (found !== undefined) this.#known.add(topic)
    else if (!this.#options.autoCreateTopics) throw new PipelineError('TARGET_MISSING', { target: nameOfTopic(topic) })
    return found !== undefined
  }

  async #find(request: KafkaRequest): Promise<void> {
    const { topic, partitions = this.#options.partitions } = request
    try {
      if (await this.#exists(topic)) return
      await this.#try(topic, (client) => client.createTopic(topic, { ...this.#options, partitions }))
      this.#known.add(topic)
    } catch (error) {
      if (topic === this.fixed || !refusesName(error)) throw error
      const problem = (error as PipelineError).message
      this.#refused.set(topic, new PipelineError('INVALID_KAFKA_TOPIC', { topic, problem }, error))
    }
  }

  async #check(topics: readonly string[]): Promise<void> {
    try {
      await this.#care.check(topics)
    } catch (error) {
      for (const topic of topics) this.#known.delete(topic)
      throw classify(error, topics.length === 1 ? nameOfTopic(topics[0]!) : 'Kafka')
    }
  }

  /** Why no record can be written to the topic. */
  refusal(topic: string): PipelineError | undefined {
    return this.#refused.get(topic)
  }

  get refusesAny(): boolean {
    return this.#refused.size > 0
  }

  /** Undefined where they cannot be read. */
  async settings(topic: string): Promise<TopicSettings | undefined> {
    return this.#try(topic, async (client) => (await client.describe([topic])).get(topic)?.settings)
  }

  /** After an error: a topic may have been deleted or created meanwhile. */
  forget(): void {
    this.#known.clear()
    this.#refused.clear()
  }

  async #try<T>(topic: string, attempt: (client: KafkaClient) => Promise<T>): Promise<T> {
    try {
      return await attempt(this.#client())
    } catch (error) {
      throw classify(error, nameOfTopic(topic))
    }
  }
}
