import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { messageOf, PipelineError } from '../core/errors.ts'
import { type GrpcCode, GrpcError } from './errors.ts'

export interface ChannelOptions {
  /** `https://pubsub.googleapis.com`, or `http://` for an emulator. */
  readonly origin: string
  readonly service: string
  /** Who we are, asked for at each call. */
  readonly headers: () => Promise<OutgoingHttpHeaders>
  /** How long an answer may take, the connection and the token included. */
  readonly timeoutMs: number
}

/** Google's servers take 100 calls at a time on a connection; what is more waits in it. */
const mostCalls = 100
const mostSessions = 4

/**
 * Connections to a gRPC service, made when they are needed and made again when they are lost. Why not @grpc/grpc-js:
 * docs/decisions/006.
 */
export class GrpcChannel {
  readonly #options: ChannelOptions
  readonly #sessions = new Map<ClientHttp2Session, number>()

  constructor(options: ChannelOptions) {
    this.#options = options
  }

  /**
   * One message there and one back. `routing` tells Google's front which servers have the resource. Rejects with a
   * GrpcError, with what `headers` rejects with, or with DELIVERY_RELEASED when aborted. An answer that does not come in
   * time ends the connection.
   */
  async unary(method: string, message: Uint8Array, routing: string, signal: AbortSignal): Promise<Buffer> {
    const { headers, timeoutMs } = this.#options
    let session: ClientHttp2Session | undefined
    let end = (_: unknown) => {}
    const ended = new Promise<never>((_, reject) => {
      end = reject
    })
    const abort = () => end(new PipelineError('DELIVERY_RELEASED'))
    const patience = setTimeout(() => {
      end(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`))
      session?.destroy()
    }, timeoutMs)
    signal.addEventListener('abort', abort, { once: true })
    try {
      if (signal.aborted) abort()
      const own = await Promise.race([headers(), ended])
      session = this.#session()
      return await Promise.race([this.#ask(session, this.#head(method, routing, own), message), ended])
    } finally {
      clearTimeout(patience)
      signal.removeEventListener('abort', abort)
    }
  }

  /** A call that is open in both directions; for the caller to close. */
  async open(method: string, routing: string): Promise<ClientHttp2Stream> {
    const own = await this.#options.headers()
    return this.#session().request(this.#head(method, routing, own))
  }

  /** Breaks off every call. The next one makes a new connection. */
  close(): void {
    for (const session of this.#sessions.keys()) session.destroy()
    this.#sessions.clear()
  }

  async #ask(session: ClientHttp2Session, head: OutgoingHttpHeaders, message: Uint8Array): Promise<Buffer> {
    this.#sessions.set(session, (this.#sessions.get(session) ?? 0) + 1)
    try {
      return await answer(session.request(head), message)
    } finally {
      const calls = this.#sessions.get(session)
      if (calls !== undefined) this.#sessions.set(session, calls - 1)
    }
  }

  #head(method: string, routing: string, own: OutgoingHttpHeaders): OutgoingHttpHeaders {
    return {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/${this.#options.service}/${method}`,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      'x-goog-request-params': routing,
      'user-agent': 'rowline',
      ...own,
    }
  }

  /** The one with the fewest calls; a new one where all have many. */
  #session(): ClientHttp2Session {
    let best: ClientHttp2Session | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const [session, calls] of this.#sessions) {
      if (session.destroyed || session.closed) this.#sessions.delete(session)
      else if (calls < fewest) [best, fewest] = [session, calls]
    }
    if (best && (fewest < mostCalls || this.#sessions.size >= mostSessions)) return best
    return this.#connect()
  }

  #connect(): ClientHttp2Session {
    const session = connect(this.#options.origin)
    this.#sessions.set(session, 0)
    // Each call hears of it as well.
    session.on('error', () => {})
    session.on('close', () => this.#sessions.delete(session))
    session.on('goaway', () => session.close())
    session.unref()
    return session
  }
}

/** A flag for compression, and the length in four bytes. */
export const frameHead = 5

export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(frameHead + message.length)
  frame.writeUInt8(0, 0)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, frameHead)
  return frame
}

function answer(stream: ClientHttp2Stream, message: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = []
    let status: IncomingHttpHeaders | undefined
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined || headers[':status'] !== 200) status = headers
    })
    stream.on('trailers', (trailers) => {
      status = trailers
    })
    stream.on('data', (chunk: Buffer) => received.push(chunk))
    stream.on('error', (error: unknown) => reject(brokenOff(error)))
    stream.on('close', () => {
      const failure = failureOf(status)
      if (failure) reject(failure)
      else
        resolve(received.length === 1 ? received[0]!.subarray(frameHead) : Buffer.concat(received).subarray(frameHead))
    })
    stream.end(framed(message))
  })
}

export const brokenOff = (cause: unknown): GrpcError => new GrpcError('UNAVAILABLE', messageOf(cause), { cause })

/** What the last headers of a call say; undefined is OK. */
export function failureOf(headers: IncomingHttpHeaders | undefined): GrpcError | undefined {
  if (headers?.['grpc-status'] === '0') return undefined
  if (!headers) return new GrpcError('UNAVAILABLE', 'the connection was closed before an answer')
  const { 'grpc-status': code, 'grpc-message': text, 'grpc-status-details-bin': details } = headers
  if (code === undefined)
    return new GrpcError(codeOfHttp(Number(headers[':status'])), `HTTP status ${headers[':status']}`)
  const status = details === undefined ? {} : { details: Buffer.from(String(details), 'base64') }
  return new GrpcError(Number(code), decoded(String(text ?? '')), status)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** As gRPC says for answers that do not come from a gRPC server. */
function codeOfHttp(status: number): GrpcCode {
  const codes: { readonly [status: number]: GrpcCode } = {
    400: 'INTERNAL',
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'UNIMPLEMENTED',
    429: 'UNAVAILABLE',
    502: 'UNAVAILABLE',
    503: 'UNAVAILABLE',
    504: 'UNAVAILABLE',
  }
  return codes[status] ?? 'UNKNOWN'
}
