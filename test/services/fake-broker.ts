import { createServer, type Server, type Socket } from 'node:net'
import type { IConnectPacket, IPublishPacket, ISubscription, Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { FakeSession, type Message, type Qos, type Send } from './fake-session.ts'

export interface FakeBrokerOptions {
  /** QoS 1 and 2 messages in flight per session; held strictly, unlike mosquitto 2.0.11. */
  readonly window?: number
  /** Absent: one that the kernel gives, and may give to others while the broker is down. */
  readonly port?: number
  /** Told of each message when its PUBACK or PUBREC has come. */
  readonly onAcknowledged?: (message: Message) => void
}

/** One CONNECT as it arrived, and CONNACK's answer. */
export interface ConnectSeen {
  readonly atMs: number
  readonly packet: IConnectPacket
  readonly returnCode: number
  readonly sessionPresent: boolean
}

/**
 * A strict MQTT 3.1 and 3.1.1 broker in this process. Sessions live as long as it does. CONNACK and every message due
 * go out in one write, so that they arrive in one segment. Whatever a client may not do becomes a sentence in
 * `violations` and ends its connection, as the specification asks.
 */
export interface FakeBroker extends AsyncDisposable {
  readonly port: number
  readonly connects: readonly ConnectSeen[]
  readonly violations: readonly string[]
  /** Messages of clients, in order of arrival; wills too; QoS 2 once. */
  readonly received: readonly Message[]
  /** While true, PINGREQ gets no answer. */
  withholdPingresp: boolean
  /** Filters that SUBACK refuses. */
  readonly refusedFilters: Set<string>
  /** Filters that SUBACK grants with QoS 0. */
  readonly loweredFilters: Set<string>
  /** Sends to every session with a matching subscription. */
  publish(message: Message): void
  /** The session of a client; made, with these subscriptions, if there is none. */
  session(clientId: string, subscriptions?: { readonly [filter: string]: Qos }): FakeSession
  /** As after a restart without persistence: cuts, and knows no session any more. */
  forgetSessions(): void
  /** Answers the next `times` CONNECTs with this return code and ends those connections. */
  refuse(returnCode: number, times?: number): void
  /** Ends all connections without a word. */
  cut(): void
  /** Stops listening and cuts: clients get ECONNREFUSED until `up`. */
  down(): Promise<void>
  up(): Promise<void>
  /** `down` for good; may be called twice. */
  close(): Promise<void>
}

export async function startFakeBroker(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
  const broker = new StrictBroker(options)
  await broker.up()
  return broker
}

interface Connection {
  readonly socket: Socket
  readonly send: Send
  /** Set by an accepted CONNECT. */
  session?: FakeSession
  connect?: IConnectPacket
  /** DISCONNECT has come. */
  hasLeft?: boolean
}

class StrictBroker implements FakeBroker {
  readonly connects: ConnectSeen[] = []
  readonly violations: string[] = []
  readonly received: Message[] = []
  readonly refusedFilters = new Set<string>()
  readonly loweredFilters = new Set<string>()
  withholdPingresp = false
  port: number
  readonly #options: FakeBrokerOptions
  readonly #sessions = new Map<string, FakeSession>()
  readonly #connections = new Set<Connection>()
  readonly #refusals: number[] = []
  #server: Server | undefined

  constructor(options: FakeBrokerOptions) {
    this.#options = options
    this.port = options.port ?? 0
  }

  async up(): Promise<void> {
    const server = createServer((socket) => this.#welcome(socket))
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as { readonly port: number }).port
    this.#server = server
  }

  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve))
    this.cut()
    await closed
  }

  close(): Promise<void> {
    return this.#server?.listening ? this.down() : Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  cut(): void {
    for (const { socket } of this.#connections) socket.resetAndDestroy()
  }

  publish(message: Message): void {
    for (const session of this.#sessions.values()) session.offer(message)
  }

  session(clientId: string, subscriptions: { readonly [filter: string]: Qos } = {}): FakeSession {
    const { window = 20, onAcknowledged } = this.#options
    const session = this.#sessions.get(clientId) ?? new FakeSession(window, onAcknowledged)
    this.#sessions.set(clientId, session)
    for (const [filter, qos] of Object.entries(subscriptions)) session.subscriptions.set(filter, qos)
    return session
  }

  forgetSessions(): void {
    this.cut()
    this.#sessions.clear()
  }

  refuse(returnCode: number, times = 1): void {
    this.#refusals.push(...Array<number>(times).fill(returnCode))
  }

  #welcome(socket: Socket): void {
    const send: Send = (packet) => void (socket.writable && socket.write(mqttPacket.generate(packet)))
    const connection: Connection = { socket, send }
    this.#connections.add(connection)
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      if (socket.destroyed) return
      const problem = this.#receive(connection, packet)
      if (problem) this.#violated(connection, problem)
    })
    parser.on('error', (error) => this.#violated(connection, `malformed packet: ${error.message}`))
    socket.setNoDelay(true).on('error', () => {})
    socket.on('timeout', () => socket.destroy())
    socket.on('close', () => this.#lost(connection))
    socket.on('data', (chunk) => {
      socket.cork()
      parser.parse(chunk)
      socket.uncork()
    })
  }

  /** Gives the violation, if the packet is one. */
  #receive(connection: Connection, packet: Packet): string | undefined {
    const { session, send } = connection
    if (packet.cmd === 'connect') return session ? 'a second CONNECT' : this.#connect(connection, packet)
    if (!session) return `${packet.cmd} before CONNECT`
    if (connection.hasLeft) return `${packet.cmd} after DISCONNECT`
    const messageId = packet.messageId ?? 0
    switch (packet.cmd) {
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        return session.answered(packet.cmd, messageId)
      case 'publish':
        return this.#take(connection, session, packet)
      case 'pubrel':
        session.incoming.delete(messageId)
        return void send({ cmd: 'pubcomp', messageId })
      case 'subscribe':
        send({ cmd: 'suback', messageId, granted: packet.subscriptions.map((wish) => this.#grant(session, wish)) })
        return undefined
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) session.subscriptions.delete(filter)
        return void send({ cmd: 'unsuback', messageId, granted: [] })
      case 'pingreq':
        return this.withholdPingresp ? undefined : void send({ cmd: 'pingresp' })
      case 'disconnect':
        connection.hasLeft = true
        return void connection.socket.end()
      default:
        return `a client may not send ${packet.cmd}`
    }
  }

  #connect(connection: Connection, packet: IConnectPacket): undefined {
    const { socket, send } = connection
    const { clientId, clean = true, keepalive = 0, protocolVersion } = packet
    const returnCode = protocolVersion === 5 ? 1 : (this.#refusals.shift() ?? 0)
    const sessionPresent = returnCode === 0 && !clean && this.#sessions.has(clientId)
    this.connects.push({ atMs: performance.now(), packet, returnCode, sessionPresent })
    send({ cmd: 'connack', returnCode, sessionPresent })
    if (returnCode !== 0) return void socket.end()
    for (const other of this.#connections) if (other.connect?.clientId === clientId) other.socket.destroy()
    if (clean) this.#sessions.delete(clientId)
    socket.setTimeout(keepalive * 1500)
    connection.connect = packet
    connection.session = this.session(clientId)
    connection.session.attach(send)
    return undefined
  }

  #take({ send }: Connection, session: FakeSession, packet: IPublishPacket): string | undefined {
    const { topic, payload, qos, retain, messageId = 0 } = packet
    if (topic === '' || /[+#]/.test(topic)) return `PUBLISH to the topic "${topic}"`
    const isRepeated = qos === 2 && session.incoming.has(messageId)
    if (qos === 2) session.incoming.add(messageId)
    if (!isRepeated) this.#route({ topic, payload, qos, retain })
    if (qos > 0) send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId })
    return undefined
  }

  #route(message: Message): void {
    this.received.push(message)
    this.publish(message)
  }

  #grant(session: FakeSession, { topic, qos }: ISubscription): Qos | 128 {
    if (this.refusedFilters.has(topic)) return 128
    const granted = this.loweredFilters.has(topic) ? 0 : qos
    session.subscriptions.set(topic, granted)
    return granted
  }

  #violated({ socket }: Connection, problem: string): void {
    this.violations.push(problem)
    socket.destroy()
  }

  #lost(connection: Connection): void {
    const { session, connect, send, hasLeft } = connection
    this.#connections.delete(connection)
    if (!session || !connect) return
    session.detach(send)
    const { will, clean, clientId } = connect
    if (will && !hasLeft) this.#route({ qos: 0, ...will })
    if (clean && this.#sessions.get(clientId) === session) this.#sessions.delete(clientId)
  }
}
