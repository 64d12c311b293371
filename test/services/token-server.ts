import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { text } from 'node:stream/consumers'

/** Gives tokens for client credentials as RFC 6749 says, and is strict about how they are asked for. */
export interface TokenServer {
  readonly url: string
  /** What a broker needs to check the tokens. */
  readonly jwks: object
  readonly audience: string
  /** All tokens given so far. */
  readonly given: readonly string[]
  /** The secret of the only client; `tokenSecret` at first. */
  secret: string
  /** How long tokens live that are given from now on. */
  lifetimeSeconds: number
  /** The name in tokens that are given from now on. */
  subject: string
  /** Signs with a key of its own from now on, which no broker knows. */
  forge(): void
  /** Answers in place of this server; undefined ends it. */
  answer: { readonly status: number; readonly body: string; readonly delayMs?: number } | undefined
  close(): Promise<void>
}

export const tokenClient = 'rowline & co'
export const tokenSecret = 'se:cr&t + 100%'
export const tokenScope = 'kafka write'
const audience = 'rowline-test-kafka'

export async function startTokenServer(tls?: { readonly key: string; readonly cert: string }): Promise<TokenServer> {
  let key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const given: string[] = []
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const problem = refusal(request, await text(request), state.secret)
    const fixed = state.answer
    if (fixed?.delayMs) await new Promise((resolve) => setTimeout(resolve, fixed.delayMs))
    if (fixed) return send(response, fixed.status, fixed.body)
    if (problem) return send(response, problem.status, JSON.stringify(problem.body))
    const token = jwt(key.privateKey, state)
    given.push(token)
    send(
      response,
      200,
      JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: state.lifetimeSeconds }),
    )
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => void respond(request, response)
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const state: TokenServer = {
    url: `${tls ? 'https' : 'http'}://${tls ? 'localhost' : '127.0.0.1'}:${port}/oauth2/token`,
    jwks: { keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] },
    audience,
    given,
    secret: tokenSecret,
    lifetimeSeconds: 3600,
    subject: 'carol',
    answer: undefined,
    forge: () => {
      key = generateKeyPairSync('rsa', { modulusLength: 2048 })
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return state
}

interface Refusal {
  readonly status: number
  readonly body: { readonly error: string; readonly error_description?: string }
}

function refusal({ method, url, headers }: IncomingMessage, body: string, secret: string): Refusal | undefined {
  if (url !== '/oauth2/token') return { status: 404, body: { error: 'not_found' } }
  if (method !== 'POST') return { status: 405, body: { error: 'invalid_request' } }
  if (headers['content-type'] !== 'application/x-www-form-urlencoded')
    return { status: 415, body: { error: 'invalid_request' } }
  const [, encoded] = /^Basic (\S+)$/.exec(headers.authorization ?? '') ?? []
  const parts = Buffer.from(encoded ?? '', 'base64')
    .toString()
    .split(':')
  const [id, given] = parts.map((part) => new URLSearchParams(`v=${part}`).get('v'))
  if (parts.length !== 2 || id !== tokenClient || given !== secret)
    return { status: 401, body: { error: 'invalid_client', error_description: 'unknown client or wrong secret' } }
  const form = new URLSearchParams(body)
  if (form.get('grant_type') !== 'client_credentials') return { status: 400, body: { error: 'unsupported_grant_type' } }
  if (form.get('scope') !== tokenScope || [...form].length !== 2)
    return { status: 400, body: { error: 'invalid_scope', error_description: `only "${tokenScope}"` } }
  return undefined
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
}

function jwt(privateKey: KeyObject, { subject, lifetimeSeconds }: TokenServer): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: subject, aud: audience, iat: now, exp: now + lifetimeSeconds, jti: randomUUID() }
  const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'test' })}.${encode(claims)}`
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}
