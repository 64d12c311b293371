import type { MqttConnection, Subscriber } from './connection.ts'
import type { SubscribedFilter } from './subscription-plan.ts'

/** The right to use a shared connection. */
export interface Lease {
  readonly connection: MqttConnection
  subscribe(subscriber: Subscriber): void
  /** See `MqttConnection`; `connect` and `disconnect` are for everybody who shares it. */
  change(subscriber: Subscriber, former: readonly string[]): Promise<void>
  connect(): Promise<void>
  disconnect(): Promise<void>
  /** Gives the connection back; resolves when nothing of this lease is left. The last one out closes it. */
  release(): Promise<void>
}

/** What a server's session is subscribed to, as it was last known. */
export interface SessionMemory {
  /** Which session of which server. */
  readonly session: string
  readonly filters: readonly SubscribedFilter[]
}

/** Sessions by key, kept over connections and, where it is on disk, over restarts. */
export interface FilterMemory {
  get(key: string): SessionMemory | undefined
  set(key: string, memory: SessionMemory): void
}

/** Connections by key, shared by reference count. A key can be used again only when its connection has closed. */
export class ConnectionPool {
  readonly #shared = new Map<string, { readonly connection: MqttConnection; leases: number }>()
  readonly #closing = new Map<string, Promise<void>>()
  readonly #filters: FilterMemory

  constructor(filters: FilterMemory = new Map<string, SessionMemory>()) {
    this.#filters = filters
  }

  /** `create` is called only if nobody holds a connection of this key. */
  async acquire(key: string, create: () => MqttConnection): Promise<Lease> {
    while (this.#closing.has(key)) await this.#closing.get(key)
    const shared = this.#shared.get(key) ?? { connection: this.#create(key, create), leases: 0 }
    this.#shared.set(key, shared)
    shared.leases++
    shared.connection.open()
    const { connection } = shared
    const subscribers = new Set<Subscriber>()
    let held = true
    return {
      connection,
      subscribe: (subscriber) => {
        subscribers.add(subscriber)
        connection.subscribe(subscriber)
      },
      change: (subscriber, former) => connection.change(subscriber, former),
      connect: () => connection.connect(),
      disconnect: () => connection.disconnect(),
      release: async () => {
        if (!held) return
        held = false
        for (const subscriber of subscribers) connection.unsubscribe(subscriber)
        if (--shared.leases === 0) await this.#close(key, connection)
      },
    }
  }

  has(key: string): boolean {
    return this.#shared.has(key)
  }

  /** Subscribers are being replaced: until `resume` no connection hands anything over. */
  suspend(): void {
    for (const { connection } of this.#shared.values()) connection.suspend()
  }

  resume(): void {
    for (const { connection } of this.#shared.values()) connection.resume()
  }

  #create(key: string, create: () => MqttConnection): MqttConnection {
    const connection = create()
    connection.inherit(this.#filters.get(key), (memory) => this.#filters.set(key, memory))
    return connection
  }

  #close(key: string, connection: MqttConnection): Promise<void> {
    this.#shared.delete(key)
    const closed = connection.close().finally(() => this.#closing.delete(key))
    this.#closing.set(key, closed)
    return closed
  }
}
