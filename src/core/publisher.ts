import type { MessageProperties } from './message-properties.ts'
import type { Qos } from './record.ts'

/** A message on its way to an MQTT broker. It is known by its identity: the same object is the same message. */
export interface OutboundMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: Qos
  readonly retain: boolean
  /** Left out where the broker does not speak MQTT 5. */
  readonly properties?: MessageProperties
}

/** The right to publish over a shared connection. */
export interface Publisher {
  /** Resolves when the connection stands. Rejects when an attempt to connect fails, and when it is aborted. */
  ready(signal: AbortSignal): Promise<void>
  /**
   * Resolves when the broker has confirmed the message: PUBACK for QoS 1, PUBCOMP for QoS 2. QoS 0 has no
   * confirmation: it resolves when the system has taken the bytes. Rejects with Unconfirmed or PublishRefused, or with a
   * PipelineError where nothing was sent. Called again for the same message it goes on where it was, as far as the
   * broker still knows the session: a QoS 2 message is then published once.
   */
  publish(message: OutboundMessage): Promise<void>
  /** The message will not be published again. */
  giveUp(message: OutboundMessage): void
  /** Gives the connection back. May be called twice. */
  close(): Promise<void>
}

/** The connection ended, for the reason that is its cause, between the publishing and its confirmation. */
export class Unconfirmed extends Error {}

/** An MQTT 5 broker has answered with a reason code of 0x80 or more. */
export class PublishRefused extends Error {
  readonly reasonCode: number
  constructor(reasonCode: number, reasonString: string | undefined) {
    super(reasonString ?? '')
    this.reasonCode = reasonCode
  }
}
