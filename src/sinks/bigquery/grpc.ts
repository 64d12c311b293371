import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import { messageOf, PipelineError } from '../../core/errors.ts'
import { decodeStatus } from './append.ts'

/** A call that the server has ended with anything but OK, or that broke off, which is UNAVAILABLE. */
export class GrpcError extends Error {
  readonly code: number
  /** Google's own code for a failure of the Storage Write API; 0 where it gives none. */
  readonly storageCode: number
  constructor(code: number, message: string, storageCode = 0, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'GrpcError'
    this.code = code
    this.storageCode = storageCode
  }
}

const ok = 0
const deadlineExceeded = 4
const unavailable = 14

export interface ChannelOptions {
  /** `https://bigquerystorage.googleapis.com`, or `http://` for an emulator. */
  readonly origin: string
  readonly service: string
  /** Who we are, asked for at each call. */
  readonly headers: () => Promise<{ readonly [name: string]: string }>
  /** How long a connection or an answer may take. */
  readonly timeoutMs: number
}

/** A connection to a gRPC service, made when it is needed and made again when it is lost. Calls reject with GrpcErrors. */
export class GrpcChannel {
  readonly #options: ChannelOptions
  #session: ClientHttp2Session | undefined
  constructor(options: ChannelOptions) {
    this.#options = options
  }

  /** One message there and one back. `routing` tells Google's front which servers have the resource. */
  async unary(method: string, message: Uint8Array, routing: string, signal: AbortSignal): Promise<Buffer> {
    const call = await this.open(method, routing)
    try {
      return await call.ask(message, signal)
    } finally {
      call.close()
    }
  }

  async open(method: string, routing: string): Promise<GrpcCall> {
    const { service, headers, timeoutMs } = this.#options
    const authorization = await headers()
    const stream = this.#connected().request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/${service}/${method}`,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      'x-goog-request-params': routing,
      'user-agent': 'rowline',
      ...authorization,
    })
    return new GrpcCall(stream, timeoutMs, () => this.close())
  }

  /** Breaks off every call. The next one makes a new connection. */
  close(): void {
    this.#session?.destroy()
    this.#session = undefined
  }

  #connected(): ClientHttp2Session {
    if (this.#session && !this.#session.destroyed && !this.#session.closed) return this.#session
    const session = connect(this.#options.origin)
    // Each call hears of it as well.
    session.on('error', () => {})
    session.on('goaway', () => session.close())
    session.unref()
    this.#session = session
    return session
  }
}

interface Waiting {
  resolve(message: Buffer): void
  reject(error: unknown): void
}

/** A call that is open in both directions. One question at a time. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream
  readonly #timeoutMs: number
  readonly #lost: () => void
  #received: Buffer = Buffer.alloc(0)
  #waiting: Waiting | undefined
  #failure: GrpcError | undefined
  #trailers: IncomingHttpHeaders | undefined

  /** `lost` is called when an answer does not come: the connection is then not to be trusted. */
  constructor(stream: ClientHttp2Stream, timeoutMs: number, lost: () => void) {
    this.#stream = stream
    this.#timeoutMs = timeoutMs
    this.#lost = lost
    stream.on('response', (headers) => this.#started(headers))
    stream.on('trailers', (trailers) => {
      this.#trailers = trailers
    })
    stream.on('data', (chunk: Buffer) => this.#receive(chunk))
    stream.on('error', (error: unknown) => this.#fail(new GrpcError(unavailable, messageOf(error), 0, error)))
    stream.on('close', () => this.#fail(statusOf(this.#trailers)))
  }

  /** Whether the server has ended the call, so that another one is needed. */
  get isOver(): boolean {
    return this.#failure !== undefined
  }

  /** Sends a message and gives the next one that comes. Rejects with a GrpcError, or DELIVERY_RELEASED when aborted. */
  async ask(message: Uint8Array, signal: AbortSignal): Promise<Buffer> {
    if (this.#failure) throw this.#failure
    if (signal.aborted) throw new PipelineError('DELIVERY_RELEASED')
    const patience = AbortSignal.timeout(this.#timeoutMs)
    const giveUp = () => {
      const timedOut = new GrpcError(deadlineExceeded, `no answer within ${this.#timeoutMs} ms`)
      this.#waiting?.reject(signal.aborted ? new PipelineError('DELIVERY_RELEASED') : timedOut)
      this.#lost()
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

  #started(headers: IncomingHttpHeaders): void {
    const status = Number(headers[':status'])
    if (headers['grpc-status'] !== undefined) this.#trailers = headers
    else if (status !== 200) this.#fail(new GrpcError(codeOfHttp(status), `HTTP status ${status}`))
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

  #fail(error: GrpcError): void {
    this.#failure ??= error
    this.#waiting?.reject(this.#failure)
  }
}

/** A flag for compression, and the length in four bytes. */
const frameHead = 5

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHead + message.length)
  frame.writeUInt8(0, 0)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, frameHead)
  return frame
}

function statusOf(trailers: IncomingHttpHeaders | undefined): GrpcError {
  if (!trailers || trailers['grpc-status'] === undefined)
    return new GrpcError(unavailable, 'the connection was closed before an answer')
  const code = Number(trailers['grpc-status'])
  const text = decoded(String(trailers['grpc-message'] ?? ''))
  const details = trailers['grpc-status-details-bin']
  const storageCode = details === undefined ? 0 : decodeStatus(Buffer.from(String(details), 'base64')).storageCode
  if (code === ok) return new GrpcError(unavailable, 'the server has ended the call')
  return new GrpcError(code, text, storageCode)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** As gRPC says for answers that do not come from a gRPC server. */
function codeOfHttp(status: number): number {
  const codes: { readonly [status: number]: number } = { 400: 13, 401: 16, 403: 7, 404: 12 }
  return codes[status] ?? ([429, 502, 503, 504].includes(status) ? unavailable : 2)
}
