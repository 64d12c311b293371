import path from 'node:path'
import { parseFields } from '../../src/config/fields.ts'
import type { ByteBudget } from '../../src/core/byte-budget.ts'
import type { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { Sink } from '../../src/core/sink.ts'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { sinkFields } from '../../src/sinks/file/config.ts'
import { deadLetter, type FileRequest } from '../../src/sinks/file/request.ts'
import { fileSink } from '../../src/sinks/file/sink.ts'

export interface Rejected {
  readonly record: Record
  readonly error: PipelineError
}

interface DeadRecord extends Record {
  readonly error: PipelineError
}

export interface DeadLetterOptions {
  readonly directory: string
  /** The node's id. */
  readonly source: string
  /** Of all files together, at least 16 MiB. */
  readonly maxBytes: number
  readonly memory: ByteBudget
  readonly warn: (message: string) => void
}

const CLOSE_MS = 3000
/** Full in so many files: room can be made without touching the one that is being written. */
const FILES = 16
const MOST_FILE_BYTES = 64 << 20

/** Where the rejected readings of one node go when nobody else takes them: lines of JSON, fsynced. */
export class DeadLetters {
  readonly #options: DeadLetterOptions
  #runner: SinkRunner<FileRequest> | undefined
  #closed = false

  /** Nothing is created before the first dead letter. */
  constructor(options: DeadLetterOptions) {
    this.#options = options
  }

  /** Says whether all are on disk, or the node was closed before. Never says anything of one that cannot be stored. */
  store(rejected: readonly Rejected[], onSettled: (isStored: boolean) => void): void {
    if (this.#closed) {
      onSettled(false)
      return
    }
    this.#runner ??= this.#open()
    const records: DeadRecord[] = rejected.map(({ record, error }) => ({ ...record, error }))
    this.#runner.submit(records, (settled) => {
      const [refused] = settled.status === 'written' ? settled.rejected : []
      if (refused)
        this.#options.warn(`A rejected reading cannot be stored and stays unacknowledged: ${refused.error.message}`)
      else onSettled(settled.status === 'written')
    })
  }

  get error(): PipelineError | undefined {
    return this.#runner?.snapshot().error
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#runner?.close(CLOSE_MS)
  }

  #open(): SinkRunner<FileRequest> {
    const { directory, source, maxBytes, memory, warn } = this.#options
    const file = path.join(directory, 'rejected.ndjson')
    const maxFileBytes = Math.min(MOST_FILE_BYTES, Math.floor(maxBytes / FILES))
    const config = parseFields(sinkFields, { path: file, maxFileBytes, maxTotalBytes: maxBytes }).config!
    const sink = fileSink.create(config, {
      directory,
      name: source,
      warn,
      jsonSchema: () => undefined,
      rowSchema: () => undefined,
      connection: () => {
        throw new Error('a file has no connection')
      },
    })
    const runner = new SinkRunner(asDeadLetterSink(sink, source), config, memory)
    runner.start()
    warn(`Rejected readings are stored in ${file}`)
    return runner
  }
}

function asDeadLetterSink(sink: Sink<FileRequest>, source: string): Sink<FileRequest> {
  return {
    open: (signal) => sink.open(signal),
    prepare: (record) => deadLetter(record, (record as DeadRecord).error, source),
    write: (batch, signal) => sink.write(batch, signal),
    close: () => sink.close(),
  }
}
