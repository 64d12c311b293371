import { type ClientHttp2Stream, connect, constants, type OutgoingHttpHeaders } from 'node:http2'
import { PipelineError } from '../core/errors.ts'
import { GrpcError } from './errors.ts'
import { brokenOff } from './framing.ts'
import { type Session, UnaryCall } from './unary-call.ts'

export { brokenOff, failureOf, framed, frameHead } from './framing.ts'

export interface ChannelOptions {
  /** `https://pubsub.googleapis.com`, or `http://` for an emulator. */
  readonly origin: string
  readonly service: string
  /** Who we are, asked for at each call. */
  readonly headers: (signal: AbortSignal) => Promise<OutgoingHttpHeaders>
  /** How long an answer may take, the connection and the token included. */
  readonly timeoutMs: number
}

/** Google's servers take so many calls at a time on a connection. What is more than all connections take waits here. */
const mostCalls = 100
const mostSessions = 4

/** For room on a connection. */
interface Waiting {
  readonly call: UnaryCall
  begin(): void
}

/**
 * Connections to a gRPC service, made when they are needed and made again when they are lost. Why not @grpc/grpc-js:
 * docs/decisions/011.
 */
export class GrpcChannel {
  readonly #options: ChannelOptions
  readonly #sessions = new Set<Session>()
  readonly #waiting: Waiting[] = []
  readonly #calls = new WeakMap<AbortSignal, Set<UnaryCall>>()

  constructor(options: ChannelOptions) {
    this.#options = options
  }

  /**
   * One message, whole or in parts, there and one back. `routing` tells Google's front which servers have the resource. Rejects with a
   * GrpcError, with what `headers` rejects with, or with DELIVERY_RELEASED when aborted. An answer that does not come in
   * time ends the connection, and with it every call on it.
   */
  unary(
    method: string,
    message: Uint8Array | readonly Uint8Array[],
    routing: string,
    signal: AbortSignal,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new PipelineError('DELIVERY_RELEASED'))
        return
      }
      const calls = this.#callsOf(signal)
      const call = new UnaryCall(this.#options.timeoutMs, (failure, answer) => {
        calls.delete(call)
        if (call.session) this.#free(call.session)
        if (answer) resolve(answer)
        else reject(failure)
      })
      calls.add(call)
      this.#options
        .headers(signal)
        .then((own) => this.#begin(call, this.#head(method, routing, own), message))
        .catch((error: unknown) => call.fail(error))
    })
  }

  /** A call that is open in both directions; for the caller to close. */
  async open(method: string, routing: string, signal: AbortSignal): Promise<ClientHttp2Stream> {
    const own = await this.#options.headers(signal)
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

  #begin(call: UnaryCall, head: OutgoingHttpHeaders, message: Uint8Array | readonly Uint8Array[]): void {
    const session = call.isOver ? undefined : this.#take()
    if (session) call.begin(session, head, message)
    else if (call.isOver) this.#next()
    else {
      call.wait()
      this.#waiting.push({ call, begin: () => this.#begin(call, head, message) })
    }
  }

  /** One listener for all calls of a signal: a signal with many of its own takes long to lose each. */
  #callsOf(signal: AbortSignal): Set<UnaryCall> {
    const known = this.#calls.get(signal)
    if (known) return known
    const calls = new Set<UnaryCall>()
    this.#calls.set(signal, calls)
    signal.addEventListener('abort', () => {
      for (const call of [...calls]) call.fail(new PipelineError('DELIVERY_RELEASED'))
    })
    return calls
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
      else if (session.calls < session.most) {
        session.calls++
        return session
      }
    }
    const isConnecting = [...this.#sessions].some(({ most }) => most === 1)
    return isConnecting || this.#sessions.size >= mostSessions ? undefined : this.#connect()
  }

  #free(session: Session): void {
    session.calls--
    this.#next()
  }

  #next(): void {
    this.#waiting.shift()?.begin()
  }

  #connect(): Session {
    const session = { http2: connect(this.#options.origin), calls: 1, most: 1 }
    const { http2 } = session
    this.#sessions.add(session)
    let failure = new GrpcError('UNAVAILABLE', 'no connection in time')
    http2.on('error', (error: unknown) => {
      failure = brokenOff(error)
    })
    http2.on('close', () => {
      this.#sessions.delete(session)
      // It never came about: one call after the other would wait for the next one in vain.
      if (session.most === 1) for (const { call } of this.#waiting.splice(0)) call.fail(failure)
    })
    http2.on('goaway', () => http2.close())
    http2.on('remoteSettings', ({ maxConcurrentStreams = mostCalls }) => {
      const room = Math.max(2, Math.min(maxConcurrentStreams, mostCalls)) - session.most
      session.most += room
      // One more than there is room for: it makes the next connection.
      for (let more = 0; more <= room; more++) this.#next()
    })
    http2.unref()
    return session
  }
}
