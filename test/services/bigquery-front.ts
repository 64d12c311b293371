import { once } from 'node:events'
import { createServer as createRestServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer as createGrpcServer,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import { bytesOf, integerOf, ProtoWriter, readFields, textOf } from '../../src/sinks/bigquery/proto.ts'
import { until } from './processes.ts'

/** An AppendRowsRequest on its way. */
export interface AppendSeen {
  readonly stream: string
  readonly offset: number | undefined
  readonly rows: readonly Buffer[]
}

/** What becomes of an append; undefined lets it through. */
export type AppendFault =
  /** Answers in the stream, and stores nothing. */
  | { readonly answer: Buffer }
  /** Ends the call, and stores nothing. */
  | { readonly code: number; readonly message: string; readonly storageCode?: number }
  /** Neither stores nor answers. */
  | 'silent'
  /** Stores, and cuts the connection instead of answering. */
  | 'loseReply'
  /** Stores, and says that the table has other columns now. */
  | 'updatedSchema'

export interface RestFault {
  readonly status: number
  readonly body: object
}

export interface Faults {
  append?: ((seen: AppendSeen) => AppendFault | undefined) | undefined
  /** Of calls with one answer. */
  unary?: ((method: string) => { readonly code: number; readonly message: string } | undefined) | undefined
  /** Why a row of insertAll is not stored; the others of its request are. */
  insertRow?: ((row: unknown) => { readonly reason: string; readonly message: string } | undefined) | undefined
  /** `body` is the parsed JSON. 'silent' never answers. */
  rest?: ((method: string, path: string, body: unknown) => RestFault | 'silent' | undefined) | undefined
}

/** Stands before the emulator, for what it cannot show. Lets everything through until `faults` say otherwise. */
export interface BigQueryFront extends AsyncDisposable {
  readonly url: string
  readonly storage: string
  readonly faults: Faults
  readonly appends: readonly AppendSeen[]
  storedRows(): number
  /** Holds back all that would reach the emulator meanwhile: asked with SQL while rows are written, it may never answer. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Cuts every connection, and new ones at once. */
  refuse(): void
  heal(): void
  close(): Promise<void>
}

export async function startBigQueryFront(target: {
  readonly url: string
  readonly storage: string
}): Promise<BigQueryFront> {
  const faults: Faults = {}
  const appends: AppendSeen[] = []
  let storedRows = 0
  const stored = (rows: number) => {
    storedRows += rows
  }
  const sockets = new Set<Socket>()
  let isRefusing = false
  const calls = new Set<Call>()
  let requests = 0
  let held: (() => void)[] | undefined
  const whenFree = (work: () => void) => (held ? void held.push(work) : work())
  const rest = createRestServer((request, response) =>
    whenFree(() => {
      requests++
      void passRest(request, response, target.url, { faults, stored }).finally(() => requests--)
    }),
  )
  const grpc = createGrpcServer()
  grpc.on('session', (session) => {
    const upstream = connect(`http://${target.storage}`)
    upstream.on('error', () => session.destroy())
    session.on('error', () => {})
    session.on('close', () => upstream.destroy())
    session.on('stream', (stream, headers) => {
      const path = String(headers[':path'])
      stream.on('error', () => {})
      const call = new Call(stream, upstream, path, { faults, appends, stored, cut: () => session.destroy() })
      calls.add(call)
      stream.on('close', () => calls.delete(call))
      stream.on('data', (chunk: Buffer) => whenFree(() => call.receive(chunk)))
      stream.on('end', () => whenFree(() => call.end()))
    })
  })
  for (const server of [rest, grpc] as readonly Server[]) {
    server.on('connection', (socket: Socket) => {
      if (isRefusing) return void socket.destroy()
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
  }
  const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const close = async () => {
    cut()
    await Promise.all([rest, grpc].map((server) => new Promise((resolve) => server.close(resolve))))
  }
  return {
    url: `http://127.0.0.1:${port(rest)}`,
    storage: `127.0.0.1:${port(grpc)}`,
    faults,
    appends,
    storedRows: () => storedRows,
    alone: async (work) => {
      held = []
      const isIdle = () => requests === 0 && [...calls].every(({ isWaiting }) => !isWaiting)
      try {
        await until(isIdle, { what: 'answers of the emulator', timeoutMs: 60_000 })
        return await work()
      } finally {
        const waiting = held
        held = undefined
        for (const go of waiting) go()
      }
    },
    refuse: () => {
      isRefusing = true
      cut()
    },
    heal: () => {
      isRefusing = false
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

type Passing = Pick<Surroundings, 'faults' | 'stored'>

async function passRest(request: IncomingMessage, response: ServerResponse, url: string, { faults, stored }: Passing) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const { method = 'GET', url: path = '/' } = request
  const fault = faults.rest?.(method, path, text === '' ? undefined : JSON.parse(text))
  if (fault === 'silent') return
  if (fault) return void answer(response, fault.status, JSON.stringify(fault.body))
  const { body, rows, insertErrors } = withoutBadRows(path, text, faults)
  try {
    const headers = { 'content-type': 'application/json' }
    const passed = await fetch(`${url}${path}`, { method, headers, ...(body === '' ? {} : { body }) })
    const passedText = await passed.text()
    if (passed.ok) stored(rows)
    const isAmended = passed.ok && insertErrors.length > 0
    answer(response, passed.status, isAmended ? JSON.stringify({ insertErrors }) : passedText)
  } catch {
    response.destroy()
  }
}

interface Inserting {
  readonly rows: readonly { readonly json: unknown }[]
}

function withoutBadRows(path: string, text: string, { insertRow }: Faults) {
  if (!path.endsWith('/insertAll')) return { body: text, rows: 0, insertErrors: [] }
  const request = JSON.parse(text) as Inserting
  const insertErrors = request.rows.flatMap(({ json }, index) => {
    const error = insertRow?.(json)
    return error ? [{ index, errors: [error] }] : []
  })
  const bad = new Set(insertErrors.map(({ index }) => index))
  const rows = request.rows.filter((_, i) => !bad.has(i))
  return { body: JSON.stringify({ ...request, rows }), rows: rows.length, insertErrors }
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body)
}

interface Surroundings {
  readonly faults: Faults
  readonly appends: AppendSeen[]
  stored(rows: number): void
  cut(): void
}

const frameHead = 5

/** A call that is passed message by message. */
class Call {
  readonly #client: ServerHttp2Stream
  readonly #upstream: ClientHttp2Stream
  readonly #method: string
  readonly #surroundings: Surroundings
  /** What becomes of the answers that are due, in their order. */
  readonly #due: { readonly how: 'pass' | 'loseReply' | 'updatedSchema'; readonly rows: number }[] = []
  #received: Buffer = Buffer.alloc(0)
  #answers: Buffer = Buffer.alloc(0)
  #isOver = false
  /** Of the first request, which the emulator needs even where that request does not reach it. */
  #schema: Buffer | undefined

  constructor(client: ServerHttp2Stream, upstream: ClientHttp2Session, path: string, surroundings: Surroundings) {
    this.#client = client
    this.#method = path.split('/').at(-1)!
    this.#surroundings = surroundings
    const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    this.#upstream = upstream.request(head)
    this.#upstream.on('error', () => this.#end(14, 'the emulator has gone'))
    this.#upstream.on('data', (chunk: Buffer) => this.#answer(chunk))
    this.#upstream.on('response', (headers) => this.#status(headers))
    this.#upstream.on('trailers', (trailers) => this.#status(trailers))
  }

  /** For an answer of the emulator. */
  get isWaiting(): boolean {
    return this.#due.length > 0 && !this.#isOver && !this.#client.destroyed
  }

  receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (let frame = whole(this.#received); frame; frame = whole(this.#received)) {
      this.#received = this.#received.subarray(frame.length)
      this.#pass(frame)
    }
  }

  end(): void {
    this.#upstream.end()
  }

  #pass(frame: Buffer): void {
    if (this.#method === 'AppendRows') this.#passAppend(frame)
    else this.#passUnary(frame)
  }

  #passUnary(frame: Buffer): void {
    const fault = this.#surroundings.faults.unary?.(this.#method)
    if (fault) this.#end(fault.code, fault.message)
    else {
      this.#due.push({ how: 'pass', rows: 0 })
      this.#upstream.end(frame)
    }
  }

  #passAppend(frame: Buffer): void {
    const { faults, appends } = this.#surroundings
    const { schema, ...seen } = readAppend(frame.subarray(frameHead))
    this.#schema ??= schema
    appends.push(seen)
    const fault = faults.append?.(seen)
    if (fault === 'silent') return
    if (typeof fault === 'object') {
      if ('answer' in fault) this.#send(fault.answer)
      else this.#end(fault.code, fault.message, fault.storageCode)
      return
    }
    this.#due.push({ how: fault ?? 'pass', rows: seen.rows.length })
    this.#upstream.write(schema === undefined && this.#schema ? withSchema(frame, this.#schema) : frame)
    this.#schema = undefined
  }

  #answer(chunk: Buffer): void {
    this.#answers = Buffer.concat([this.#answers, chunk])
    for (let frame = whole(this.#answers); frame; frame = whole(this.#answers)) {
      this.#answers = this.#answers.subarray(frame.length)
      const { how, rows } = this.#due.shift()!
      const message = frame.subarray(frameHead)
      if (bytesOf(readFields(message), 2) === undefined) this.#surroundings.stored(rows)
      if (how === 'loseReply') {
        this.#surroundings.cut()
        return
      }
      this.#send(how === 'updatedSchema' ? Buffer.concat([message, updatedSchema()]) : message)
    }
  }

  #send(message: Buffer): void {
    if (this.#client.destroyed) return
    this.#respond()
    this.#client.write(framed(message))
  }

  #status(headers: { readonly [name: string]: unknown }): void {
    if (headers['grpc-status'] !== undefined)
      this.#end(Number(headers['grpc-status']), decodeURIComponent(String(headers['grpc-message'] ?? '')))
  }

  #respond(): void {
    if (!this.#client.headersSent)
      this.#client.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  }

  #end(code: number, message: string, storageCode?: number): void {
    if (this.#isOver || this.#client.destroyed) return
    this.#isOver = true
    this.#client.once('wantTrailers', () =>
      this.#client.sendTrailers({
        'grpc-status': String(code),
        'grpc-message': encodeURIComponent(message),
        ...(storageCode && { 'grpc-status-details-bin': status(code, message, storageCode).toString('base64') }),
      }),
    )
    this.#respond()
    this.#client.end()
    this.#upstream.close()
  }
}

function whole(bytes: Buffer): Buffer | undefined {
  if (bytes.length < frameHead) return undefined
  const end = frameHead + bytes.readUInt32BE(1)
  return bytes.length < end ? undefined : bytes.subarray(0, end)
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(frameHead)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** A message that comes twice is one with the fields of both. */
function withSchema(frame: Buffer, schema: Buffer): Buffer {
  const to = new ProtoWriter()
  to.messageField(4, () => to.bytesField(1, schema))
  return framed(Buffer.concat([frame.subarray(frameHead), to.take()]))
}

function readAppend(message: Buffer): AppendSeen & { readonly schema: Buffer | undefined } {
  const fields = readFields(message)
  const offset = bytesOf(fields, 2)
  const data = readFields(bytesOf(fields, 4)!)
  return {
    stream: textOf(fields, 1),
    offset: offset && integerOf(readFields(offset), 1),
    schema: bytesOf(data, 1),
    rows: readFields(bytesOf(data, 2)!).map(({ value }) => value as Buffer),
  }
}

/** A google.rpc.Status, with a StorageError where there is a code for it. */
export function status(code: number, message: string, storageCode = 0): Buffer {
  const to = new ProtoWriter()
  to.numberField(1, code)
  to.bytesField(2, message)
  if (storageCode > 0) {
    to.messageField(3, () => {
      to.bytesField(1, 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError')
      to.messageField(2, () => {
        to.numberField(1, storageCode)
        to.bytesField(3, message)
      })
    })
  }
  return to.take()
}

/** An AppendRowsResponse with an error. */
export function errorAnswer(code: number, message: string, storageCode = 0): Buffer {
  const inner = status(code, message, storageCode)
  const to = new ProtoWriter()
  to.bytesField(2, inner)
  return to.take()
}

/** An AppendRowsResponse that names bad rows, as Google does: with an error for the whole. */
/** `code` is a RowErrorCode; 1, FIELDS_ERROR, if absent. */
export function rowErrorsAnswer(
  bad: readonly { readonly index: number; readonly message: string; readonly code?: number }[],
): Buffer {
  const error = status(3, 'Errors found while processing rows. Please refer to the row_errors field for details.')
  const to = new ProtoWriter()
  to.bytesField(2, error)
  for (const { index, message, code = 1 } of bad) {
    to.messageField(4, () => {
      to.numberField(1, index)
      to.numberField(2, code)
      to.bytesField(3, message)
    })
  }
  return to.take()
}

/** The field of an AppendRowsResponse: a table with one column. */
function updatedSchema(): Buffer {
  const to = new ProtoWriter()
  to.messageField(3, () => to.messageField(1, () => to.bytesField(1, 'added')))
  return to.take()
}
