import { setTimeout as delay } from 'node:timers/promises'
import { createSecureContext } from 'node:tls'
import { type ByteBudget, unlimited } from '../core/byte-budget.ts'
import { accepted, type Delivery } from '../core/delivery.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { pause } from '../core/retry.ts'
import { type Address, Addresses } from './addresses.ts'
import { type AttemptLimits, Attempts, type Ended } from './attempts.ts'
import { connectionError, isTakeover } from './connection-error.ts'
import type { SessionMemory } from './connection-pool.ts'
import { Epoch, type Message, type SessionOptions } from './epoch.ts'
import { watchFiles } from './file-watch.ts'
import { HeldMessages, type Unclaimed } from './held-messages.ts'
import { InboundSession } from './inbound-session.ts'
import { OnOff } from './on-off.ts'
import { Outbound } from './outbound.ts'
import { ProtocolChoice } from './protocol-choice.ts'
import type { InboundPublish, ProtocolVersion } from './publish-decoder.ts'
import type { ReceivedIds } from './received-ids.ts'
import type { GrantedFilter } from './server-filters.ts'
import { filesOf, tlsOptions } from './socket.ts'
import type { FilterOptions } from './subscription-plan.ts'
import { Subscriptions } from './subscriptions.ts'

export interface ConnectionOptions extends Omit<SessionOptions, 'protocolVersion'>, AttemptLimits {
  /** Nobody subscribes over it, and it is closed when nothing was published for so long (0: never). */
  readonly publishing?: { readonly idleTimeoutMs: number }
  /** `auto`: the newest that the server takes. Absent: 3.1.1. */
  readonly protocolVersion?: ProtocolVersion | 'auto'
  /** Brokers to use when the one before cannot be reached. */
  readonly fallbacks?: readonly { readonly host: string; readonly port: number }[]
  /** Where the answered QoS 2 ids of a session of this name are kept over restarts. Absent: nowhere. */
  readonly receivedIds?: (session: string) => ReceivedIds
}

export interface ConnectionStatus {
  /** `stopped`: it was disconnected from here, until `connect`. */
  readonly phase: 'connecting' | 'connected' | 'waiting' | 'stopped' | 'closed'
  /** Of one subscriber also that the server refuses some of its filters. */
  readonly error: PipelineError | undefined
  readonly windowLimited: boolean
  readonly unacknowledged: number
  /** What works, but with less than was asked for. */
  readonly lowered: PipelineError | undefined
  /** Filters that the server grants with less than was asked for. */
  readonly loweredFilters: readonly GrantedFilter[]
}

/** Somebody who takes messages of a connection. */
export interface Subscriber {
  /** Others may stand here later (`MqttConnection.change`). */
  readonly filters: readonly (FilterOptions & { readonly filter: string })[]
  /** What this subscriber allows to be unacknowledged; the connection adds up its subscribers'. */
  readonly window: { readonly records: number; readonly bytes: number }
  matches(topic: string): boolean
  /** Whether it did before it gave up filters: it gets what comes for those when nobody else takes it. */
  matchedBefore?(topic: string): boolean
  /** The delivery is settled exactly once, whatever happens. */
  receive(publish: InboundPublish, delivery: Delivery): void
  /** The connection's state or error has changed. */
  changed(): void
}

const CLOSE_GRACE_MS = 500
/** How long a message waits for a subscriber while flows are redeployed, before it counts as nobody's. */
export const UNCLAIMED_MS = 10_000
/** What a connection for publishing takes of messages that it has not asked for: it must go on reading its answers. */
const STRAY = { records: 1000, bytes: 1 << 20 }

/**
 * A session at one broker, connected again and again until it is closed. It owns the connection epochs, the wait
 * between them, and who gets which message.
 */
export class MqttConnection {
  readonly #options: ConnectionOptions
  readonly #sessions = new Map<Address, InboundSession>()
  readonly #stores: ReceivedIds[] = []
  readonly outbound: Outbound
  /** Of a session for publishing: where what an earlier process has left in it is gone. */
  #cleared: Address | undefined
  readonly #protocol: ProtocolChoice
  readonly #addresses: Addresses
  readonly #subscriptions: Subscriptions
  #remember: () => void = () => {}
  readonly #abort = new AbortController()
  /** Read live by the receive window of each epoch. */
  readonly #limits: { records: number; bytes: number; readonly budget: ByteBudget }
  readonly #held: HeldMessages
  #suspended = false
  #suspendedEpoch: Epoch | undefined
  #epoch: Epoch | undefined
  readonly #onOff = new OnOff()
  #unwatch: () => void = () => {}
  #phase: ConnectionStatus['phase'] = 'connecting'
  #error: PipelineError | undefined
  #running: Promise<void> | undefined

  /** `unclaimed` gets what no subscriber wanted: messages of a session that still has subscriptions nobody uses. */
  constructor(options: ConnectionOptions, unclaimed: Unclaimed, budget: ByteBudget = unlimited) {
    this.#options = options
    this.#protocol = new ProtocolChoice(options.protocolVersion ?? 4)
    this.#addresses = new Addresses(options.socket, options.fallbacks)
    this.#limits = options.publishing ? { ...STRAY, budget } : { records: 0, bytes: 0, budget }
    this.#held = new HeldMessages(UNCLAIMED_MS, () => this.#suspended, unclaimed)
    this.outbound = new Outbound(this.#broker)
    const answered = () => {
      this.#notify()
      this.#remember()
    }
    this.#subscriptions = new Subscriptions(answered, () => this.#remember())
  }

  /** Of the connection itself. */
  get status(): Omit<ConnectionStatus, 'lowered' | 'loweredFilters'> {
    return {
      phase: this.#phase,
      error: this.#error,
      windowLimited: this.#epoch?.windowLimited ?? false,
      unacknowledged: this.#epoch?.unacknowledged ?? 0,
    }
  }

  /** For a subscriber with these filters: what the server says to those of others is not its concern. */
  statusFor(filters: Subscriber['filters']): ConnectionStatus {
    const { status } = this
    const refusal = status.phase === 'connected' ? this.#subscriptions.refusal(filters) : undefined
    return { ...status, error: status.error ?? refusal, ...this.#subscriptions.loweredOf(filters) }
  }

  /** Connects with the next turn, so that every subscriber of a deploy is there before the session's messages are. */
  open(): void {
    if (this.#running) return
    this.#running = new Promise((resolve) => setImmediate(resolve)).then(() => this.#run())
    if (!this.#options.clean) this.#unwatch = watchFiles(filesOf(this.#options.socket), () => this.#renew())
  }

  /** New certificates: a kept session goes on over a new connection. What cannot be used changes nothing. */
  #renew(): void {
    const { socket } = this.#options
    try {
      createSecureContext(tlsOptions(socket.host, socket.tls!))
    } catch (error) {
      this.#error ??= new PipelineError('BROKER_TLS', { broker: this.#broker, problem: messageOf(error) }, error)
      this.#notify()
      return
    }
    void this.#epoch?.close(CLOSE_GRACE_MS)
  }

  /** Also switches it on again, where somebody has disconnected it. */
  subscribe(subscriber: Subscriber): void {
    this.#onOff.on()
    this.#subscriptions.add(subscriber)
    this.#limit()
    this.#handOut()
  }

  /**
   * A subscriber has other filters now than these. Resolves when the server has answered for them, or there is no
   * connection: then they are asked for with the next one. Throws SUBSCRIPTION_REFUSED. While subscribers are being
   * replaced one of them may want what this one gives up: it ends after `resume`.
   */
  async change(subscriber: Subscriber, former: readonly string[]): Promise<void> {
    this.#subscriptions.change(this.#suspended ? [] : former)
    await this.#subscriptions.answered(subscriber.filters.map(({ filter }) => filter))
  }

  /** Its filters are unsubscribed a little later, unless another subscriber has them by then. */
  unsubscribe(subscriber: Subscriber): void {
    this.#subscriptions.remove(subscriber)
    this.#limit()
    this.#pruneLater()
  }

  /**
   * Ends the connection until `connect`; a kept session goes on collecting messages at the server. What is in the flow
   * is acknowledged when the server sends it again. Resolves when the connection has ended.
   */
  async disconnect(): Promise<void> {
    if (this.#phase === 'closed') return
    this.#onOff.off()
    await this.#epoch?.close(CLOSE_GRACE_MS)
  }

  /** Ends what `disconnect` has begun, or having given up. Resolves when it stands; throws why the next attempt fails. */
  async connect(): Promise<void> {
    const wasOff = this.#onOff.isOff
    this.#onOff.on()
    if (this.#phase === 'connected' && !wasOff) return
    if (this.#abort.signal.aborted) throw this.#isStopped
    const arrival = this.#onOff.arrival()
    if (this.#phase === 'closed') this.#running = this.#run()
    this.#onOff.hurry()
    await arrival
  }

  /** Subscribers are being replaced: until `resume` nobody gets anything, or one would miss what two want. */
  suspend(): void {
    if (!this.#suspended) this.#suspendedEpoch = this.#epoch
    this.#suspended = true
  }

  /** Where older messages were released meanwhile, the newer ones that were kept back must come again behind them. */
  resume(): void {
    this.#suspended = false
    const isRestarted = this.#epoch !== this.#suspendedEpoch || !this.#epoch?.connected
    if (isRestarted) this.#held.giveBack()
    this.#handOut()
    this.#pruneLater()
  }

  /**
   * What an earlier connection of this session has subscribed to: what nobody wants of it now will be unsubscribed.
   * `remember` is told what the session is subscribed to whenever that changes.
   */
  inherit(memory: SessionMemory | undefined, remember: (memory: SessionMemory) => void): void {
    this.#subscriptions.inherit(memory?.filters ?? [], memory?.session === this.#sessionName)
    this.#remember = () => remember({ session: this.#sessionName, filters: this.#subscriptions.known })
  }

  async close(): Promise<void> {
    this.#abort.abort()
    this.#unwatch()
    await this.#epoch?.close(CLOSE_GRACE_MS)
    await this.#running
    await Promise.all(this.#stores.map((store) => store.close()))
    this.#phase = 'closed'
    this.outbound.ended(undefined)
    this.#onOff.failed(this.#isStopped)
    this.#held.giveBack()
    this.#held.end()
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    let isUnanswered = false
    for (const attempts = new Attempts(this.#options); !signal.aborted; ) {
      if (this.#onOff.isOff) {
        this.#enter('stopped', undefined)
        await this.#onOff.untilOn(signal)
        continue
      }
      const end = await this.#connectOnce(attempts.inARow > 0 || isUnanswered)
      const { closedHere, error, connectedMs } = end
      isUnanswered = connectedMs === 0 && (isUnanswered || closedHere)
      if (signal.aborted) return
      if (this.#onOff.isOff) continue
      if (connectedMs === 0 && this.#protocol.failed(error)) continue
      if (connectedMs === 0 && this.#addresses.next()) continue
      if (attempts.ended(end)) return this.#enter('closed', this.#givenUp(error, attempts.inARow))
      const isIntended = closedHere && this.#options.publishing !== undefined
      const waitMs = attempts.waitMs(end, isIntended)
      this.#enter('waiting', closedHere ? undefined : this.#explain(error, attempts.areTakeovers))
      if (!isIntended) await this.#onOff.pause(waitMs, signal)
      if (this.#isIdle) await this.outbound.wanted(signal)
    }
  }

  get #isIdle(): boolean {
    const { publishing } = this.#options
    return publishing !== undefined && this.outbound.isIdle(publishing.idleTimeoutMs)
  }

  async #connectOnce(wasAway: boolean): Promise<Ended> {
    let connectedAt: number | undefined
    try {
      this.#enter('connecting', this.#error)
      const protocolVersion = this.#protocol.version
      const address = this.#addresses.current
      const session = this.#sessionAt(address)
      const socket = { ...this.#options.socket, ...address }
      const clears = this.#clears(address)
      const epoch = new Epoch(
        { ...this.#options, ...clears, protocolVersion, socket, wasAway },
        this.#limits,
        session,
        {
          connected: (sessionPresent, features) => {
            connectedAt = performance.now()
            this.#cleared = address
            if (clears) {
              this.outbound.forget()
              void epoch.close(CLOSE_GRACE_MS)
              return
            }
            this.#enter('connected', undefined)
            if (this.#addresses.answered()) this.#subscriptions.moved()
            this.#subscriptions.connected(epoch.client, sessionPresent, features, wasAway)
            this.#pruneLater()
            void this.#closeIdle(epoch)
          },
          message: (publish, delivery) => this.#dispatch({ publish, delivery, epoch }),
          again: (messages) => {
            this.#held.putFirst(messages)
            this.#handOut()
          },
          answered: (answer) => this.outbound.answered(answer),
        },
      )
      this.#epoch = epoch
      this.outbound.follow(epoch)
      const end = await epoch.run()
      return { ...end, connectedMs: connectedAt === undefined ? 0 : performance.now() - connectedAt }
    } catch (error) {
      return { closedHere: false, error, connectedMs: 0 }
    } finally {
      this.#subscriptions.disconnected()
    }
  }

  /**
   * The first connection only makes the server forget: packet ids of an earlier process, or of the time before another
   * server, may mean QoS 2 messages there that wait for their PUBREL, and a new message under such an id would be taken
   * for its repeat.
   */
  #clears(address: Address): { readonly clean: true } | undefined {
    const { publishing, clean } = this.#options
    const isDue = this.#cleared !== address || this.outbound.mustForget
    return publishing && !clean && isDue ? { clean: true } : undefined
  }

  /** Closes a connection for publishing that nobody uses any longer. */
  async #closeIdle(epoch: Epoch): Promise<void> {
    const { publishing } = this.#options
    if (!publishing || publishing.idleTimeoutMs === 0) return
    const { signal } = this.#abort
    while (epoch.connected && !signal.aborted) {
      if (this.#isIdle) {
        this.outbound.ended(undefined)
        return epoch.close(CLOSE_GRACE_MS)
      }
      await pause(this.outbound.idleInMs(publishing.idleTimeoutMs), signal)
    }
  }

  /** Nothing is kept for a session that the server forgets. */
  #sessionAt(address: Address): InboundSession {
    const known = this.#sessions.get(address)
    if (known) return known
    const { receivedIds, clean } = this.#options
    const stored = clean ? undefined : receivedIds?.(this.#sessionName)
    if (stored) this.#stores.push(stored)
    const session = new InboundSession(stored)
    this.#sessions.set(address, session)
    return session
  }

  #givenUp(error: unknown, attempts: number): PipelineError {
    const { message: problem } = connectionError(error, this.#broker)
    return new PipelineError('BROKER_GIVEN_UP', { attempts: Math.max(1, attempts), problem }, error)
  }

  #explain(error: unknown, areTakeovers: boolean): PipelineError {
    const { clientId } = this.#options
    if (!areTakeovers && !isTakeover(error)) return connectionError(error, this.#broker)
    return new PipelineError('BROKER_TAKEN_OVER', { broker: this.#broker, clientId }, error)
  }

  #dispatch(message: Message): void {
    const { publish, delivery } = message
    if (this.#subscriptions.isExtraCopy(publish)) {
      delivery.settle(accepted)
      return
    }
    const takers = this.#suspended ? [] : this.#subscriptions.takers(publish.topic)
    if (takers.length === 1) takers[0]!.receive(publish, delivery)
    else if (takers.length > 1) {
      const parts = delivery.fork(takers.length)
      for (const [i, taker] of takers.entries()) taker.receive(publish, parts[i]!)
    } else {
      // Another one than before: a wait that has begun for it ends nothing.
      this.#held.add({ ...message })
    }
  }

  #handOut(): void {
    if (this.#suspended) return
    for (const message of this.#held.take()) this.#dispatch(message)
  }

  #limit(): void {
    this.#limits.records = 0
    this.#limits.bytes = 0
    for (const { window } of this.#subscriptions.subscribers) {
      this.#limits.records += window.records
      this.#limits.bytes += window.bytes
    }
    this.#epoch?.refill()
  }

  #pruneLater(): void {
    if (this.#options.publishing) return
    void delay(UNCLAIMED_MS, undefined, { ref: false }).then(() => {
      if (this.#suspended) return
      this.#subscriptions.prune()
      this.#remember()
    })
  }

  #enter(phase: ConnectionStatus['phase'], error: PipelineError | undefined): void {
    this.#phase = phase
    this.#error = error
    if (phase === 'connected') this.outbound.connected()
    if (phase === 'waiting' || phase === 'closed') this.outbound.ended(error)
    if (phase === 'closed' && error) this.outbound.over(error)
    if (phase === 'connected') this.#onOff.arrived()
    else if (phase === 'stopped' || (phase !== 'connecting' && error)) this.#onOff.failed(error ?? this.#isStopped)
    this.#notify()
  }

  get #isStopped(): PipelineError {
    return new PipelineError('BROKER_UNREACHABLE', { broker: this.#broker, problem: 'it was disconnected from here' })
  }

  #notify(): void {
    for (const subscriber of this.#subscriptions.subscribers) subscriber.changed()
  }

  get #sessionName(): string {
    return `${this.#broker} ${this.#options.clientId}`
  }

  get #broker(): string {
    const { host, port } = this.#addresses.current
    return `${host}:${port}`
  }
}
