import { GrpcError } from '../../google/errors.ts'
import type { GrpcChannel } from '../../google/grpc.ts'
import { type Append, type Appended, decodeAppended, encodeAppend } from './append.ts'
import { storageCodeIn } from './errors.ts'
import { GrpcCall } from './grpc-call.ts'

/** What is stored where nothing in it is rejected: an append whose answer has no error. */
export type Answer = Pick<Appended, 'rowErrors' | 'isSchemaUpdated'>

export type Rows = Omit<Append, 'descriptor'> & { readonly descriptor: Buffer }

/** Appends to one stream after the other, over a call that is opened when it is needed. One append at a time. */
export class AppendStream {
  readonly #channel: GrpcChannel
  readonly #timeoutMs: number
  #call: GrpcCall | undefined
  /** What the open call has been told. */
  #told: { readonly stream: string; readonly descriptor: Buffer } | undefined
  constructor(channel: GrpcChannel, timeoutMs: number) {
    this.#channel = channel
    this.#timeoutMs = timeoutMs
  }

  /**
   * Resolves when every row is stored, or none because some have errors. Rejects with a GrpcError, also where Google
   * answers with an error inside the stream; whether the rows are stored is then known by its code alone.
   */
  async append({ stream, offset, descriptor, rows }: Rows, signal: AbortSignal): Promise<Answer> {
    if (this.#call?.isOver || this.#told?.stream !== stream || !this.#told.descriptor.equals(descriptor)) this.close()
    const isFirst = this.#call === undefined
    this.#call ??= await this.#open(stream, signal)
    this.#told = { stream, descriptor }
    const request = encodeAppend({
      stream,
      rows,
      ...(offset !== undefined && { offset }),
      ...(isFirst && { descriptor }),
    })
    try {
      const answer = decodeAppended(await this.#call.ask(request, signal))
      if (answer.rowErrors.length === 0 && answer.error) {
        const { code, message, details } = answer.error
        throw new GrpcError(code, message, { details })
      }
      if (answer.rowErrors.length === 0 && !answer.isAppended)
        throw new Error('an answer that does not say what became of the rows')
      return answer
    } catch (error) {
      this.close()
      throw isFirst ? error : onceMore(error)
    }
  }

  async #open(stream: string, signal: AbortSignal): Promise<GrpcCall> {
    const call = await this.#channel.open('AppendRows', `write_stream=${encodeURIComponent(stream)}`, signal)
    return new GrpcCall(call, this.#timeoutMs)
  }

  close(): void {
    this.#call?.close()
    this.#call = undefined
  }
}

const invalidArgument = 3

/** A call that is refused in its middle says less about the rows than a new one. */
function onceMore(error: unknown): unknown {
  if (!(error instanceof GrpcError) || error.code !== invalidArgument || storageCodeIn(error) > 0) return error
  return new GrpcError('ABORTED', error.message, { cause: error })
}
