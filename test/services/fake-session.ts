import type { Packet } from 'mqtt-packet'

export type Qos = 0 | 1 | 2

export interface Message {
  readonly topic: string
  readonly payload: string | Buffer
  readonly qos: Qos
  readonly retain?: boolean
}

interface InFlight {
  readonly id: number
  readonly message: Message
  /** `pubcomp` once PUBREC has come and PUBREL has gone. */
  awaits: 'puback' | 'pubrec' | 'pubcomp'
}

export type Send = (packet: Packet) => void

/**
 * What a broker keeps for one client id: subscriptions, the queue, and the window of unanswered messages. It sends
 * through whatever `attach` gave it last. Answers out of order, twice, or to ids never sent are violations.
 */
export class FakeSession {
  readonly subscriptions = new Map<string, Qos>()
  /** QoS 2 ids that the client has published and not released yet. */
  readonly incoming = new Set<number>()
  /** Messages answered by PUBACK or PUBREC, in that order. */
  readonly acknowledged: Message[] = []
  readonly #window: number
  readonly #onAcknowledged: (message: Message) => void
  readonly #queue: Message[] = []
  #inFlight: InFlight[] = []
  #nextId = 1
  #send: Send | undefined

  constructor(window: number, onAcknowledged: (message: Message) => void = () => {}) {
    this.#window = window
    this.#onAcknowledged = onAcknowledged
  }

  /** Messages sent and not finished. */
  get inFlight(): number {
    return this.#inFlight.length
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Queues the message once if a subscription matches, with the lower QoS. QoS 0 is lost while no client is there. */
  offer(message: Message): void {
    const granted = [...this.subscriptions].filter(([filter]) => matches(filter, message.topic)).map(([, qos]) => qos)
    if (granted.length === 0) return
    const qos = Math.min(message.qos, Math.max(...granted)) as Qos
    const copy: Message = { ...message, qos, retain: false }
    if (qos === 0) this.#send?.(publishPacket(copy))
    else this.#queue.push(copy)
    this.#fill()
  }

  /** A client is there: what it has not answered comes again, with the same ids and DUP, then the queue. */
  attach(send: Send): void {
    this.#send = send
    for (const { id, message, awaits } of this.#inFlight) {
      send(awaits === 'pubcomp' ? { cmd: 'pubrel', messageId: id } : publishPacket(message, id, true))
    }
    this.#fill()
  }

  detach(send: Send): void {
    if (this.#send === send) this.#send = undefined
  }

  /** Takes an answer of the client; gives the violation if it may not come now. */
  answered(answer: InFlight['awaits'], id: number): string | undefined {
    const due = this.#inFlight.find((sent) => sent.awaits === answer)
    if (due?.id !== id) return `${answer} of ${id} instead of ${due ? due.id : 'none'}`
    if (answer !== 'pubcomp') {
      this.acknowledged.push(due.message)
      this.#onAcknowledged(due.message)
    }
    if (answer === 'pubrec') {
      due.awaits = 'pubcomp'
      this.#inFlight = [...this.#inFlight.filter((sent) => sent !== due), due]
      this.#send?.({ cmd: 'pubrel', messageId: id })
    } else {
      this.#inFlight.splice(this.#inFlight.indexOf(due), 1)
      this.#fill()
    }
    return undefined
  }

  #fill(): void {
    while (this.#send && this.#inFlight.length < this.#window && this.#queue.length > 0) {
      const message = this.#queue.shift()!
      const id = this.#freeId()
      this.#inFlight.push({ id, message, awaits: message.qos === 1 ? 'puback' : 'pubrec' })
      this.#send(publishPacket(message, id, false))
    }
  }

  #freeId(): number {
    while (this.#inFlight.some((sent) => sent.id === this.#nextId)) this.#nextId = (this.#nextId % 65_535) + 1
    const id = this.#nextId
    this.#nextId = (id % 65_535) + 1
    return id
  }
}

function publishPacket(message: Message, messageId?: number, dup = false): Packet {
  const { topic, payload, qos, retain = false } = message
  return { cmd: 'publish', topic, payload, qos, retain, dup, ...(messageId === undefined ? {} : { messageId }) }
}

/** MQTT 3.1.1 section 4.7. */
export function matches(filter: string, topic: string): boolean {
  const levels = topic.split('/')
  const parts = filter.split('/')
  if (topic.startsWith('$') && (parts[0] === '+' || parts[0] === '#')) return false
  const rest = parts.at(-1) === '#' ? parts.length - 1 : undefined
  if (rest === undefined ? levels.length !== parts.length : levels.length < rest) return false
  return parts.slice(0, rest).every((part, i) => part === '+' || part === levels[i])
}
