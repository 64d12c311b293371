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

/** Google's servers take so many calls at a time on a connection. What is more than all connections take waits here. */
const mostCalls = 100
const mostSessions = 4

interface Session {
  readonly http2: ClientHttp2Session
  calls: number
}

/**
 * Connections to a gRPC service, made when they are needed and made again when they are lost. Why not @grpc/grpc-js:
 * docs/decisions/011.
 */
export class GrpcChannel {
  readonly #options: ChannelOptions
  readonly #sessions = new Set<Session>()
  readonly #waiting: (() => void)[] = []
  readonly #aborts = new WeakMap<AbortSignal, Set<() => void>>()

  constructor(options: ChannelOptions) {
    this.#options = options
  }

  /**
   * One message there and one back. `routing` tells Google's front which servers have the resource. Rejects with a
   * GrpcError, with what `headers` rejects with, or with DELIVERY_RELEASED when aborted. An answer that does not come in
   * time ends the connection.
   */
  unary(method: string, message: Uint8Array, routing: string, signal: AbortSignal): Promise<Buffer> {
    const { timeoutMs } = this.#options
    let session: Session | undefined
    return new Promise((resolve, reject) => {
      const aborts = this.#abortsOf(signal)
      const end = () => {
        clearTimeout(patience)
        aborts.delete(abort)
        if (session) this.#free(session)
        session = undefined
      }
      const fail = (error: unknown) => {
        end()
        reject(error)
      }
      const abort = () => fail(new PipelineError('DELIVERY_RELEASED'))
      const patience = setTimeout(() => {
        session?.http2.destroy()
        fail(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`))
      }, timeoutMs)
      if (signal.aborted) return abort()
      aborts.add(abort)
      const begin = (own: OutgoingHttpHeaders) => {
        if (!aborts.has(abort)) return this.#next()
        session = this.#take()
        if (!session) return void this.#waiting.push(() => begin(own))
        const stream = session.http2.request(this.#head(method, routing, own))
        answer(stream, message, fail, (bytes) => {
          end()
          resolve(bytes)
        })
      }
      this.#options.headers().then(begin).catch(fail)
    })
  }

  /** A call that is open in both directions; for the caller to close. */
  async open(method: string, routing: string): Promise<ClientHttp2Stream> {
    const own = await this.#options.headers()
    const session = this.#take() ?? this.#connect()
    const stream = session.http2.request(this.#head(method, routing, own))
    stream.on('close', () => this.#free(session))
    return stream
  }

  /** Breaks off every call. The next one makes a new connection. */
  close(): void {
    for (const { http2 } of this.#sessions) http2.destroy()
    this.#sessions.clear()
  }

  /** One listener for all calls of a signal: a signal with many of its own takes long to lose each. */
  #abortsOf(signal: AbortSignal): Set<() => void> {
    const known = this.#aborts.get(signal)
    if (known) return known
    const aborts = new Set<() => void>()
    this.#aborts.set(signal, aborts)
    signal.addEventListener('abort', () => {
      for (const abort of [...aborts]) abort()
    })
    return aborts
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

  /** One with room for a call, a new one where that is allowed, or undefined. */
  #take(): Session | undefined {
    for (const session of this.#sessions) {
      if (session.http2.destroyed || session.http2.closed) this.#sessions.delete(session)
      else if (session.calls < mostCalls) {
        session.calls++
        return session
      }
    }
    return this.#sessions.size < mostSessions ? this.#connect() : undefined
  }

  #free(session: Session): void {
    session.calls--
    this.#next()
  }

  #next(): void {
    this.#waiting.shift()?.()
  }

  #connect(): Session {
    const session = { http2: connect(this.#options.origin), calls: 1 }
    const { http2 } = session
    this.#sessions.add(session)
    // Each call hears of it as well.
    http2.on('error', () => {})
    http2.on('close', () => this.#sessions.delete(session))
    http2.on('goaway', () => http2.close())
    http2.unref()
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

/** Sends the message and calls back once. */
function answer(
  stream: ClientHttp2Stream,
  message: Uint8Array,
  fail: (error: GrpcError) => void,
  done: (message: Buffer) => void,
): void {
  const received: Buffer[] = []
  let status: IncomingHttpHeaders | undefined
  let broken: GrpcError | undefined
  stream.on('response', (headers) => {
    if (headers['grpc-status'] !== undefined || headers[':status'] !== 200) status = headers
  })
  stream.on('trailers', (trailers) => {
    status = trailers
  })
  stream.on('data', (chunk: Buffer) => received.push(chunk))
  stream.on('error', (error: unknown) => {
    broken = brokenOff(error)
  })
  stream.on('close', () => {
    const failure = broken ?? failureOf(status)
    if (failure) return fail(failure)
    done((received.length === 1 ? received[0]! : Buffer.concat(received)).subarray(frameHead))
  })
  stream.end(framed(message))
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
