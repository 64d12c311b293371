import { messageOf, PipelineError } from '../core/errors.ts'
import { type OutboundMessage, PublishRefused, Unconfirmed } from '../core/publisher.ts'
import type { Answer } from './answer.ts'
import type { Epoch } from './epoch.ts'
import { encodePublish, encodePubrel } from './publish-encoder.ts'

/** What MQTT.js shows of a CONNACK. */
interface Connack {
  readonly cmd: string
  readonly sessionPresent?: boolean
  readonly properties?: {
    readonly receiveMaximum?: number
    readonly maximumPacketSize?: number
    readonly maximumQoS?: number
    readonly retainAvailable?: boolean
  }
}

/** A message of QoS 1 or 2 that was given a packet id. `released`: PUBREC is here, PUBREL is next. */
interface Sent {
  message: OutboundMessage
  readonly packetId: number
  state: 'new' | 'published' | 'released'
  /** Of who waits for it on this connection. */
  waiter: Waiter | undefined
  /** It has left on this connection: before that nothing can be an answer to it. */
  isUnderWay?: boolean
  isGivenUp?: boolean
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

const REFUSED = 0x80
const MOST_PACKETS = 65_535
/**
 * QoS 2 messages that are not confirmed, where the server does not say how many it takes: mosquitto 2.0 takes
 * max_inflight_messages, 20 if nobody has changed it, and ends the connection, and every later one of that session.
 */
const MOST_QOS_2 = 20
const nothing = new Uint8Array(0)

/**
 * What a session publishes, over all its connections, which must subscribe to nothing: MQTT.js takes ids of its own for
 * that. The ids of what is not confirmed outlive a connection: where the
 * server has kept the session, a message goes on with its id and DUP [MQTT-4.4.0-1], so that QoS 2 is delivered once.
 */
export class Outbound {
  readonly #broker: string
  #lastId = 0
  readonly #sent = new Map<number, Sent>()
  #known = new WeakMap<OutboundMessage, Sent>()
  /** Of QoS 0, and whoever waits for the connection. */
  readonly #waiters = new Set<Waiter>()
  readonly #arrivals = new Set<Waiter>()
  /** Of QoS 2, as far as the server may have them. */
  readonly #exactlyOnce = new Set<Sent>()
  /** More than the server takes at a time. */
  readonly #queue: Sent[] = []
  #open = 0
  #epoch: Epoch | undefined
  #connack: Connack | undefined
  #connected = false
  #over: PipelineError | undefined
  #mustForget = false
  #wake = () => {}
  /** Monotonic ms. */
  #lastUseMs = performance.now()

  constructor(broker: string) {
    this.#broker = broker
  }

  /**
   * Whether the server may hold QoS 2 messages that nobody will finish: they count against what it takes, and mosquitto
   * ends every connection of such a session.
   */
  get mustForget(): boolean {
    return this.#mustForget
  }

  /** A new connection, before it is opened. */
  follow(epoch: Epoch): void {
    this.#epoch = epoch
    this.#connack = undefined
    epoch.client.on('packetreceive', (packet) => {
      if (this.#epoch === epoch && packet.cmd === 'connack') this.#connack = packet as Connack
    })
  }

  /** The connection of `follow` stands. A server that has forgotten the session knows none of our ids. */
  connected(): void {
    if (!this.#connack?.sessionPresent) this.forget()
    this.#connected = true
    for (const { resolve } of this.#arrivals) resolve()
    this.#arrivals.clear()
  }

  /** It has ended, or could not be made. Without an error it will be made again when it is needed. */
  ended(error: PipelineError | undefined): void {
    this.#connected = false
    this.#queue.splice(0)
    const cause = error ?? new PipelineError('BROKER_UNREACHABLE', { broker: this.#broker, problem: 'it was closed' })
    for (const sent of this.#sent.values()) this.#fail(sent, new Unconfirmed(cause.message, { cause }))
    for (const { reject } of this.#waiters) reject(new Unconfirmed(cause.message, { cause }))
    this.#waiters.clear()
    this.#open = 0
    if (!error) return
    for (const { reject } of this.#arrivals) reject(cause)
    this.#arrivals.clear()
  }

  /** It will not be made again. */
  over(error: PipelineError): void {
    this.#over = error
  }

  /** See Publisher. */
  ready(signal: AbortSignal): Promise<void> {
    this.#use()
    if (this.#connected && !signal.aborted) return Promise.resolve()
    if (this.#over) return Promise.reject(this.#over)
    let abort = () => {}
    const arrival = new Promise<void>((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#arrivals.add(waiter)
      abort = () => {
        this.#arrivals.delete(waiter)
        reject(new PipelineError('DELIVERY_RELEASED'))
      }
      signal.addEventListener('abort', abort)
      if (signal.aborted) abort()
      this.#wake()
    })
    return arrival.finally(() => signal.removeEventListener('abort', abort))
  }

  /** See Publisher. */
  async publish(message: OutboundMessage): Promise<void> {
    this.#use()
    this.#check(message)
    await (message.qos === 0 ? this.#publishUnconfirmed(message) : this.#publishConfirmed(message))
    this.#use()
  }

  /** Takes the answer on the present connection, if it is to something of ours. */
  answered(answer: Answer): boolean {
    const sent = this.#sent.get(answer.packetId)
    if (sent?.waiter && sent.isUnderWay) this.#answer(sent, answer)
    return sent !== undefined
  }

  #answer(sent: Sent, { kind, reasonCode, reasonString }: Answer): void {
    const refusal = reasonCode < REFUSED ? undefined : new PublishRefused(reasonCode, reasonString)
    if (kind === 'puback' && sent.message.qos === 1) this.#settle(sent, refusal)
    else if (kind === 'pubrec' && sent.message.qos === 2) {
      if (refusal) this.#settle(sent, refusal)
      else this.#release(sent)
    } else if (kind === 'pubcomp' && sent.state === 'released') {
      // A server that does not know the id any longer has completed it before.
      this.#settle(sent, undefined)
    }
  }

  /** Whether nothing was published for so long, and nothing is under way. 0: never. */
  isIdle(idleTimeoutMs: number): boolean {
    return idleTimeoutMs > 0 && !this.#isBusy && this.#idleMs >= idleTimeoutMs
  }

  /** See Publisher. The id of a QoS 2 message is not used again in this session: the server may still hold it. */
  giveUp(message: OutboundMessage): void {
    const sent = this.#known.get(message)
    if (!sent) return
    sent.isGivenUp = true
    if (sent.waiter) return
    if (message.qos === 2) {
      this.#mustForget = true
      sent.message = { ...message, payload: nothing }
    } else this.#remove(sent)
    this.#exactlyOnce.delete(sent)
    this.#sendQueued()
  }

  /** Resolves when somebody wants to publish. */
  async wanted(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#arrivals.size > 0) return
    let wake = () => {}
    await new Promise<void>((resolve) => {
      wake = resolve
      this.#wake = resolve
      signal.addEventListener('abort', wake)
    })
    signal.removeEventListener('abort', wake)
  }

  /** When it may be idle at the earliest. */
  idleInMs(idleTimeoutMs: number): number {
    return this.#isBusy ? idleTimeoutMs : Math.max(1, idleTimeoutMs - this.#idleMs)
  }

  get #isBusy(): boolean {
    return this.#open + this.#waiters.size + this.#arrivals.size > 0
  }

  get #idleMs(): number {
    return performance.now() - this.#lastUseMs
  }

  get #protocolVersion(): number {
    return this.#epoch?.client.options.protocolVersion ?? 4
  }

  get #target(): string {
    return `The MQTT broker ${this.#broker}`
  }

  #use(): void {
    this.#lastUseMs = performance.now()
  }

  /** What an MQTT 5 server has said in its CONNACK that it does not take. */
  #check({ qos, retain }: OutboundMessage): void {
    const broker = this.#broker
    if (!this.#connected) throw new PipelineError('BROKER_UNREACHABLE', { broker, problem: 'there is no connection' })
    const { maximumQoS = 2, retainAvailable = true } = this.#connack?.properties ?? {}
    const target = this.#target
    if (qos > maximumQoS) throw new PipelineError('TARGET_UNSUPPORTED', { target, problem: `QoS ${qos}` })
    if (retain && !retainAvailable)
      throw new PipelineError('TARGET_UNSUPPORTED', { target, problem: 'retained messages' })
  }

  #publishUnconfirmed(message: OutboundMessage): Promise<void> {
    const packet = this.#encode(message, 0, false)
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiters.add(waiter)
      // A connection that is lost says so to all that wait.
      this.#epoch?.send(packet, (error) => {
        if (!error && this.#waiters.delete(waiter)) resolve()
      })
    })
  }

  #publishConfirmed(message: OutboundMessage): Promise<void> {
    const sent = this.#known.get(message) ?? this.#add(message)
    return new Promise((resolve, reject) => {
      sent.waiter = { resolve, reject }
      this.#queue.push(sent)
      this.#sendQueued()
    })
  }

  #sendQueued(): void {
    while (this.#queue[0] && this.#isRoomFor(this.#queue[0])) this.#send(this.#queue.shift()!)
  }

  #isRoomFor({ state, message }: Sent): boolean {
    const { receiveMaximum = MOST_PACKETS } = this.#connack?.properties ?? {}
    if (this.#open >= receiveMaximum) return false
    return this.#protocolVersion === 5 || message.qos < 2 || state !== 'new' || this.#exactlyOnce.size < MOST_QOS_2
  }

  #add(message: OutboundMessage): Sent {
    const sent: Sent = { message, packetId: this.#nextId(), state: 'new', waiter: undefined }
    this.#sent.set(sent.packetId, sent)
    this.#known.set(message, sent)
    return sent
  }

  #nextId(): number {
    if (this.#sent.size >= MOST_PACKETS)
      throw new PipelineError('TARGET_THROTTLED', { target: this.#target, problem: 'all packet ids are in use' })
    do this.#lastId = (this.#lastId % MOST_PACKETS) + 1
    while (this.#sent.has(this.#lastId))
    return this.#lastId
  }

  #send(sent: Sent): void {
    const { message, packetId, state } = sent
    try {
      const packet = state === 'released' ? encodePubrel(packetId) : this.#encode(message, packetId, state !== 'new')
      if (state === 'new') sent.state = 'published'
      if (message.qos === 2) this.#exactlyOnce.add(sent)
      this.#open++
      sent.isUnderWay = true
      this.#epoch?.send(packet)
    } catch (error) {
      this.#settle(sent, error instanceof Error ? error : new Error(messageOf(error)), false)
    }
  }

  #encode(message: OutboundMessage, packetId: number, dup: boolean): Buffer {
    const packet = encodePublish(message, { packetId, dup, protocolVersion: this.#protocolVersion })
    const limit = this.#connack?.properties?.maximumPacketSize ?? Infinity
    if (packet.length <= limit) return packet
    const target = `the MQTT broker ${this.#broker}`
    throw new PipelineError('RECORD_TOO_LARGE', { bytes: packet.length, limit, target })
  }

  #release(sent: Sent): void {
    sent.state = 'released'
    this.#epoch?.send(encodePubrel(sent.packetId))
  }

  #settle(sent: Sent, error: Error | undefined, wasOpen = true): void {
    const { waiter } = sent
    sent.waiter = undefined
    this.#remove(sent)
    if (wasOpen) this.#open--
    if (error) waiter?.reject(error)
    else waiter?.resolve()
    this.#sendQueued()
  }

  #fail(sent: Sent, error: Error): void {
    const { waiter } = sent
    sent.waiter = undefined
    sent.isUnderWay = false
    if (sent.state === 'new') this.#remove(sent)
    else if (sent.isGivenUp) this.giveUp(sent.message)
    waiter?.reject(sent.state === 'new' && error.cause instanceof Error ? error.cause : error)
  }

  #remove(sent: Sent): void {
    this.#sent.delete(sent.packetId)
    this.#known.delete(sent.message)
    this.#exactlyOnce.delete(sent)
  }

  /** The server knows nothing of the session any longer. */
  forget(): void {
    this.#mustForget = false
    this.#sent.clear()
    this.#exactlyOnce.clear()
    this.#known = new WeakMap()
  }
}
