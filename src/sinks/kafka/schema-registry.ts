import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { type ErrorCode, messageOf, PipelineError } from '../../core/errors.ts'
import { classify } from './errors.ts'

export interface RegistryOptions {
  readonly url: string
  readonly user: string
  readonly password: string
  /** A bearer token; it is sent in the place of user and password. */
  readonly token: string
  /** PEM of the authority, where the system does not know it. */
  readonly ca: string
  readonly timeoutMs: number
}

export interface SchemaVersion {
  readonly id: number
  readonly version: number
}

interface Answer {
  readonly status: number
  readonly body: { readonly [name: string]: unknown }
}

const mediaType = 'application/vnd.schemaregistry.v1+json'
const mostBytes = 8 << 20
const noSubject = 40401
const noVersion = 40402

/** The part of Confluent's REST interface that a producer of JSON needs. Every call is tried once, and throws PipelineErrors. */
export class SchemaRegistry {
  readonly #options: RegistryOptions
  readonly #target: string

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#target = `The schema registry at ${new URL(options.url).host}`
  }

  /** The id of the schema, which is a version of the subject afterwards. */
  async register(subject: string, schema: object, signal: AbortSignal): Promise<number> {
    const body = { schemaType: 'JSON', schema: JSON.stringify(schema) }
    const answer = await this.#ask('POST', `/subjects/${encodeURIComponent(subject)}/versions`, signal, body)
    if (answer.status !== 200) throw this.#fault(answer, subject, 'latest')
    return this.#whole(answer, 'id')
  }

  async find(subject: string, version: number | 'latest', signal: AbortSignal): Promise<SchemaVersion> {
    const answer = await this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}`, signal)
    if (answer.status !== 200) throw this.#fault(answer, subject, version)
    const { schemaType = 'AVRO' } = answer.body
    if (schemaType !== 'JSON') throw this.#unsupported(`the schema of ${subject} is ${schemaType} and not JSON`)
    return { id: this.#whole(answer, 'id'), version: this.#whole(answer, 'version') }
  }

  async #ask(method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: object): Promise<Answer> {
    const { url, ca, timeoutMs } = this.#options
    const timeout = AbortSignal.timeout(timeoutMs)
    const headers = { accept: mediaType, ...this.#authorization(), ...(body && { 'content-type': mediaType }) }
    const options = { method, headers, signal: AbortSignal.any([signal, timeout]), ...(ca && { ca }) }
    try {
      const { status, text } = await exchange(url.replace(/\/+$/, '') + path, options, body && JSON.stringify(body))
      return { status, body: parse(text) }
    } catch (error) {
      if (!timeout.aborted) throw classify(error, this.#target)
      const problem = `no answer within ${timeoutMs} ms`
      throw new PipelineError('TARGET_TIMEOUT', { target: this.#target, problem }, error)
    }
  }

  #authorization(): { readonly authorization?: string } {
    const { user, password, token } = this.#options
    if (token !== '') return { authorization: `Bearer ${token}` }
    if (user === '') return {}
    return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
  }

  #fault({ status, body }: Answer, subject: string, version: number | 'latest'): PipelineError {
    const { message, error_code: problemCode } = body
    if (problemCode === noSubject) return missing(subject)
    if (problemCode === noVersion) return missing(subject, version)
    const problem = typeof message === 'string' ? message : `HTTP status ${status}`
    return new PipelineError(meaningOf(status), { target: this.#target, problem, subject })
  }

  #whole({ body }: Answer, name: 'id' | 'version'): number {
    const value = body[name]
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31) return value as number
    throw this.#unsupported(`its answer has no ${name}: it is no schema registry`)
  }

  #unsupported(problem: string): PipelineError {
    return new PipelineError('TARGET_UNSUPPORTED', { target: this.#target, problem })
  }
}

const meanings: { readonly [status: number]: ErrorCode } = {
  401: 'TARGET_AUTHENTICATION',
  403: 'TARGET_AUTHORIZATION',
  408: 'TARGET_TIMEOUT',
  409: 'SCHEMA_REFUSED',
  422: 'SCHEMA_REFUSED',
  429: 'TARGET_THROTTLED',
}

const meaningOf = (status: number): ErrorCode =>
  meanings[status] ?? (status >= 500 ? 'TARGET_UNREACHABLE' : 'TARGET_UNSUPPORTED')

export function missing(subject: string, version: string | number = 'latest'): PipelineError {
  const which = version === 'latest' ? 'The schema subject' : `Version ${version} of the schema subject`
  return new PipelineError('TARGET_MISSING', { target: `${which} ${subject}` })
}

function exchange(
  url: string,
  options: RequestOptions & { readonly ca?: string },
  body: string | undefined,
): Promise<{ readonly status: number; readonly text: string }> {
  const open = url.startsWith('https:') ? tlsRequest : plainRequest
  return new Promise((resolve, reject) => {
    const request = open(url, options, (response) => {
      readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new Error(`its answer is longer than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** An answer that is no JSON object (of a proxy, say) has nothing of what is looked for. */
function parse(text: string): Answer['body'] {
  try {
    return Object(JSON.parse(text)) as Answer['body']
  } catch (error) {
    return { unreadable: messageOf(error) }
  }
}
