import { PipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import type { Prepared, Sink, WriteResult } from '../../core/sink.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { createAccess } from './access.ts'
import { createKafkaClient } from './choice.ts'
import { type KafkaClient, type KafkaClientOptions, SendError } from './client.ts'
import { type Broker, type ClusterConfig, type KafkaSinkConfig, parseBrokers, sinkFields } from './config.ts'
import { classify, nameOfCluster, nameOfTopic } from './errors.ts'
import { createRequestBuilder, fixedTopic, type KafkaRequest } from './request.ts'
import { TopicCare } from './topic-care.ts'

export const kafkaSink: SinkDefinition<typeof sinkFields, KafkaRequest> = {
  type: 'kafka-sink',
  fields: sinkFields,
  create: (config, context) => new KafkaSink(config, context),
}

class KafkaSink implements Sink<KafkaRequest> {
  readonly #config: KafkaSinkConfig
  readonly #cluster: ClusterConfig
  readonly #context: SinkContext
  readonly #target: string
  readonly prepare: (record: Record) => Prepared<KafkaRequest>
  #client: KafkaClient | undefined
  #forgetAccess = () => {}
  readonly #care: TopicCare
  /** Topics known to exist. Forgotten after an error, so that a topic deleted or created meanwhile is noticed. */
  readonly #topics = new Set<string>()
  /** What a failed write has stored all the same: the caller writes the batch again, or parts of it. */
  readonly #stored = new WeakSet<KafkaRequest>()
  #deadline = 0
  trouble: PipelineError | undefined

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#cluster = context.connection<ClusterConfig>('cluster')
    this.#target = nameOfCluster(this.#cluster)
    this.#care = new TopicCare(config, (topics) => this.#client!.describe(topics), context.warn)
    this.prepare = createRequestBuilder(config)
  }

  async open(signal: AbortSignal): Promise<void> {
    this.#client ??= await createKafkaClient(this.#cluster.client, await this.#clientOptions())
    const client = this.#client
    await this.#untilAborted(signal, async () => {
      await this.#try(this.#target, () => client.connect())
      const topic = fixedTopic(this.#config)
      if (topic !== undefined && (await this.#exists(topic))) await this.#check([topic])
    })
  }

  async write(batch: readonly KafkaRequest[], signal: AbortSignal): Promise<WriteResult> {
    const missing = batch.filter((request) => !this.#stored.has(request))
    if (missing.length > 0) await this.#untilAborted(signal, () => this.#send(missing))
    return { rejected: [] }
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }

  async #send(requests: readonly KafkaRequest[]): Promise<void> {
    await this.#findTopics(requests)
    this.#deadline = Date.now() + this.#config.deliveryTimeoutMs
    try {
      await this.#client!.send(requests)
    } catch (error) {
      this.#topics.clear()
      if (!(error instanceof SendError)) throw error
      for (const request of error.stored) this.#stored.add(request)
      throw this.#classified(error.cause, this.#target)
    } finally {
      this.trouble = undefined
    }
  }

  async #findTopics(requests: readonly KafkaRequest[]): Promise<void> {
    const met: string[] = []
    for (const request of requests) {
      if (this.#topics.has(request.topic)) continue
      await this.#findTopic(request)
      met.push(request.topic)
    }
    if (met.length > 0) await this.#check(met)
  }

  async #findTopic({ topic, partitions }: KafkaRequest): Promise<void> {
    if (await this.#exists(topic)) return
    const settings = { ...this.#config, ...(partitions !== undefined && { partitions }) }
    await this.#try(nameOfTopic(topic), () => this.#client!.createTopic(topic, settings))
    this.#topics.add(topic)
  }

  /** Throws TARGET_MISSING when the topic neither exists nor may be created. */
  async #exists(topic: string): Promise<boolean> {
    const found = await this.#try(nameOfTopic(topic), () => this.#client!.partitions(topic))
    if (found !== undefined) this.#topics.add(topic)
    else if (!this.#config.autoCreateTopics) throw new PipelineError('TARGET_MISSING', { target: nameOfTopic(topic) })
    return found !== undefined
  }

  async #check(topics: readonly string[]): Promise<void> {
    try {
      await this.#try(this.#target, () => this.#care.check(topics))
    } catch (error) {
      for (const topic of topics) this.#topics.delete(topic)
      throw error
    }
  }

  async #try<T>(target: string, attempt: () => Promise<T>): Promise<T> {
    return attempt().catch((error: unknown) => {
      throw this.#classified(error, target)
    })
  }

  #classified(error: unknown, target: string): PipelineError {
    const failure = classify(error, target)
    if (failure.code === 'TARGET_AUTHENTICATION') this.#forgetAccess()
    return failure
  }

  #keepTrying(error: unknown): boolean {
    const failure = this.#classified(error, this.#target)
    if (failure.disposition !== 'retry' || Date.now() >= this.#deadline) return false
    this.trouble = failure
    return true
  }

  /** After an abort the session is over, because a send may still be under way in it. */
  async #untilAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    if (signal.aborted) throw new PipelineError('DELIVERY_RELEASED')
    let abort = () => {}
    const aborted = new Promise<never>((_, reject) => {
      abort = () => {
        reject(new PipelineError('DELIVERY_RELEASED'))
        void this.close()
      }
    })
    signal.addEventListener('abort', abort)
    try {
      await Promise.race([aborted, work()])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async #clientOptions(): Promise<KafkaClientOptions> {
    const { brokers, clientId, connectTimeoutMs } = this.#cluster
    const { tls, sasl, forget } = await createAccess(this.#cluster, this.#context.directory)
    this.#forgetAccess = forget
    return {
      brokers: parseBrokers(brokers) as readonly Broker[],
      clientId: clientId || this.#context.name,
      ...(tls && { tls }),
      ...(sasl && { sasl }),
      connectTimeoutMs,
      requestTimeoutMs: this.#config.requestTimeoutMs,
      compression: this.#config.compression,
      keepTrying: (error) => this.#keepTrying(error),
    }
  }
}
