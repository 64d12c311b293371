import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { makeCertificates } from './certificates.ts'
import { temporaryDirectory } from './processes.ts'

/** Google's sign-in services and its Publisher behind one TLS port of 127.0.0.1, as strict as the real ones. */
export interface FakeGoogle {
  /** `localhost:port`, for gRPC. */
  readonly endpoint: string
  /** An HTTP proxy that leads every host here: for `HTTPS_PROXY`. */
  readonly proxy: string
  readonly ca: string
  /** PEM of the only service account key that is known; undefined: it has been deleted. */
  publicKey: string | undefined
  /** Tokens with which one may publish. */
  accepted: readonly string[]
  /** `host path` of every sign-in request. */
  readonly asked: string[]
  /** Tokens of the calls that were let in. */
  readonly published: string[]
  /** Gives tokens; while it does not, whoever asks waits. */
  givesTokens: boolean
  close(): Promise<void>
}

const hosts = ['oauth2.googleapis.com', 'iamcredentials.googleapis.com', 'sts.googleapis.com']

export async function startFakeGoogle(): Promise<FakeGoogle> {
  const files = await makeCertificates(temporaryDirectory('fake-google'), hosts)
  const tls = { key: readFileSync(files.keyFile), cert: readFileSync(files.certFile), allowHTTP1: true }
  const sockets = new Set<Socket>()
  const server = createSecureServer(tls, (request, response) => {
    if (request.httpVersionMajor === 2) void publish(google, request, response)
    else void signIn(google, request as unknown as IncomingMessage, response as unknown as ServerResponse)
  })
  const proxy = createServer().on('connect', (_request, client: Socket) => {
    const target = connect(portOf(server), '127.0.0.1')
    for (const socket of [client, target]) sockets.add(socket.on('error', () => {}))
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    client.pipe(target).pipe(client)
  })
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await Promise.all([server, proxy].map((one) => new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))))
  const google: FakeGoogle = {
    endpoint: `localhost:${portOf(server)}`,
    proxy: `http://127.0.0.1:${portOf(proxy)}`,
    ca: files.ca,
    publicKey: undefined,
    accepted: [],
    asked: [],
    published: [],
    givesTokens: true,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await Promise.all([server, proxy].map((one) => new Promise((resolve) => one.close(resolve))))
    },
  }
  return google
}

const portOf = (server: { address(): unknown }) => (server.address() as { readonly port: number }).port

async function signIn(google: FakeGoogle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers, url = '' } = request
  google.asked.push(`${headers.host} ${url}`)
  const body = (await buffer(request)).toString()
  if (!google.givesTokens) return
  const send = (status: number, answer: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  if (headers.host === hosts[0]) {
    const account = accountOf(google, new URLSearchParams(body).get('assertion') ?? '')
    if (account) send(200, { access_token: `token-of-${account}`, token_type: 'Bearer', expires_in: 3600 })
    else send(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' })
  } else if (headers.host === hosts[1]) {
    const [, account] = /serviceAccounts\/([^:]+):generateAccessToken$/.exec(decodeURIComponent(url)) ?? []
    const by = String(headers.authorization).replace('Bearer ', '')
    send(200, {
      accessToken: `token-of-${account}-by-${by}`,
      expireTime: new Date(Date.now() + 3_600_000).toISOString(),
    })
  } else {
    const subject = new URLSearchParams(body).get('subject_token')
    send(200, {
      access_token: `token-for-${subject}`,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 3600,
    })
  }
}

/** Whose assertion it is, if it is signed with the known key. */
function accountOf({ publicKey }: FakeGoogle, assertion: string): string | undefined {
  const [head, claims, signature] = assertion.split('.')
  if (publicKey === undefined || claims === undefined || signature === undefined) return undefined
  const signed = Buffer.from(`${head}.${claims}`)
  if (!verify('RSA-SHA256', signed, createPublicKey(publicKey), Buffer.from(signature, 'base64url'))) return undefined
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { readonly iss: string }).iss
}

/** Confirms a request of one message, or says that the topic is there. */
async function publish(google: FakeGoogle, request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
  await buffer(request)
  const token = String(request.headers.authorization).replace('Bearer ', '')
  const isKnown = google.accepted.includes(token)
  const status = isKnown
    ? { 'grpc-status': '0' }
    : { 'grpc-status': '16', 'grpc-message': 'Request%20had%20invalid%20credentials.' }
  response.writeHead(200, { 'content-type': 'application/grpc' })
  response.addTrailers(status)
  const isPublish = request.url.endsWith('/Publish')
  if (isKnown && isPublish) google.published.push(token)
  const answer = isPublish ? Buffer.from([0x0a, 1, 0x31]) : Buffer.alloc(0)
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, answer.length]), answer])
  response.end(isKnown ? frame : '')
}
