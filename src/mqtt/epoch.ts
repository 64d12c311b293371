import { setTimeout as delay } from 'node:timers/promises'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import type { Delivery } from '../core/delivery.ts'
import { ReceiveWindow, type WindowLimits } from '../core/receive-window.ts'
import type { Answer } from './answer.ts'
import { ServerReason } from './connection-error.ts'
import { disconnectReason } from './disconnect.ts'
import { handOver, type InboundSession } from './inbound-session.ts'
import type { InboundPublish, ProtocolVersion } from './publish-decoder.ts'
import { openSocket, type SocketOptions } from './socket.ts'
import { type ShimReceiver, StreamShim } from './stream-shim.ts'
import type { ServerFeatures } from './subscriptions.ts'

export interface SessionOptions {
  readonly socket: SocketOptions
  readonly clientId: string
  readonly clean: boolean
  /** An attempt to connect since the last connection got no answer. */
  readonly wasAway?: boolean
  /** Seconds, 0 = none. */
  readonly keepalive: number
  /** 0 = none. */
  readonly connectTimeoutMs: number
  readonly user: string
  readonly password: string
  /** Absent: 3.1.1. */
  readonly protocolVersion?: ProtocolVersion
  /** Bytes. Of a larger PUBLISH only the beginning is handed over; on MQTT 5 the server keeps such a one back. */
  readonly maxPacketSize?: number
  /** MQTT 5, seconds. Absent: the server keeps the session for ever. */
  readonly sessionExpiryInterval?: number | undefined
  /** MQTT 5. Absent: what the window takes. */
  readonly receiveMaximum?: number | undefined
  /** MQTT 5. Absent: none. */
  readonly topicAliasMaximum?: number
  readonly will?: {
    readonly topic: string
    readonly payload: string
    readonly qos: 0 | 1 | 2
    readonly retain: boolean
    /** MQTT 5, seconds. Absent: none. */
    readonly delayInterval?: number | undefined
  }
}

export interface Message {
  readonly publish: InboundPublish
  readonly delivery: Delivery
  /** Over which it came. Absent: the server does not have it. */
  readonly epoch?: Epoch
}

export interface EpochEvents {
  connected(sessionPresent: boolean, features: ServerFeatures): void
  /** Never called twice for one message of a session, unless its delivery was released. */
  message(publish: InboundPublish, delivery: Delivery): void
  /**
   * The server has forgotten what was given back to it: older than whatever waits for a receiver. Before `connected`,
   * or, where it has kept quiet about it, with its first answer.
   * Absent: the session has one connection only.
   */
  again?(messages: readonly Message[]): void
  /** Says whether it was to something that was published with `send`. */
  answered?(answer: Answer): boolean
}

export interface EpochEnd {
  readonly closedHere: boolean
  /** Undefined when it was closed from here, and when the server closed it without a word. */
  readonly error: unknown
}

const PUBACK = 0x40
const PUBREC = 0x50
const PUBCOMP = 0x70
const DISCONNECT = Buffer.from([0xe0, 0])
const RETRY_RELEASED_MS = 100
const FINISH_MS = 500
/** A server sends again at once what is unacknowledged. What it has not after so long, it has forgotten. */
const REPEATS_WITHIN_MS = 10_000
const NEVER_EXPIRES = 0xffff_ffff
const MOST_PACKETS = 65_535
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** What MQTT.js shows of the packets in which an MQTT 5 server gives its reasons, and what it asks for. */
interface ReasonPacket {
  readonly cmd: string
  readonly reasonCode?: number
  readonly properties?: { readonly reasonString?: string; readonly serverKeepAlive?: number }
}

/**
 * One network connection from CONNECT to its end. Acknowledgements are bound to it: what settles after its end is not
 * acknowledged here, but when the server sends it again over the next one.
 */
export class Epoch {
  readonly #options: SessionOptions
  readonly #session: InboundSession
  readonly #events: EpochEvents
  readonly #window: ReceiveWindow<InboundPublish>
  readonly #shim: StreamShim
  readonly #client: MqttClient
  #sessionPresent = false
  /** Something has come that was not sent before: the server has no more to repeat. */
  #hasNew = false
  #connected = false
  #closing = false
  #ended = false
  #lastError: unknown
  /** The last answer that waits for the disk. */
  #answering: Promise<void> | undefined

  constructor(options: SessionOptions, limits: WindowLimits, session: InboundSession, events: EpochEvents) {
    this.#options = options
    this.#session = session
    this.#events = events
    const receiver: ShimReceiver = {
      connack: (sessionPresent) => this.#begin(sessionPresent),
      publish: (packet) => this.#arrive(packet),
      pubrel: (packetId) => this.#complete(packetId),
      answer: (answer) => !this.#ended && this.#events.answered?.(answer) === true,
      disconnect: (packet) => {
        this.#lastError ??= disconnectReason(packet)
      },
    }
    this.#shim = new StreamShim(openSocket(options.socket), receiver, options)
    this.#window = new ReceiveWindow(
      limits,
      (published) => this.#acknowledge(published),
      () => this.#shim.resumeReading(),
    )
    this.#client = this.#createClient(limits)
  }

  get client(): MqttClient {
    return this.#client
  }

  get connected(): boolean {
    return this.#connected && !this.#ended && !this.#closing
  }

  /** Records handed over and not yet acknowledged on this connection. */
  get unacknowledged(): number {
    return this.#window.records
  }

  /** Whether reading has stopped until the flow has finished with some of it. */
  get windowLimited(): boolean {
    return this.connected && this.#shim.paused
  }

  /** Whether the server sends it again when it is released. */
  keeps(publish: InboundPublish): boolean {
    return publish.qos > 0 && !this.#options.clean && this.#session.holds(publish)
  }

  /** The limits have changed: there may be room although nothing was acknowledged. */
  refill(): void {
    if (!this.#window.full) this.#shim.resumeReading()
  }

  /** Sends whole packets. `written` hears when the system has them, and nothing when the connection has gone. */
  send(packets: Buffer, written?: (error?: Error | null) => void): void {
    if (!this.#ended) this.#shim.send(packets, written)
  }

  /** Connects. Resolves when the connection has ended. */
  run(): Promise<EpochEnd> {
    return new Promise((resolve) => {
      this.#client.once('close', () => {
        const closedHere = this.#ended
        this.#end()
        this.#client.end(true)
        resolve({ closedHere, error: closedHere ? undefined : this.#lastError })
      })
      this.#client.connect()
    })
  }

  /**
   * Sends the acknowledgements that are due and DISCONNECT, so that the server does not publish the will. What is not
   * acknowledged by then, a kept session sends again over the next connection [MQTT-4.4.0-1].
   */
  async close(graceMs: number): Promise<void> {
    if (this.#ended) return
    this.#window.flush()
    if (this.#answering) await this.#lastAnswers(this.#answering, graceMs)
    if (this.#ended) return
    this.#end()
    if (this.#connected) await this.#shim.finish(DISCONNECT, graceMs)
    this.#shim.destroy()
  }

  /** What arrives meanwhile is not handed over: it comes again. */
  async #lastAnswers(answering: Promise<void>, graceMs: number): Promise<void> {
    this.#closing = true
    await Promise.race([answering, delay(graceMs, undefined, { ref: false })])
  }

  #end(): void {
    this.#ended = true
    this.#window.close()
    this.#session.unfollow()
  }

  #createClient(limits: WindowLimits): MqttClient {
    const { clientId, clean, keepalive, connectTimeoutMs, user, password, will, protocolVersion = 4 } = this.#options
    const client = new mqtt.MqttClient(() => this.#shim, {
      protocolVersion,
      protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
      ...(protocolVersion === 5 ? { properties: this.#properties(limits) } : {}),
      clientId,
      clean,
      keepalive,
      connectTimeout: connectTimeoutMs || LONGEST_TIMER_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      queueQoSZero: false,
      manualConnect: true,
      ...(user === '' ? {} : { username: user }),
      ...(password === '' || (user === '' && protocolVersion !== 5) ? {} : { password }),
      ...(will ? { will: willPacket(will) } : {}),
    })
    client.on('connect', ({ properties }) => {
      const isVersion5 = protocolVersion === 5
      const subscriptionIds = isVersion5 && properties?.subscriptionIdentifiersAvailable !== false
      if (!this.#ended) this.#events.connected(this.#sessionPresent, { subscribeOptions: isVersion5, subscriptionIds })
    })
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'suback') this.#hearSuback()
      this.#hearReason(packet as ReasonPacket)
      this.#obeyKeepAlive(client, packet as ReasonPacket)
    })
    client.on('error', (error) => {
      this.#lastError ??= error
      this.#shim.destroy()
    })
    this.#shim.on('error', (error) => {
      this.#lastError ??= error
    })
    this.#keepAliveWhileBusy(client)
    return client
  }

  #properties({ records }: WindowLimits): IClientOptions['properties'] & object {
    const { clean, sessionExpiryInterval = NEVER_EXPIRES, receiveMaximum, maxPacketSize } = this.#options
    const { topicAliasMaximum = 0 } = this.#options
    return {
      sessionExpiryInterval: clean ? 0 : sessionExpiryInterval,
      receiveMaximum: receiveMaximum ?? Math.max(1, Math.min(MOST_PACKETS, records)),
      ...(maxPacketSize === undefined ? {} : { maximumPacketSize: maxPacketSize }),
      ...(topicAliasMaximum === 0 ? {} : { topicAliasMaximum }),
    }
  }

  /** MQTT.js does not pass on the reason string of a CONNACK. */
  #hearReason({ cmd, reasonCode = 0, properties }: ReasonPacket): void {
    if (cmd === 'connack' && reasonCode > 0) this.#lastError ??= new ServerReason(reasonCode, properties?.reasonString)
  }

  /** MQTT.js uses the server's keepalive [MQTT-3.2.2-21] only where neither that nor its own is 0. It asks after this. */
  #obeyKeepAlive(client: MqttClient, { cmd, properties }: ReasonPacket): void {
    const { serverKeepAlive } = properties ?? {}
    if (cmd === 'connack' && serverKeepAlive !== undefined) client.options.keepalive = serverKeepAlive
  }

  /**
   * A missing PINGRESP proves nothing while we do not read, or while other bytes arrive: MQTT.js would take the
   * connection down (MQTTjs/MQTT.js issue 1935). A PINGREQ still goes out, so that the server keeps the session.
   */
  #keepAliveWhileBusy(client: MqttClient): void {
    const onKeepaliveTimeout = client.onKeepaliveTimeout.bind(client)
    client.onKeepaliveTimeout = () => {
      const silentMs = performance.now() - this.#shim.lastReceivedMs
      if (!this.#shim.paused && silentMs > client.keepalive * 1500) return onKeepaliveTimeout()
      client.sendPing()
      client.reschedulePing(true)
    }
  }

  /** MQTT 3.1 does not say whether it has the session; asked to keep it, it most probably has. */
  #begin(sessionPresent: boolean): void {
    const { protocolVersion, clean } = this.#options
    this.#sessionPresent = sessionPresent
    this.#connected = true
    const isKept = sessionPresent || (protocolVersion === 3 && !clean)
    if (isKept) {
      this.#session.resume()
      this.#watchRepeats()
    }
    this.#offerAgain(isKept ? [] : this.#session.reset())
  }

  /**
   * A session that the server says it has may be one that began with an attempt of ours whose answer was lost. Then
   * this is the first thing that it sends, and not what is unacknowledged.
   */
  #hearSuback(): void {
    if (this.#options.wasAway && this.connected) this.#offerAgain(this.#session.forgetMissing())
  }

  /** The server says that it has the session and has lost what was on the way, as after a failover. */
  #watchRepeats(): void {
    const { missing } = this.#session
    if (missing === 0) return
    void delay(REPEATS_WITHIN_MS, undefined, { ref: false }).then(() => {
      if (!this.connected) return
      if (this.#mayRepeat || this.#session.missing < missing) this.#watchRepeats()
      else this.#offerAgain(this.#session.forgetMissing())
    })
  }

  /** While we do not read, acknowledge nothing or receive a large one, the rest may be to come. */
  get #mayRepeat(): boolean {
    if (this.#shim.paused) return true
    if (this.#hasNew) return false
    return this.#window.records > 0 || performance.now() - this.#shim.lastReceivedMs < REPEATS_WITHIN_MS / 2
  }

  #offerAgain(left: readonly InboundPublish[]): void {
    if (left.length > 0) this.#events.again?.(left.map((publish) => ({ publish, delivery: this.#offer(publish) })))
  }

  /** Nobody else has it: there is nothing to acknowledge, and whoever releases it gets it again. */
  #offer(publish: InboundPublish): Delivery {
    const { delivery, whenSettled } = handOver(publish)
    whenSettled(({ status }) => {
      if (status === 'released')
        setTimeout(() => this.#events.message(publish, this.#offer(publish)), RETRY_RELEASED_MS)
    })
    return delivery
  }

  /** A repeat of what is in the flow is held as its first coming, so that its bytes are held once. */
  #arrive(arrived: InboundPublish): void {
    if (this.#ended || this.#closing) return
    if (arrived.qos > 0 && !arrived.dup) this.#hasNew = true
    const earlier = this.#session.earlier(arrived)
    const publish = earlier?.publish ?? arrived
    const entry = this.#window.admit(publish, publish.payload.length + publish.topic.length)
    if (this.#window.full) this.#shim.pauseReading()
    const settled = () => this.#window.settle(entry)
    if (this.#session.wasReceived(arrived)) settled()
    else if (earlier)
      earlier.whenSettled(({ status }) => (status === 'released' ? this.#redeliver(publish, settled) : settled()))
    else this.#handOver(publish, settled)
  }

  #handOver(publish: InboundPublish, settled: () => void): void {
    if (!this.#ended && this.#session.isReused(publish)) this.#offerAgain(this.#session.forgetMissing())
    const { delivery, whenSettled } = this.#ended ? handOver(publish) : this.#session.add(publish)
    whenSettled(({ status }) => (status === 'released' ? this.#redeliver(publish, settled) : settled()))
    this.#events.message(publish, delivery)
  }

  /**
   * A kept session sends it again after a reconnect. A clean or forgotten one would not, and neither is QoS 0 sent
   * twice: those are handed over again from here, even after the connection has ended.
   */
  #redeliver(publish: InboundPublish, settled: () => void): void {
    if (this.keeps(publish)) {
      this.#session.giveBack(publish)
      void this.close(FINISH_MS)
      return
    }
    this.#session.forget(publish)
    setTimeout(() => this.#handOver(publish, settled), RETRY_RELEASED_MS)
  }

  /** In their order [MQTT-4.6.0-2, MQTT-4.6.0-3], also where some have to be stored before. */
  #acknowledge(published: readonly InboundPublish[]): void {
    const stored = this.#session.settled(published)
    this.#inTurn(stored, () => this.#answer(published))
  }

  #answer(published: readonly InboundPublish[]): void {
    const packets = Buffer.allocUnsafe(published.length * 4)
    let length = 0
    for (const { qos, packetId } of published) {
      if (qos === 0) continue
      packets[length] = qos === 1 ? PUBACK : PUBREC
      packets[length + 1] = 2
      packets.writeUInt16BE(packetId, length + 2)
      length += 4
    }
    if (length === 0 || this.#ended) return
    if (this.#shim.send(packets.subarray(0, length)))
      for (const publish of published) this.#session.acknowledge(publish)
  }

  #complete(packetId: number): void {
    const comp = Buffer.from([PUBCOMP, 2, packetId >> 8, packetId & 0xff])
    this.#inTurn(this.#session.release(packetId), () => void this.#shim.send(comp))
  }

  /** At once where nothing has to be waited for, by this answer or an earlier one. */
  #inTurn(stored: Promise<unknown> | undefined, answer: () => void): void {
    if (!stored && !this.#answering) {
      answer()
      return
    }
    const turn = Promise.all([this.#answering, stored]).then(() => {
      if (this.#answering === turn) this.#answering = undefined
      answer()
    })
    this.#answering = turn
  }
}

function willPacket({ topic, payload, qos, retain, delayInterval }: SessionOptions['will'] & object) {
  const properties = delayInterval === undefined ? {} : { properties: { willDelayInterval: delayInterval } }
  return { topic, payload: Buffer.from(payload), qos, retain, ...properties }
}
