import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { PipelineError } from '../../core/errors.ts'
import { GrpcError } from '../../google/errors.ts'
import { brokenOff, failureOf, framed, frameHead } from '../../google/grpc.ts'

/** A call that is open in both directions. One question at a time. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream
  readonly #timeoutMs: number
  #received: Buffer = Buffer.alloc(0)
  #waiting: { resolve(message: Buffer): void; reject(error: unknown): void } | undefined
  #failure: GrpcError | undefined

  constructor(stream: ClientHttp2Stream, timeoutMs: number) {
    this.#stream = stream
    this.#timeoutMs = timeoutMs
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined || headers[':status'] !== 200) this.#ended(headers)
    })
    // Our side of the stream stays open: it is not closed by the end of the other.
    stream.on('trailers', (trailers) => this.#ended(trailers))
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('error', (error: unknown) => this.#fail(brokenOff(error)))
    stream.on('close', () => this.#ended(undefined))
  }

  /** Whether the server has ended the call, so that another one is needed. */
  get isOver(): boolean {
    return this.#failure !== undefined
  }

  /**
   * Sends a message and gives the next one that comes. Rejects with a GrpcError, or DELIVERY_RELEASED when aborted. An
   * answer that does not come in time ends the connection, which is then not to be trusted.
   */
  async ask(message: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    if (this.#failure) throw this.#failure
    if (signal.aborted) throw new PipelineError('DELIVERY_RELEASED')
    const patience = AbortSignal.timeout(this.#timeoutMs)
    const giveUp = () => {
      const late = new GrpcError('DEADLINE_EXCEEDED', `no answer within ${this.#timeoutMs} ms`)
      this.#waiting?.reject(signal.aborted ? new PipelineError('DELIVERY_RELEASED') : late)
      this.#stream.session?.destroy()
    }
    for (const one of [signal, patience]) one.addEventListener('abort', giveUp, { once: true })
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        this.#stream.write(framed(message))
      })
    } finally {
      this.#waiting = undefined
      for (const one of [signal, patience]) one.removeEventListener('abort', giveUp)
    }
  }

  close(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    while (this.#received.length >= frameHead) {
      const end = frameHead + this.#received.readUInt32BE(1)
      if (this.#received.length < end) return
      const message = this.#received.subarray(frameHead, end)
      this.#received = this.#received.subarray(end)
      this.#waiting?.resolve(message)
    }
  }

  #ended(status: IncomingHttpHeaders | undefined): void {
    this.#fail(failureOf(status) ?? new GrpcError('UNAVAILABLE', 'the server has ended the call'))
  }

  #fail(error: GrpcError): void {
    this.#failure ??= error
    this.#waiting?.reject(this.#failure)
  }
}
