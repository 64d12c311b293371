import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { createDelivery, type Delivery, type Outcome } from '../core/delivery.ts'
import type { InboundPublish } from './publish-decoder.ts'
import type { ReceivedIds } from './received-ids.ts'

/** A PUBLISH that was handed over. `delivery` belongs to the receiver; the session hears how it ended. */
export interface HandedOver {
  readonly publish: InboundPublish
  readonly delivery: Delivery
  /** Rises from one to the next of a session; what was given back and comes again has that of its first time. */
  age: number
  /** Hears the outcome, at once if it is known. */
  whenSettled(listener: (outcome: Outcome) => void): void
  /** Forgets every listener but the first, which is that of the connection that handed it over. */
  unfollow(): void
}

/**
 * What must outlive one network connection: which packet ids are handed over and not yet acknowledged on the wire, and
 * which QoS 2 ids are answered with PUBREC and wait for their PUBREL [MQTT-4.3.3-2]. Only a PUBLISH with DUP can be a
 * repeat [MQTT-3.3.1-1]: one without it is new, whatever else it resembles.
 */
export class InboundSession {
  readonly #unacknowledged = new Map<number, HandedOver>()
  /** Those whose delivery was released: the server sends them again, unless it forgets them. */
  readonly #givenBack = new Set<HandedOver>()
  /** Those that the server has not sent again since `resume`; of some another message has the id by now. */
  #missing = new Set<HandedOver>()
  /** Digests, because a server without a limit may have sent any number of messages before its first PUBREL. */
  readonly #received: Map<number, string>
  readonly #stored: ReceivedIds | undefined
  #youngest = 0

  /** With a store the answered ids outlive this process. */
  constructor(stored?: ReceivedIds) {
    this.#stored = stored
    this.#received = new Map(stored?.known)
  }

  /**
   * The server has forgotten the session: every id may mean something else from now on. Gives, in order, what was given
   * back to the server and nobody has any longer.
   */
  reset(): readonly InboundPublish[] {
    const left = this.#inOrder().filter((handedOver) => this.#givenBack.has(handedOver))
    this.#unacknowledged.clear()
    this.#givenBack.clear()
    this.#missing.clear()
    this.#received.clear()
    this.#stored?.clear()
    return left.map(({ publish }) => publish)
  }

  /** A connection begins whose server says that it has the session: before all else it sends again what is unacknowledged. */
  resume(): void {
    this.#missing = new Set(this.#inOrder())
  }

  /** How many the server has not sent again since `resume`. */
  get missing(): number {
    return this.#missing.size
  }

  /** What the server has not sent again since `resume` it has forgotten. Gives what `reset` gives. */
  forgetMissing(): readonly InboundPublish[] {
    const forgotten = [...this.#missing]
    if (forgotten.length === 0) return []
    const left = forgotten.filter((handedOver) => this.#givenBack.has(handedOver))
    for (const known of forgotten) this.#forget(known)
    return left.map(({ publish }) => publish)
  }

  /**
   * Whether this is new and has the id of one that is unacknowledged and not sent again: a server that had that one would
   * not use it [MQTT-2.3.1-4]. One that numbers anew with each connection says DUP.
   */
  isReused(publish: InboundPublish): boolean {
    if (this.#missing.size === 0 || publish.qos === 0 || publish.dup) return false
    const known = this.#unacknowledged.get(publish.packetId)
    return known !== undefined && this.#missing.has(known)
  }

  /**
   * Whether this QoS 2 message was settled before and only its PUBREC has to be repeated. Another one under its id is
   * new: our PUBREL went to a second client of our name, or was forgotten by a server that crashed.
   */
  wasReceived(publish: InboundPublish): boolean {
    const received = this.#received.get(publish.packetId)
    return publish.dup && publish.qos === 2 && received !== undefined && received === digestOf(publish)
  }

  /**
   * The first hand-over of a message that the server sends again. Only one whose acknowledgement never left counts:
   * otherwise the server may have given the id to a new message that happens to be equal. An expired message's id may
   * be given away too, so QoS, topic and payload must be the same.
   */
  earlier(publish: InboundPublish): HandedOver | undefined {
    const known = this.#sentBefore(publish)
    if (!known || this.#givenBack.has(known)) return undefined
    this.#missing.delete(known)
    return known
  }

  #sentBefore(publish: InboundPublish): HandedOver | undefined {
    const known = this.#unacknowledged.get(publish.packetId)
    return publish.dup && known && isEqual(known.publish, publish) ? known : undefined
  }

  /** What was given back keeps its place among the others when it comes again. */
  add(publish: InboundPublish): HandedOver {
    const handedOver = handOver(publish)
    const before = this.#sentBefore(publish) ?? this.#renumbered(publish)
    if (before) this.#forget(before)
    this.#displace(publish.packetId)
    handedOver.age = before?.age ?? ++this.#youngest
    if (publish.qos > 0) this.#unacknowledged.set(publish.packetId, handedOver)
    void this.release(publish.packetId)
    return handedOver
  }

  /** Of some of the missing ones another message has the id by now. */
  #inOrder(): HandedOver[] {
    const all = new Set([...this.#missing, ...this.#unacknowledged.values()])
    return [...all].sort((a, b) => a.age - b.age)
  }

  /** A server that numbers anew with each connection sends it again under another id. */
  #renumbered(publish: InboundPublish): HandedOver | undefined {
    if (!publish.dup) return undefined
    for (const known of this.#missing) if (this.#givenBack.has(known) && isEqual(known.publish, publish)) return known
    return undefined
  }

  /** Its id stands for another message now. One that nobody has is missing until it comes under another id. */
  #displace(packetId: number): void {
    const known = this.#unacknowledged.get(packetId)
    if (!known) return
    this.#unacknowledged.delete(packetId)
    if (!this.#missing.has(known) || !this.#givenBack.has(known)) this.#unmark(known)
  }

  /** Whether the server is to send it again. */
  holds(publish: InboundPublish): boolean {
    return this.#heldAs(publish) !== undefined
  }

  #heldAs(publish: InboundPublish): HandedOver | undefined {
    const known = this.#unacknowledged.get(publish.packetId)
    return known?.publish === publish ? known : undefined
  }

  /** The connection has ended: nothing that came again over it is waited for any longer. */
  unfollow(): void {
    for (const handedOver of this.#unacknowledged.values()) handedOver.unfollow()
  }

  /**
   * These are settled: a restart may not hand those of QoS 2 over again. Undefined where nothing has to be waited for
   * before they are answered.
   */
  settled(published: readonly InboundPublish[]): Promise<unknown> | undefined {
    const twos = this.#stored ? published.filter(({ qos }) => qos === 2) : []
    if (twos.length === 0) return undefined
    return Promise.all(twos.map((publish) => this.#stored!.add(publish.packetId, digestOf(publish))))
  }

  /** The PUBACK or PUBREC is about to leave: from here on the server may use the id again. */
  acknowledge(publish: InboundPublish): void {
    const { qos, packetId } = publish
    if (qos === 0) return
    const known = this.#unacknowledged.get(packetId)
    if (known) this.#forget(known)
    if (qos === 2) this.#received.set(packetId, digestOf(publish))
  }

  /** Nobody has it any longer: when the server sends it again it is handed over again. */
  giveBack(publish: InboundPublish): void {
    const known = this.#heldAs(publish)
    if (known) this.#givenBack.add(known)
  }

  /** The server will not send it again. */
  forget(publish: InboundPublish): void {
    const known = this.#heldAs(publish)
    if (known) this.#forget(known)
  }

  /** Resolves when the server may give the id to another message. Undefined: it may now. */
  release(packetId: number): Promise<void> | undefined {
    const isStored = this.#stored?.known.has(packetId)
    this.#received.delete(packetId)
    return isStored ? this.#stored!.remove(packetId) : undefined
  }

  #forget(known: HandedOver): void {
    this.#unmark(known)
    if (this.holds(known.publish)) this.#unacknowledged.delete(known.publish.packetId)
  }

  #unmark(known: HandedOver): void {
    this.#givenBack.delete(known)
    this.#missing.delete(known)
  }
}

function isEqual(a: InboundPublish, b: InboundPublish): boolean {
  const isSame = a.qos === b.qos && a.topic === b.topic && a.packetBytes === b.packetBytes
  return isSame && a.payload.equals(b.payload) && isDeepStrictEqual(a.properties, b.properties)
}

/** A cryptographic one: nobody can publish a message that is taken for another and never handed over. */
function digestOf({ topic, payload, properties, packetBytes }: InboundPublish): string {
  const hash = createHash('sha256').update(`${topic.length} ${topic}`)
  if (properties) hash.update(JSON.stringify(properties))
  if (packetBytes !== undefined) hash.update(`${packetBytes} `)
  return hash.update(payload).digest('base64')
}

export function handOver(publish: InboundPublish): HandedOver {
  let outcome: Outcome | undefined
  const listeners: ((outcome: Outcome) => void)[] = []
  return {
    publish,
    age: 0,
    delivery: createDelivery((settled) => {
      outcome = settled
      for (const listener of listeners) listener(settled)
    }),
    whenSettled(listener) {
      if (outcome) listener(outcome)
      else listeners.push(listener)
    },
    unfollow: () => void listeners.splice(1),
  }
}
