import path from 'node:path'
import { PipelineError, toPipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import type { Prepared, Sink, WriteResult } from '../../core/sink.ts'
import { type Authorization, createAuthorization, nobody } from '../../google/authorization.ts'
import type { GoogleConfig } from '../../google/config.ts'
import { GrpcChannel } from '../../google/grpc.ts'
import { inTime } from '../../google/in-time.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { AppendStream } from './append-stream.ts'
import type { Target } from './columns.ts'
import { type BigQuerySinkConfig, sinkFields } from './config.ts'
import { describeRows } from './descriptor.ts'
import { classifyCall, classifyRest } from './errors.ts'
import { ExactlyOnceWriter, withoutOutbox } from './exactly-once.ts'
import { IntentFile } from './intents.ts'
import { previewRow } from './preview.ts'
import { type BigQueryRequest, createRequestBuilder } from './request.ts'
import { originOf, TableRest } from './rest.ts'
import { prepareTable } from './table.ts'
import { DefaultStreamWriter, type Fates, InsertAllWriter, type TableWriter } from './writer.ts'

export const bigquerySink: SinkDefinition<typeof sinkFields, BigQueryRequest> = {
  type: 'bigquery-sink',
  fields: sinkFields,
  create: (config, context) => new BigQuerySink(config, context),
  preview: previewRow,
}

const service = 'google.cloud.bigquery.storage.v1.BigQueryWrite'

interface Parts {
  readonly rest: TableRest
  readonly writer: TableWriter
  readonly channel: GrpcChannel
}

class BigQuerySink implements Sink<BigQueryRequest> {
  readonly #config: BigQuerySinkConfig
  readonly #cloud: GoogleConfig
  readonly #context: SinkContext
  readonly #name: string
  readonly #targets: readonly Target[]
  readonly prepare: (record: Record) => Prepared<BigQueryRequest>
  #parts: Parts | undefined
  #known: Promise<Authorization> | undefined
  #isTableChecked = false
  /** What a failed write has stored all the same: the caller writes the batch again, or parts of it. */
  readonly #stored = new WeakSet<BigQueryRequest>()

  constructor(config: BigQuerySinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#cloud = context.connection<GoogleConfig>('cloud')
    checkEmulators(config, this.#cloud)
    this.#name = `The BigQuery table ${this.#cloud.projectId}.${config.dataset}.${config.table}`
    const { targets, prepare } = createRequestBuilder(config, context.rowSchema('schema'))
    this.#targets = targets
    this.prepare = prepare
  }

  async open(signal: AbortSignal): Promise<void> {
    const { writer } = this.#connected()
    await this.#checkTable(signal)
    await this.#classified(() => writer.open(signal))
  }

  async write(batch: readonly BigQueryRequest[], signal: AbortSignal): Promise<WriteResult> {
    const { writer } = this.#connected()
    if (!this.#isTableChecked) await this.#checkTable(signal)
    const rejected = new Map<BigQueryRequest, PipelineError>()
    const fates: Fates = {
      stored: (request) => void this.#stored.add(request),
      rejected: (request, error) => void rejected.set(request, error),
    }
    const missing = batch.filter((request) => !this.#stored.has(request))
    try {
      const isChanged = await this.#classified(() => writer.write(missing, fates, signal))
      this.#isTableChecked = !isChanged
    } catch (error) {
      this.#isTableChecked = false
      // What looks like the fault of a record may be that of the table: then all of them wait.
      if ((error as PipelineError).disposition === 'reject') await this.#checkTable(signal)
      throw error
    }
    return { rejected: batch.flatMap((request, index) => rejection(rejected.get(request), index)) }
  }

  isStored(request: BigQueryRequest): boolean {
    return this.#stored.has(request)
  }

  async close(): Promise<void> {
    this.#parts?.writer.close()
    this.#parts?.channel.close()
  }

  async #checkTable(signal: AbortSignal): Promise<void> {
    const { rest } = this.#connected()
    await prepareTable(rest, { targets: this.#targets, options: this.#config, name: this.#name }, signal).catch(
      this.#forget,
    )
    this.#isTableChecked = true
  }

  async #classified<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const isRest = this.#config.writeMethod === 'insertAll'
      return this.#forget(isRest ? classifyRest(error, this.#name) : classifyCall(error, this.#name))
    }
  }

  #connected(): Parts {
    this.#parts ??= this.#connect()
    return this.#parts
  }

  #authorization(): Promise<Authorization> {
    if (this.#cloud.bigqueryEmulator !== '') return Promise.resolve(nobody)
    this.#known ??= createAuthorization(this.#cloud, this.#context.directory).catch(this.#forget)
    return this.#known
  }

  /** A refused token or key is read again with the next write: somebody may have replaced it. */
  readonly #forget = (error: unknown): never => {
    if (toPipelineError(error).code.startsWith('CREDENTIALS_')) this.#known = undefined
    throw error
  }

  #connect(): Parts {
    const { dataset, table, requestTimeoutMs: timeoutMs } = this.#config
    const known = async () => (await this.#authorization()).headers()
    const headers = (signal: AbortSignal) => inTime(known(), timeoutMs, signal)
    const { projectId: project, bigqueryEmulator, bigqueryStorageEmulator } = this.#cloud
    const rest = new TableRest({
      origin: originOf(this.#cloud),
      place: { project, dataset, table },
      headers,
      timeoutMs,
    })
    const channel = new GrpcChannel({
      origin: bigqueryEmulator === '' ? 'https://bigquerystorage.googleapis.com' : `http://${bigqueryStorageEmulator}`,
      service,
      headers,
      timeoutMs,
    })
    return { rest, channel, writer: this.#writer(rest, channel) }
  }

  #writer(rest: TableRest, channel: GrpcChannel): TableWriter {
    const { writeMethod, dataset, table } = this.#config
    if (writeMethod === 'insertAll') return new InsertAllWriter(rest, this.#name)
    const rows = {
      stream: new AppendStream(channel, this.#config.requestTimeoutMs),
      descriptor: describeRows(this.#targets),
      tablePath: `projects/${this.#cloud.projectId}/datasets/${dataset}/tables/${table}`,
      name: this.#name,
    }
    if (writeMethod === 'storageWrite') return new DefaultStreamWriter(rows)
    const { directory, name, outbox, warn } = this.#context
    if (outbox === undefined) throw withoutOutbox()
    const former = path.join(directory, 'rowline', 'exactly-once', name)
    const intents = new IntentFile(path.join(outbox, 'exactly-once'), former)
    return new ExactlyOnceWriter({ rows, channel, intents, warn })
  }
}

const rejection = (error: PipelineError | undefined, index: number) => (error ? [{ index, error }] : [])

/** With one of two emulators, half of the traffic would go to Google. */
function checkEmulators({ writeMethod }: BigQuerySinkConfig, cloud: GoogleConfig): void {
  const { bigqueryEmulator: rest, bigqueryStorageEmulator: storage } = cloud
  const isHalf = writeMethod === 'insertAll' ? rest === '' && storage !== '' : (rest === '') !== (storage === '')
  if (!isHalf) return
  const problem = 'needs the addresses of both BigQuery emulators, or of none'
  throw new PipelineError('CONFIG_INVALID', { field: 'Google Cloud', problem })
}
