import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { GrpcError } from './errors.ts'
import { brokenOff, failureOf, framed, frameHead } from './framing.ts'

export interface Session {
  readonly http2: ClientHttp2Session
  calls: number
  /** Calls that the server takes at a time: one, until it has said how many. */
  most: number
}

/** Ends once: with an answer, a failure, or because time is up, which ends its connection as well. */
export class UnaryCall {
  readonly #timeoutMs: number
  readonly #onEnd: (failure: unknown, answer?: Buffer) => void
  #patience: NodeJS.Timeout | undefined
  #stream: ClientHttp2Stream | undefined
  session: Session | undefined
  isOver = false

  constructor(timeoutMs: number, onEnd: (failure: unknown, answer?: Buffer) => void) {
    this.#timeoutMs = timeoutMs
    this.#onEnd = onEnd
    this.#startTime()
  }

  /** For room: that is not the server's time. */
  wait(): void {
    clearTimeout(this.#patience)
  }

  begin(session: Session, head: OutgoingHttpHeaders, message: Uint8Array | readonly Uint8Array[]): void {
    this.session = session
    this.#startTime()
    try {
      this.#stream = session.http2.request(head)
      answer(
        this.#stream,
        message,
        (error) => this.fail(error),
        (bytes) => this.#end(undefined, bytes),
      )
    } catch (error) {
      this.fail(error)
    }
  }

  fail(error: unknown): void {
    if (this.isOver) return
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    this.#end(error)
  }

  #startTime(): void {
    clearTimeout(this.#patience)
    this.#patience = setTimeout(() => {
      this.session?.http2.destroy()
      this.fail(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${this.#timeoutMs} ms`))
    }, this.#timeoutMs)
  }

  #end(failure: unknown, bytes?: Buffer): void {
    if (this.isOver) return
    this.isOver = true
    clearTimeout(this.#patience)
    this.#onEnd(failure, bytes)
  }
}

/** Sends the message and calls back once. */
function answer(
  stream: ClientHttp2Stream,
  message: Uint8Array | readonly Uint8Array[],
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
