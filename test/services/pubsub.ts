import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildGo } from './go.ts'
import { freePort, type Running, startProcess, temporaryDirectory, until } from './processes.ts'

export const project = 'rowline-test'
export const topicName = (short: string): string => `projects/${project}/topics/${short}`

export interface PubsubMessage {
  readonly topic: string
  readonly orderingKey: string
  readonly attributes: { readonly [name: string]: string }
  readonly data: Buffer
}

export interface Fault {
  /** Publish if absent. */
  readonly rpc?: 'Publish' | 'GetTopic'
  /** A code of gRPC by name; absent: a delay alone. */
  readonly code?: string
  readonly message?: string
  /** Requests of this ordering key, with this text in the data of a message, or for a topic whose name ends so. */
  readonly key?: string
  readonly contains?: string
  readonly topic?: string
  /** How many calls; 1 if absent, -1: until `heal`. */
  readonly count?: number
  readonly delayMs?: number
  /** The call is carried out, and its answer lost. */
  readonly lost?: boolean
}

export interface PubsubOptions {
  /** Short names of topics that are there, also after a restart. */
  readonly topics?: readonly string[]
  /** Confirms and keeps nothing, to measure senders. */
  readonly discard?: boolean
}

/** Google's pstest of its own for one test file, on 127.0.0.1 only, with the limits of the real service. */
export interface Pubsub extends AsyncDisposable {
  readonly port: number
  readonly address: string
  readonly pid: number
  createTopic(short: string): Promise<void>
  deleteTopic(short: string): Promise<void>
  fault(fault: Fault): Promise<void>
  /** Takes all faults away. */
  heal(): Promise<void>
  /** Everything it has ever accepted for a topic, in order, also before a kill. */
  stored(short: string): readonly PubsubMessage[]
  /** What a subscriber of the topic gets, in the order in which it gets it. */
  received(short: string, count: number): Promise<readonly PubsubMessage[]>
  stats(): Promise<{ readonly requests: number; readonly messages: number }>
  /** SIGKILL. */
  kill(): Promise<void>
  /** After `kill`, on the same ports. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay, and are even accepted, but nothing answers until `thaw`. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export async function startPubsub({ topics = [], discard = false }: PubsubOptions = {}): Promise<Pubsub> {
  const program = await buildGo(join(import.meta.dirname, 'pubsub-server'), 'pubsub-server')
  const directory = temporaryDirectory('pubsub')
  const journal = join(directory, 'journal.ndjson')
  const [port, adminPort] = [await freePort(), await freePort()]
  const [address, admin] = [`127.0.0.1:${port}`, `127.0.0.1:${adminPort}`]
  const known = new Set(topics)
  const start = async () => {
    const names = [...known].map(topicName).join()
    const own = ['-listen', address, '-admin', admin, '-topics', names, '-journal', journal]
    const started = startProcess(program, discard ? [...own, '-discard'] : own, { name: 'pubsub-server' })
    await started.waitFor(/ready/)
    return started
  }
  let server: Running = await start()
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(`http://${admin}${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    return response
  }
  const stop = async () => {
    await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return {
    port,
    address,
    get pid() {
      return server.pid
    },
    createTopic: async (short) => {
      known.add(short)
      await ask('POST', `/topic?name=${encodeURIComponent(topicName(short))}`)
    },
    deleteTopic: async (short) => {
      known.delete(short)
      await ask('DELETE', `/topic?name=${encodeURIComponent(topicName(short))}`)
    },
    fault: async (fault) => void (await ask('POST', '/fault', fault)),
    heal: async () => void (await ask('DELETE', '/fault')),
    stored: (short) => linesOf(journal).filter(({ topic }) => topic === topicName(short)),
    received: async (short, count) => {
      const found: PubsubMessage[] = []
      const pull = async () => {
        const answer = await ask('POST', `/pull?topic=${encodeURIComponent(topicName(short))}`)
        found.push(...((await answer.json()) as readonly Line[]).map(messageOf))
        return found.length >= count
      }
      await until(pull, { what: `${count} messages of ${short}`, timeoutMs: 60_000, output: () => `${found.length}` })
      return found
    },
    stats: async () => (await (await ask('GET', '/stats')).json()) as { requests: number; messages: number },
    kill: async () => void (await server.kill()),
    restart: async () => {
      server = await start()
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** As the server writes it: bytes in base64. */
type Line = Omit<PubsubMessage, 'data'> & { readonly data: string | null }

const messageOf = ({ data, attributes, ...line }: Line): PubsubMessage => ({
  ...line,
  attributes: attributes ?? {},
  data: Buffer.from(data ?? '', 'base64'),
})

/** What is being written has no end of line yet. */
function linesOf(file: string): readonly PubsubMessage[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => messageOf(JSON.parse(line) as Line))
}
