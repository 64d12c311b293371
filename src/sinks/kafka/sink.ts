import { PipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import type { Prepared, Sink, WriteResult } from '../../core/sink.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { createAccess, readPem } from './access.ts'
import { createKafkaClient } from './choice.ts'
import { type KafkaClient, type KafkaClientOptions, SendError } from './client.ts'
import { type Broker, type ClusterConfig, type KafkaSinkConfig, parseBrokers, sinkFields } from './config.ts'
import { classify, nameOfCluster } from './errors.ts'
import { EventTimes } from './event-time.ts'
import { keyHashes } from './partitioner.ts'
import { previewRecord } from './preview.ts'
import { createRequestBuilder, type KafkaRequest } from './request.ts'
import { SchemaRegistry } from './schema-registry.ts'
import { limitSessions } from './session-limit.ts'
import { Collisions } from './topic-name.ts'
import { TopicRemarks } from './topic-remarks.ts'
import { Topics } from './topics.ts'
import { SchemaIds } from './wire-format.ts'

export const kafkaSink: SinkDefinition<typeof sinkFields, KafkaRequest> = {
  type: 'kafka-sink',
  fields: sinkFields,
  create: (config, context) => new KafkaSink(config, context),
  preview: previewRecord,
}

class KafkaSink implements Sink<KafkaRequest> {
  readonly #config: KafkaSinkConfig
  readonly #cluster: ClusterConfig
  readonly #context: SinkContext
  readonly #target: string
  readonly prepare: (record: Record) => Prepared<KafkaRequest>
  #client: KafkaClient | undefined
  #forgetAccess = () => {}
  readonly #remarks: TopicRemarks
  readonly #topics: Topics
  readonly #times: EventTimes
  readonly #collisions: Collisions
  #schemaIds: SchemaIds | undefined
  /** What a failed write has stored all the same: the caller writes the batch again, or parts of it. */
  readonly #stored = new WeakSet<KafkaRequest>()
  #deadline = 0
  trouble: PipelineError | undefined

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#cluster = context.connection<ClusterConfig>('cluster')
    this.#target = nameOfCluster(this.#cluster)
    this.#remarks = new TopicRemarks(this.#target, context.said ?? new Set(), context.warn)
    this.#topics = new Topics(config, () => this.#client!, this.#remarks)
    this.#times = new EventTimes((topic) => this.#topics.settings(topic))
    this.#collisions = new Collisions((first, second, topic) =>
      context.warn(`"${first}" and "${second}" are both written to the Kafka topic ${topic}`),
    )
    this.prepare = createRequestBuilder(config, (name, topic) => this.#collisions.note(name, topic))
  }

  get counters(): NonNullable<Sink['counters']> {
    return { 'topic collisions': this.#collisions.count, 'timestamps replaced': this.#times.replaced }
  }

  get weaknesses(): NonNullable<Sink['weaknesses']> {
    return this.#topics.weaknesses
  }

  async open(signal: AbortSignal): Promise<void> {
    const client = await this.#ready()
    await this.#untilAborted(signal, async () => {
      await client.connect().catch((error: unknown) => {
        throw classify(error, this.#target)
      })
      await this.#topics.open()
      this.#schemaIds ??= await this.#createSchemaIds()
      await this.#schemaIds?.open(this.#topics.fixed, signal)
    })
  }

  async write(batch: readonly KafkaRequest[], signal: AbortSignal): Promise<WriteResult> {
    const missing = batch.filter((request) => !this.#stored.has(request))
    if (missing.length > 0) {
      const client = await this.#ready()
      await this.#untilAborted(signal, () => this.#send(client, missing, signal))
    }
    return { rejected: this.#topics.refusesAny ? this.#rejections(batch) : [] }
  }

  isStored(request: KafkaRequest): boolean {
    return this.#stored.has(request)
  }

  async close(): Promise<void> {
    this.#remarks.say()
    await this.#client?.close()
  }

  async #send(client: KafkaClient, requests: readonly KafkaRequest[], signal: AbortSignal): Promise<void> {
    await this.#topics.ensure(requests)
    const possible = this.#topics.refusesAny
      ? requests.filter(({ topic }) => this.#topics.refusal(topic) === undefined)
      : requests
    if (possible.length === 0) return
    if (this.#config.timestampAttribute !== '') await this.#times.apply(possible)
    await this.#schemaIds?.apply(possible, signal)
    this.#deadline = Date.now() + this.#config.deliveryTimeoutMs
    try {
      await client.send(possible)
    } catch (error) {
      this.#topics.forget()
      this.#times.forget()
      if (!(error instanceof SendError)) throw error
      for (const request of error.stored) this.#stored.add(request)
      throw classify(error.cause, this.#target)
    } finally {
      this.trouble = undefined
    }
  }

  #rejections(batch: readonly KafkaRequest[]): WriteResult['rejected'] {
    return batch.flatMap((request, index) => {
      const error = this.#topics.refusal(request.topic)
      return error && !this.#stored.has(request) ? [{ index, error }] : []
    })
  }

  #keepTrying(error: unknown): boolean {
    const failure = classify(error, this.#target)
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
    } catch (error) {
      await this.#forgetRefused(error)
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Reads the files of the cluster node when there is no client yet. */
  async #ready(): Promise<KafkaClient> {
    this.#client ??= limitSessions(await createKafkaClient(this.#cluster.client, await this.#clientOptions()))
    return this.#client
  }

  /** What was refused may have been put right since: a token is asked for again, certificates are read again. */
  async #forgetRefused(error: unknown): Promise<void> {
    if (!(error instanceof PipelineError)) return
    if (error.code === 'TARGET_AUTHENTICATION') this.#forgetAccess()
    if (error.code !== 'TARGET_TLS') return
    const client = this.#client
    this.#client = undefined
    await client?.close()
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
      hash: keyHashes[this.#config.partitioner],
      keepTrying: (error) => this.#keepTrying(error),
    }
  }

  async #createSchemaIds(): Promise<SchemaIds | undefined> {
    const config = this.#config
    if (config.valueFormat === 'plain') return undefined
    const { schemaRegistryUrl: url, schemaRegistryUser: user, schemaRegistryPassword: password } = config
    const { schemaRegistryToken: token, schemaRegistryCa, requestTimeoutMs: timeoutMs } = config
    const { directory } = this.#context
    const ca = schemaRegistryCa && (await readPem(schemaRegistryCa, directory, `The schema registry at ${url}`))
    const registry = new SchemaRegistry({ url, user, password, token, ca, timeoutMs })
    return new SchemaIds(config, registry, this.#context.jsonSchema('schema'))
  }
}
