import { PipelineError } from '../../core/errors.ts'
import { type Publisher, PublishRefused, Unconfirmed } from '../../core/publisher.ts'
import type { Record } from '../../core/record.ts'
import { pause } from '../../core/retry.ts'
import type { Prepared, Sink, WriteResult } from '../../core/sink.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { type MqttSinkConfig, sinkFields } from './config.ts'
import { classify } from './errors.ts'
import { inOrder } from './in-order.ts'
import { previewMessage } from './preview.ts'
import { createRequestBuilder, type MqttRequest } from './request.ts'

export const mqttSink: SinkDefinition<typeof sinkFields, MqttRequest> = {
  type: 'mqtt-v3-out',
  fields: sinkFields,
  create: (config, context) => new MqttSink(config, context),
  preview: previewMessage,
}

/** So many connections that ended with one message alone under way say something about the message. */
const TELLING = 3

/** A message that was published and not confirmed. */
interface Tried {
  attempts: number
  /** Monotonic ms. */
  failedAt: number
}

class MqttSink implements Sink<MqttRequest> {
  readonly #config: MqttSinkConfig
  readonly #publisher: Publisher
  readonly prepare: (record: Record) => Prepared<MqttRequest>
  /** What a failed write has confirmed all the same, or found to be refused: the caller writes the batch again. */
  readonly #confirmed = new WeakSet<MqttRequest>()
  readonly #refused = new WeakMap<MqttRequest, PipelineError>()
  readonly #tried = new Map<MqttRequest, Tried>()
  readonly #underWay = new Set<MqttRequest>()

  constructor(config: MqttSinkConfig, context: SinkContext) {
    this.#config = config
    this.#publisher = context.publisher!('source')
    this.prepare = createRequestBuilder(config)
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#publisher.ready(signal)
  }

  async write(batch: readonly MqttRequest[], signal: AbortSignal): Promise<WriteResult> {
    this.#giveUpOthers(new Set(batch))
    const open = batch.filter((request) => !this.#confirmed.has(request) && !this.#refused.has(request))
    await untilAborted(signal, this.#publishAll(open, signal))
    return {
      rejected: batch.flatMap((request, index) => {
        const error = this.#refused.get(request)
        return error ? [{ index, error }] : []
      }),
    }
  }

  close(): Promise<void> {
    this.#giveUpOthers(new Set())
    for (const request of this.#underWay) this.#publisher.giveUp(request)
    return this.#publisher.close()
  }

  /** What was not confirmed goes first and alone: should one of them end every connection, the others do not pay for it. */
  async #publishAll(open: readonly MqttRequest[], signal: AbortSignal): Promise<void> {
    const again = open.filter((request) => this.#tried.has(request))
    const first = open.filter((request) => !this.#tried.has(request))
    await inOrder(again, 1, async (request) => {
      await pause(this.#waitMs(request), signal)
      await this.#publish(request, signal)
    })
    await inOrder(first, this.#config.maxInflight, (request) => this.#publish(request, signal))
  }

  async #publish(request: MqttRequest, signal: AbortSignal): Promise<void> {
    this.#underWay.add(request)
    try {
      await this.#publisher.ready(signal)
      await this.#publisher.publish(request)
      this.#confirmed.add(request)
      this.#tried.delete(request)
    } catch (error) {
      const failure = this.#judge(request, error)
      if (failure.disposition !== 'reject') throw failure
      this.#refused.set(request, failure)
      this.#giveUp(request)
    } finally {
      this.#underWay.delete(request)
    }
  }

  #judge(request: MqttRequest, error: unknown): PipelineError {
    const failure = classify(error, request.topic)
    const isRefused = error instanceof PublishRefused && failure.disposition === 'retry'
    if (!isRefused && !(error instanceof Unconfirmed)) return failure
    const tried = this.#tried.get(request) ?? { attempts: 0, failedAt: 0 }
    tried.attempts++
    tried.failedAt = performance.now()
    this.#tried.set(request, tried)
    const { attempts } = tried
    const problem = failure.message
    if (this.#config.publishAttempts > 0 && attempts >= this.#config.publishAttempts)
      return new PipelineError('RETRIES_EXHAUSTED', { attempts, problem }, error)
    if (attempts < TELLING || isRefused) return failure
    const { topic, payload } = request
    return new PipelineError('BROKER_HANGS_UP', { attempts, bytes: payload.length, topic, problem }, error)
  }

  #waitMs(request: MqttRequest): number {
    const { failedAt } = this.#tried.get(request)!
    return Math.max(0, failedAt + this.#config.publishBackoffMs - performance.now())
  }

  /** What the caller does not write again is lost to us, and must not take the place of anything. */
  #giveUpOthers(batch: ReadonlySet<MqttRequest>): void {
    for (const request of this.#tried.keys()) if (!batch.has(request)) this.#giveUp(request)
  }

  #giveUp(request: MqttRequest): void {
    this.#tried.delete(request)
    this.#publisher.giveUp(request)
  }
}

async function untilAborted(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new PipelineError('DELIVERY_RELEASED'))
  })
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  try {
    await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
