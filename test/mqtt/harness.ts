import { after } from 'node:test'
import { accepted, type Delivery, type Outcome, released } from '../../src/core/delivery.ts'
import type { PipelineError } from '../../src/core/errors.ts'
import { type ConnectionOptions, MqttConnection, type Subscriber } from '../../src/mqtt/connection.ts'
import type { InboundPublish } from '../../src/mqtt/publish-decoder.ts'
import type { FakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'

let clients = 0
/** One that lives is held by its socket or timer. */
const connections: WeakRef<MqttConnection>[] = []

/** A test that fails must not keep its connections alive, and the run with them. */
after(() => Promise.all(connections.map((connection) => connection.deref()?.close())))

export function create(...args: ConstructorParameters<typeof MqttConnection>): MqttConnection {
  const connection = new MqttConnection(...args)
  connections.push(new WeakRef(connection))
  return connection
}

/** A connection to 127.0.0.1 that reconnects quickly, with a client id of its own. */
export function options(port: number, changed: Partial<ConnectionOptions> = {}): ConnectionOptions {
  return {
    socket: { host: '127.0.0.1', port },
    clientId: `test-${process.pid}-${++clients}`,
    clean: false,
    keepalive: 60,
    connectTimeoutMs: 5000,
    user: '',
    password: '',
    reconnect: { baseMs: 20, maxMs: 100 },
    ...changed,
  }
}

export interface Taken {
  readonly text: string
  readonly publish: InboundPublish
  settle(outcome?: Outcome): void
}

export interface CollectorOptions {
  readonly qos?: 0 | 1 | 2
  readonly records?: number
  readonly bytes?: number
  /** Settle each message as soon as it comes. */
  readonly settles?: boolean
}

/** Takes the messages of some filters and keeps them; unless it settles them, the test does. */
export class Collector implements Subscriber {
  readonly filters: Subscriber['filters']
  readonly window: Subscriber['window']
  readonly taken: Taken[] = []
  settles: boolean
  /** Messages of all the errors that the connection has shown. */
  readonly errors: string[] = []
  /** The first of them: it stays when the connection has long been made. */
  firstError: PipelineError | undefined
  connection: MqttConnection | undefined
  changes = 0

  constructor(
    filters: readonly string[],
    { qos = 1, records = 10_000, bytes = 1 << 26, settles = false }: CollectorOptions = {},
  ) {
    this.filters = filters.map((filter) => ({ filter, qos }))
    this.window = { records, bytes }
    this.settles = settles
  }

  get texts(): string[] {
    return this.taken.map(({ text }) => text)
  }

  matches(topic: string): boolean {
    return this.filters.some(
      ({ filter }) => filter === topic || (filter.endsWith('#') && topic.startsWith(filter.slice(0, -1))),
    )
  }

  receive(publish: InboundPublish, delivery: Delivery): void {
    this.taken.push({
      text: publish.payload.toString(),
      publish,
      settle: (outcome = accepted) => delivery.settle(outcome),
    })
    if (this.settles) delivery.settle(accepted)
  }

  changed(): void {
    this.changes++
    const error = this.connection?.statusFor(this.filters).error
    if (!error) return
    this.firstError ??= error
    this.errors.push(`${error.code}: ${error.message}`)
  }

  /** Resolves when so many messages have come in all. */
  async count(messages: number, timeoutMs = 10_000): Promise<Taken[]> {
    const what = `${messages} messages`
    await until(() => this.taken.length >= messages, {
      what,
      timeoutMs,
      output: () => `there are ${this.taken.length}`,
    })
    return this.taken
  }

  settleAll(outcome?: Outcome): void {
    for (const { settle } of this.taken) settle(outcome)
  }
}

export interface Connected extends AsyncDisposable {
  readonly connection: MqttConnection
  readonly collector: Collector
  readonly unclaimed: { readonly publish: InboundPublish; readonly delivery: Delivery }[]
}

/** Opens a connection for these collectors. Disposing closes it. */
export function connect(connectionOptions: ConnectionOptions, ...collectors: readonly Collector[]): Connected {
  const unclaimed: Connected['unclaimed'][number][] = []
  const connection = create(connectionOptions, (publish, delivery) => unclaimed.push({ publish, delivery }))
  for (const collector of collectors) {
    collector.connection = connection
    connection.subscribe(collector)
  }
  connection.open()
  const collector = collectors[0] ?? new Collector([])
  return { connection, collector, unclaimed, [Symbol.asyncDispose]: () => connection.close() }
}

export async function connected(connection: MqttConnection): Promise<void> {
  await until(() => connection.status.phase === 'connected', {
    what: 'the connection',
    output: () => `${connection.status.phase} ${connection.status.error?.message}`,
  })
}

/** Resolves when the fake broker knows so many subscriptions of this client. */
export async function subscribed(broker: FakeBroker, { clientId }: ConnectionOptions, filters = 1): Promise<void> {
  const isKnown = () =>
    broker.connects.some(({ packet, returnCode }) => packet.clientId === clientId && returnCode === 0)
  await until(() => isKnown() && broker.session(clientId).subscriptions.size >= filters, {
    what: `${filters} subscriptions`,
  })
}

/** Code, disposition and message of the first attempt that has failed. */
export async function failure({ collector }: Connected) {
  await until(() => collector.firstError, { what: 'an error' })
  const { code, disposition, message } = collector.firstError!
  return { code, disposition, message }
}

export { accepted, released }
