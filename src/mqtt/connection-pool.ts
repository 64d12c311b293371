import type { MqttConnection, Subscriber } from './connection.ts'
import type { Unclaimed } from './held-messages.ts'
import { StandIn } from './stand-in.ts'
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

/** For connections with subscribers that may be missing by mistake. */
export interface Absence {
  readonly unclaimed: Unclaimed
  /** Told that for this reason filters stay subscribed which nobody here wants. */
  kept(): void
}

interface Shared {
  readonly connection: MqttConnection
  readonly absence: Absence | undefined
  leases: number
  standIn?: StandIn | undefined
}

/** Connections by key, shared by reference count. A key can be used again only when its connection has closed. */
export class ConnectionPool {
  readonly #shared = new Map<string, Shared>()
  readonly #closing = new Map<string, Promise<void>>()
  readonly #filters: FilterMemory

  constructor(filters: FilterMemory = new Map<string, SessionMemory>()) {
    this.#filters = filters
  }

  /** Whether somebody who has subscribed over the connection of this key is missing by mistake. Asked at each start. */
  isMissing: (key: string) => boolean = () => false

  /** `create` is called only if nobody holds a connection of this key. */
  async acquire(key: string, create: () => MqttConnection, absence?: Absence): Promise<Lease> {
    while (this.#closing.has(key)) await this.#closing.get(key)
    const shared = this.#shared.get(key) ?? this.#share(key, create, absence)
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
    for (const [key, shared] of this.#shared) {
      this.#standIn(key, shared)
      shared.connection.resume()
    }
  }

  #share(key: string, create: () => MqttConnection, absence: Absence | undefined): Shared {
    const shared: Shared = { connection: this.#create(key, create), absence, leases: 0 }
    this.#shared.set(key, shared)
    this.#standIn(key, shared)
    return shared
  }

  #standIn(key: string, shared: Shared): void {
    const { connection, absence, standIn } = shared
    const known = this.#filters.get(key)?.filters ?? []
    if (!absence || !this.isMissing(key)) {
      standIn?.end()
      shared.standIn = undefined
    } else if (standIn) standIn.hold()
    else if (known.length > 0) {
      shared.standIn = new StandIn(connection, known, absence.unclaimed)
      shared.standIn.hold()
      absence.kept()
    }
  }

  #create(key: string, create: () => MqttConnection): MqttConnection {
    const connection = create()
    connection.inherit(this.#filters.get(key), (memory) => this.#filters.set(key, memory))
    return connection
  }

  #close(key: string, connection: MqttConnection): Promise<void> {
    this.#shared.get(key)?.standIn?.end()
    this.#shared.delete(key)
    const closed = connection.close().finally(() => this.#closing.delete(key))
    this.#closing.set(key, closed)
    return closed
  }
}
