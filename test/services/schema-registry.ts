import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface RegistryServerOptions {
  /** Everything else is answered with 401. */
  readonly authorization?: string
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly port?: number
}

/** A schema registry in memory, which takes and answers what Confluent documents of its REST interface, and nothing else. */
export interface RegistryServer {
  readonly url: string
  readonly port: number
  /** `<method> <path>` of every request, oldest first. */
  readonly requests: readonly string[]
  /** The texts of a subject's schemas; version 1 is the first. */
  versions(subject: string): readonly string[]
  /** A version of any type, as another producer would add it. Returns its id. */
  add(subject: string, schema: string, schemaType?: 'JSON' | 'AVRO'): number
  /** From now on the subject takes no schema but those it has. */
  freeze(subject: string): void
  /** From now on every request gets this answer; `hang` gives none, undefined ends it. */
  fail(answer: Failure | 'hang' | undefined): void
  stop(): Promise<void>
}

export interface Failure {
  readonly status: number
  readonly body: string
}

interface Stored {
  readonly id: number
  readonly schemaType: string
  readonly schema: string
}

const mediaTypes = ['application/vnd.schemaregistry.v1+json', 'application/vnd.schemaregistry+json', 'application/json']

/** Ids begin where the second byte of the wire format shows whether all four are written. */
const firstId = 0x0102_0304

export async function startSchemaRegistry(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const registry = new Registry()
  const requests: string[] = []
  let failure: Failure | 'hang' | undefined
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url}`)
    if (failure === 'hang') return
    const known = failure ? undefined : await reply(registry, request, options)
    response.writeHead(failure?.status ?? known!.status, { 'content-type': mediaTypes[0]! })
    response.end(failure?.body ?? JSON.stringify(known!.body))
  }
  const listener = (request: IncomingMessage, response: ServerResponse) => void answer(request, response)
  const server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener)
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    requests,
    versions: (subject) => registry.subject(subject).map(({ schema }) => schema),
    add: (subject, schema, schemaType = 'JSON') => registry.add(subject, schema, schemaType),
    freeze: (subject) => void registry.frozen.add(subject),
    fail: (next) => {
      failure = next
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

const fault = (status: number, code: number, message: string): Reply => ({
  status,
  body: { error_code: code, message },
})

async function reply(
  registry: Registry,
  request: IncomingMessage,
  { authorization }: RegistryServerOptions,
): Promise<Reply> {
  if (authorization !== undefined && request.headers.authorization !== authorization)
    return fault(401, 401, 'Unauthorized')
  if (!mediaTypes.includes(request.headers.accept ?? '')) return fault(406, 406, 'HTTP 406 Not Acceptable')
  const [, kind, subject, versions, version, ...rest] = (request.url ?? '').split('/').map(decodeURIComponent)
  if (kind !== 'subjects' || !subject || versions !== 'versions' || rest.length > 0)
    return fault(404, 404, 'HTTP 404 Not Found')
  if (request.method === 'GET' && version !== undefined) return registry.get(subject, version)
  if (request.method !== 'POST' || version !== undefined) return fault(405, 405, 'HTTP 405 Method Not Allowed')
  if (!mediaTypes.includes(request.headers['content-type'] ?? ''))
    return fault(415, 415, 'HTTP 415 Unsupported Media Type')
  return registry.post(subject, await textOf(request))
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

class Registry {
  readonly frozen = new Set<string>()
  readonly #subjects = new Map<string, Stored[]>()
  readonly #ids = new Map<string, number>()

  subject(name: string): readonly Stored[] {
    return this.#subjects.get(name) ?? []
  }

  /** The same schema has the same id in every subject, and is one version of a subject. */
  add(name: string, schema: string, schemaType: string): number {
    const id = this.#ids.get(schema) ?? firstId + this.#ids.size
    this.#ids.set(schema, id)
    const known = this.#subjects.get(name) ?? []
    this.#subjects.set(name, known)
    if (!known.some((stored) => stored.id === id)) known.push({ id, schemaType, schema })
    return id
  }

  get(subject: string, version: string): Reply {
    const known = this.subject(subject)
    const number = version === 'latest' ? known.length : Number(version)
    if (!Number.isInteger(number) || (version !== 'latest' && (number < 1 || number > 2 ** 31 - 1)))
      return fault(422, 42202, `The specified version '${version}' is not a valid version id.`)
    if (known.length === 0) return fault(404, 40401, `Subject '${subject}' not found.`)
    const found = known[number - 1]
    if (!found) return fault(404, 40402, `Version ${version} not found.`)
    const { schemaType, ...rest } = found
    return {
      status: 200,
      body: { subject, version: number, ...(schemaType === 'AVRO' ? {} : { schemaType }), ...rest },
    }
  }

  post(subject: string, text: string): Reply {
    const { schema, schemaType = 'AVRO', ...others } = JSON.parse(text) as { readonly [name: string]: unknown }
    if (Object.keys(others).length > 0) return fault(422, 422, `Unrecognized field: ${Object.keys(others)[0]}`)
    if (schemaType !== 'JSON' || typeof schema !== 'string' || !isSchema(schema))
      return fault(422, 42201, `Either the input schema or one its references is invalid`)
    const isNew = !this.subject(subject).some((stored) => stored.schema === schema)
    if (isNew && this.frozen.has(subject))
      return fault(409, 409, `Schema being registered is incompatible with an earlier schema for subject "${subject}"`)
    return { status: 200, body: { id: this.add(subject, schema, schemaType) } }
  }
}

function isSchema(text: string): boolean {
  try {
    const schema: unknown = JSON.parse(text)
    return typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
  } catch {
    return false
  }
}
