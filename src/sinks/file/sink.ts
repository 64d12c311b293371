import { type FileHandle, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { makeDirectory, syncData, syncDirectory } from '../../core/durable.ts'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { Record } from '../../core/record.ts'
import type { Prepared, Sink, WriteResult } from '../../core/sink.ts'
import type { SinkContext, SinkDefinition } from '../definition.ts'
import { type FileSinkConfig, sinkFields } from './config.ts'
import { cutTornLine, pieces, writeAll } from './durable.ts'
import { previewFile } from './preview.ts'
import { createRequestBuilder, type FileRequest } from './request.ts'
import { finish, finishedFiles, remove } from './segments.ts'

export const fileSink: SinkDefinition<typeof sinkFields, FileRequest> = {
  type: 'file-sink',
  fields: sinkFields,
  create: (config, context) => new FileSink(config, context),
  preview: previewFile,
}

interface Active {
  readonly handle: FileHandle
  readonly bornMs: number
  /** Where the lines end, those of other processes too. */
  size: number
}

/** Files being written by this process. Two writers would cut each other's lines. */
const taken = new Set<string>()

class FileSink implements Sink<FileRequest> {
  readonly #config: FileSinkConfig
  readonly #context: SinkContext
  readonly #path: string
  readonly #build: (record: Record) => Prepared<FileRequest>
  #owner = false
  #active: Active | undefined
  #finishedBytes = 0

  constructor(config: FileSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
    this.#path = resolve(context.directory, config.path)
    this.#build = createRequestBuilder(config.content)
  }

  async open(signal: AbortSignal): Promise<void> {
    refuseAborted(signal)
    if (!this.#owner && taken.has(this.#path)) throw new PipelineError('FILE_TAKEN', { path: this.#path })
    taken.add(this.#path)
    this.#owner = true
    await this.#orFailed(() => this.#open())
  }

  prepare(record: Record): Prepared<FileRequest> {
    const prepared = this.#build(record)
    const limit = this.#config.maxTotalBytes
    if (prepared.bytes <= limit) return prepared
    throw new PipelineError('RECORD_TOO_LARGE', {
      bytes: prepared.bytes,
      limit,
      target: `${this.#path} ("${sinkFields.maxTotalBytes.label}")`,
    })
  }

  async write(batch: readonly FileRequest[], signal: AbortSignal): Promise<WriteResult> {
    refuseAborted(signal)
    await this.#orFailed(async () => {
      await this.#makeRoom(batch.reduce((sum, { length }) => sum + length, 0))
      await this.#append(batch)
    })
    return { rejected: [] }
  }

  async close(): Promise<void> {
    if (this.#owner) taken.delete(this.#path)
    this.#owner = false
    const active = this.#active
    this.#active = undefined
    await active?.handle.close()
  }

  /** Continues the file, after cutting a line that a crash left unfinished: no such line was ever confirmed. */
  async #open(): Promise<Active> {
    const directory = dirname(this.#path)
    await makeDirectory(directory)
    const handle = await open(this.#path, 'a+')
    try {
      const cut = await cutTornLine(handle)
      if (cut > 0) this.#context.warn(`${this.#path}: an unfinished last line of ${cut} bytes was cut off`)
      await syncDirectory(directory)
      await this.#count()
      const { size, birthtimeMs } = await handle.stat()
      this.#active = { handle, size, bornMs: birthtimeMs }
      return this.#active
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The open file as it is now; a new one where somebody has deleted it. */
  async #current(): Promise<Active> {
    const active = this.#active
    if (!active) return this.#open()
    const { nlink, size } = await active.handle.stat()
    active.size = size
    if (nlink > 0) return active
    await this.#abandon()
    return this.#open()
  }

  async #append(lines: readonly FileRequest[]): Promise<void> {
    const active = await this.#current()
    let end = active.size
    try {
      for (const piece of pieces(lines))
        await writeAll(active.handle, piece, (written) => {
          end += written
        })
      await syncData(active.handle)
      active.size = end
    } catch (error) {
      await cutBack(active, end).catch(ignore)
      await this.#abandon()
      throw error
    }
  }

  /** After a failed sync a descriptor says that all is well although it is not: never use it again. */
  async #abandon(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    await active?.handle.close().catch(ignore)
  }

  async #makeRoom(bytes: number): Promise<void> {
    const active = await this.#current()
    if (active.size > 0 && this.#isDue(active, bytes)) await this.#rotate()
    if (this.#fits(bytes)) return
    await this.#count()
    while (!this.#fits(bytes)) await this.#dropOldest()
  }

  #isDue({ size, bornMs }: Active, bytes: number): boolean {
    const { maxFileBytes, maxFileAgeMs } = this.#config
    return size + bytes > maxFileBytes || (maxFileAgeMs > 0 && Date.now() - bornMs > maxFileAgeMs)
  }

  async #rotate(): Promise<void> {
    await this.#abandon()
    await finish(this.#path)
    await this.#open()
  }

  #fits(bytes: number): boolean {
    return this.#finishedBytes + (this.#active?.size ?? 0) + bytes <= this.#config.maxTotalBytes
  }

  async #count(): Promise<void> {
    this.#finishedBytes = (await finishedFiles(this.#path)).reduce((sum, file) => sum + file.bytes, 0)
  }

  async #dropOldest(): Promise<void> {
    const [oldest] = this.#config.whenFull === 'drop-oldest' ? await finishedFiles(this.#path) : []
    if (!oldest) throw new PipelineError('FILE_FULL', { path: this.#path, limit: this.#config.maxTotalBytes })
    const lines = await remove(oldest.path)
    this.#finishedBytes -= oldest.bytes
    this.#context.warn(`${lines} lines were deleted with ${oldest.path}: the disk limit was reached`)
  }

  async #orFailed(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof PipelineError) throw error
      throw new PipelineError('FILE_FAILED', { path: this.#path, problem: messageOf(error) }, error)
    }
  }
}

/** Takes away what we have written up to `end`, unless somebody else has written too: that may be confirmed. */
async function cutBack({ handle, size }: Active, end: number): Promise<void> {
  if ((await handle.stat()).size === end) await handle.truncate(size)
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new PipelineError('DELIVERY_RELEASED')
}

const ignore = () => {}
