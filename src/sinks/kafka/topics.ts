import { PipelineError } from '../../core/errors.ts'
import type { KafkaClient } from './client.ts'
import type { KafkaSinkConfig } from './config.ts'
import { classify, internalTopic, nameOfTopic, refusesName } from './errors.ts'
import type { TopicSettings } from './event-time.ts'
import type { KafkaRequest } from './request.ts'
import { fixedTopic } from './topic-name.ts'

type Options = Pick<
  KafkaSinkConfig,
  'topic' | 'topicSeparator' | 'onInvalidTopic' | 'autoCreateTopics' | 'partitions' | 'replication'
>

/** Kafka keeps these for itself, also where they are not there yet. */
const internal = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state', '__cluster_metadata'])

/** Which topics are there, and which never can be. Every method throws PipelineErrors. */
export class Topics {
  readonly #options: Options
  readonly #client: () => KafkaClient
  /** The one that the operator has chosen: what is wrong with it is no fault of a record. */
  readonly fixed: string | undefined
  readonly #known = new Set<string>()
  readonly #refused = new Map<string, PipelineError>()

  constructor(options: Options, client: () => KafkaClient) {
    this.#options = options
    this.#client = client
    this.fixed = fixedTopic(options)
  }

  /** Throws TARGET_MISSING when the topic neither exists nor may be created. */
  async exists(topic: string): Promise<boolean> {
    const found = await this.#try(topic, async (client) => {
      if (internal.has(topic)) throw internalTopic()
      return client.partitions(topic)
    })
    if (found !== undefined) this.#known.add(topic)
    else if (!this.#options.autoCreateTopics) throw new PipelineError('TARGET_MISSING', { target: nameOfTopic(topic) })
    return found !== undefined
  }

  knows(topic: string): boolean {
    return this.#known.has(topic)
  }

  /** The topic exists afterwards, or Kafka refuses its name. */
  async ensure({ topic, partitions }: KafkaRequest): Promise<void> {
    if (this.#refused.has(topic)) return
    const { partitions: usual, replication } = this.#options
    try {
      if (await this.exists(topic)) return
      await this.#try(topic, (client) => client.createTopic(topic, partitions ?? usual, replication))
      this.#known.add(topic)
    } catch (error) {
      if (topic === this.fixed || !refusesName(error)) throw error
      const problem = (error as PipelineError).message
      this.#refused.set(topic, new PipelineError('INVALID_KAFKA_TOPIC', { topic, problem }, error))
    }
  }

  /** Why no record can be written to the topic. */
  refusal(topic: string): PipelineError | undefined {
    return this.#refused.get(topic)
  }

  get refusesAny(): boolean {
    return this.#refused.size > 0
  }

  /** Undefined where we have not the right to read them. */
  async settings(topic: string): Promise<TopicSettings | undefined> {
    try {
      return await this.#try(topic, (client) => client.settings(topic))
    } catch (error) {
      if ((error as PipelineError).code === 'TARGET_AUTHORIZATION') return undefined
      throw error
    }
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
