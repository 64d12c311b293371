import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import * as tls from 'node:tls'
import { PipelineError } from '../../core/errors.ts'
import { classify } from './errors.ts'

export interface TokenServer {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string
  /** An authority that counts besides those the system trusts. */
  readonly ca: string | undefined
  readonly timeoutMs: number
}

interface Token {
  readonly value: string
  /** On the monotonic clock. */
  readonly freshUntilMs: number
}

/** How much of its life a token is used for. */
const freshPart = 0.8

/** OAuth 2 client credentials (RFC 6749, 4.4): one token for all connections, until it has grown old. */
export class Tokens {
  readonly #server: TokenServer
  readonly #target: string
  #token: Token | undefined
  #asking: Promise<Token> | undefined

  constructor(server: TokenServer) {
    this.#server = server
    this.#target = `The token server at ${server.url}`
  }

  /** Rejects with a PipelineError. */
  async current(): Promise<string> {
    if (this.#token && performance.now() < this.#token.freshUntilMs) return this.#token.value
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    this.#token = await this.#asking
    return this.#token.value
  }

  /** The cluster has refused it. */
  forget(): void {
    this.#token = undefined
  }

  async #ask(): Promise<Token> {
    const askedAt = performance.now()
    const { status, body } = await post(this.#server).catch((error: unknown) => {
      throw classify(error, this.#target)
    })
    const answer = parsed(body)
    if (status !== 200) throw this.#refusal(status, answer)
    const { access_token: value, token_type: type, expires_in: seconds } = answer
    if (typeof value !== 'string' || value === '' || String(type).toLowerCase() !== 'bearer')
      throw new PipelineError('TARGET_UNSUPPORTED', { target: this.#target, problem: 'it answers without a token' })
    return { value, freshUntilMs: askedAt + freshPart * 1000 * (Number(seconds) || 0) }
  }

  #refusal(status: number, answer: Answer): PipelineError {
    const said = [answer.error, answer.error_description].filter((said) => typeof said === 'string')
    const problem = [`status ${status}`, ...said].join(', ').slice(0, 300)
    return new PipelineError(refusalCode(status, answer), { target: this.#target, problem })
  }
}

interface Answer {
  readonly [name: string]: unknown
}

function parsed(body: string): Answer {
  try {
    return Object(JSON.parse(body)) as Answer
  } catch {
    return {}
  }
}

interface Reply {
  readonly status: number
  readonly body: string
}

function post({ url, clientId, clientSecret, scope, ca, timeoutMs }: TokenServer): Promise<Reply> {
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) })
  const options = {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${encoded(clientId)}:${encoded(clientSecret)}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    },
    ...(ca && { ca: [...authorities(), ca] }),
    signal: AbortSignal.timeout(timeoutMs),
  }
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
    request.on('error', (error) => reject(error.name === 'AbortError' ? timedOut(error) : error)).end(form.toString())
  })
}

/** RFC 6749, 2.3.1: both are form-encoded before they become Basic. */
const encoded = (value: string) => new URLSearchParams([['', value]]).toString().slice(1)

/** Those that count without `ca`. The function is new in Node.js 22.15: importing it by name would fail before. */
const authorities = () => (tls as Partial<typeof tls>).getCACertificates?.('default') ?? tls.rootCertificates

const timedOut = (error: Error) =>
  Object.assign(new Error('Request timed out', { cause: error }), { code: 'REQUEST_TIMED_OUT' })

function refusalCode(status: number, { error }: Answer) {
  if (status === 429) return 'TARGET_THROTTLED'
  if (status >= 500) return 'TARGET_UNREACHABLE'
  return status === 401 || error === 'invalid_client' ? 'TARGET_AUTHENTICATION' : 'TARGET_UNSUPPORTED'
}
