import type { PipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import type { Prepared, Rejection, Sink, WriteResult } from '../../core/sink.ts'
import { type Authorization, createAuthorization, nobody } from '../../google/authorization.ts'
import type { GoogleConfig } from '../../google/config.ts'
import { GrpcChannel } from '../../google/grpc.ts'
import { inTime } from '../../google/in-time.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { type PubsubSinkConfig, sinkFields } from './config.ts'
import { classify } from './errors.ts'
import { previewMessage } from './preview.ts'
import { createRequestBuilder, type PubsubRequest } from './request.ts'
import { fixedTopic } from './topic-name.ts'
import { countIds, getTopicRequest, publishRequest } from './wire.ts'

export const pubsubSink: SinkDefinition<typeof sinkFields, PubsubRequest> = {
  type: 'pubsub-sink',
  fields: sinkFields,
  create: (config, context) => new PubsubSink(config, context),
  preview: previewMessage,
}

/** Of the service, for one request; the bytes leave room for what is not counted. */
const mostMessages = 1000
const mostBytes = 9_000_000

interface Item {
  readonly index: number
  readonly request: PubsubRequest
}

/** In order; published together. */
type Chunk = readonly Item[]

class PubsubSink implements Sink<PubsubRequest> {
  readonly #cloud: GoogleConfig
  readonly #directory: string
  readonly #timeoutMs: number
  readonly #fixed: string | undefined
  readonly prepare: (record: Record) => Prepared<PubsubRequest>
  readonly #channel: GrpcChannel
  /** What a failed write has stored all the same: the caller writes the batch again, or parts of it. */
  readonly #stored = new WeakSet<PubsubRequest>()
  #authorization: Promise<Authorization> | undefined
  /** Of the write under way: its calls say the same. */
  #headers: ReturnType<Authorization['headers']> = nobody.headers()

  constructor(config: PubsubSinkConfig, context: SinkContext) {
    this.#cloud = context.connection<GoogleConfig>('cloud')
    this.#directory = context.directory
    this.#timeoutMs = config.requestTimeoutMs
    this.#fixed = fixedTopic(config.topic, this.#cloud.projectId)
    this.prepare = createRequestBuilder(config, this.#cloud.projectId)
    const { pubsubEmulator } = this.#cloud
    this.#channel = new GrpcChannel({
      origin: pubsubEmulator === '' ? `https://${config.endpoint}` : `http://${pubsubEmulator}`,
      service: 'google.pubsub.v1.Publisher',
      headers: () => this.#headers,
      timeoutMs: config.requestTimeoutMs,
    })
  }

  /** Who may only publish may not ask whether the topic exists: publishing tells. */
  async open(signal: AbortSignal): Promise<void> {
    this.#authorize()
    try {
      if (this.#fixed === undefined) return void (await inTime(this.#headers, this.#timeoutMs, signal))
      await this.#channel.unary('GetTopic', getTopicRequest(this.#fixed), routingOf(this.#fixed), signal)
    } catch (error) {
      const failure = this.#classified(error, this.#fixed ?? '')
      if (failure.code !== 'TARGET_AUTHORIZATION') throw failure
    }
  }

  async write(batch: readonly PubsubRequest[], signal: AbortSignal): Promise<WriteResult> {
    this.#authorize()
    const rejected: Rejection[] = []
    const failed: Rejection[] = []
    const missing = batch
      .map((request, index) => ({ request, index }))
      .filter(({ request }) => !this.#stored.has(request))
    await Promise.all(lanesOf(missing).map((lane) => this.#publishLane(lane, { rejected, failed }, signal)))
    if (failed.length === 0) return { rejected }
    const first = worst(failed)
    const isAll = failed.length === batch.length && !(this.#fixed === undefined && failed.every(isOfTopic))
    if (first.disposition === 'reject' || isAll || signal.aborted) throw first
    return { rejected, held: failed }
  }

  isStored(request: PubsubRequest): boolean {
    return this.#stored.has(request)
  }

  close(): Promise<void> {
    this.#channel.close()
    return Promise.resolve()
  }

  /** One after the other, up to the first that fails. */
  async #publishLane(
    chunks: readonly Chunk[],
    { rejected, failed }: { readonly rejected: Rejection[]; readonly failed: Rejection[] },
    signal: AbortSignal,
  ): Promise<void> {
    for (const [i, chunk] of chunks.entries()) {
      const error = await this.#publish(chunk, signal)
      if (error?.disposition === 'reject' && chunk.length === 1) rejected.push({ index: chunk[0]!.index, error })
      else if (error) {
        failed.push(...chunks.slice(i).flatMap((left) => left.map(({ index }) => ({ index, error }))))
        return
      }
    }
  }

  async #publish(chunk: Chunk, signal: AbortSignal): Promise<PipelineError | undefined> {
    const { topic } = chunk[0]!.request
    try {
      const request = publishRequest(
        topic,
        chunk.map(({ request }) => request.message),
      )
      const ids = countIds(await this.#channel.unary('Publish', request, routingOf(topic), signal))
      if (ids !== chunk.length) throw new Error(`it has confirmed ${ids} of ${chunk.length} messages`)
      for (const { request } of chunk) this.#stored.add(request)
      return undefined
    } catch (error) {
      return this.#classified(error, topic)
    }
  }

  /** A refused token or key is read again with the next write: somebody may have replaced it. */
  #classified(error: unknown, topic: string): PipelineError {
    const failure = classify(error, topic)
    if (failure.code.startsWith('CREDENTIALS_')) this.#authorization = undefined
    return failure
  }

  #authorize(): void {
    if (this.#cloud.pubsubEmulator !== '') return
    this.#authorization ??= createAuthorization(this.#cloud, this.#directory)
    this.#headers = this.#authorization.then((authorization) => authorization.headers())
    // Each call hears of it as well.
    this.#headers.catch(() => {})
  }
}

/** What is wrong with one topic is not wrong with all of Pub/Sub. */
const isOfTopic = ({ error: { code } }: Rejection) => code === 'TARGET_MISSING' || code === 'TARGET_AUTHORIZATION'

const routingOf = (topic: string) => `topic=${encodeURIComponent(topic)}`

/** What an operator has to put right comes before what passes; a refused record before both. */
function worst(failed: readonly Rejection[]): PipelineError {
  const of = (disposition: PipelineError['disposition']) =>
    failed.find(({ error }) => error.disposition === disposition)
  return (of('reject') ?? of('fatal') ?? of('config') ?? failed[0]!).error
}

/** Messages of one topic and key go in sequence; without a key, every chunk by itself. */
function lanesOf(items: readonly Item[]): readonly (readonly Chunk[])[] {
  const lanes = new Map<string, Item[]>()
  for (const item of items) {
    const { topic, key } = item.request
    const name = `${topic} ${key}`
    const lane = lanes.get(name)
    if (lane) lane.push(item)
    else lanes.set(name, [item])
  }
  return [...lanes.values()].flatMap((lane) => {
    const chunks = chunksOf(lane)
    return lane[0]!.request.key === '' ? chunks.map((chunk) => [chunk]) : [chunks]
  })
}

function chunksOf(items: readonly Item[]): readonly Chunk[] {
  const chunks: Item[][] = []
  let bytes = 0
  for (const item of items) {
    const { length } = item.request.message
    const last = chunks.at(-1)
    bytes += length
    if (last && last.length < mostMessages && bytes <= mostBytes) last.push(item)
    else {
      chunks.push([item])
      bytes = length
    }
  }
  return chunks
}
