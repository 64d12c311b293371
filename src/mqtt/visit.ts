import { randomBytes } from 'node:crypto'
import type { IConnackPacket, MqttClient } from 'mqtt'
import { accepted } from '../core/delivery.ts'
import type { ConnectionOptions } from './connection.ts'
import { Epoch } from './epoch.ts'
import { InboundSession } from './inbound-session.ts'
import { ProtocolChoice } from './protocol-choice.ts'
import type { InboundPublish, ProtocolVersion } from './publish-decoder.ts'

/** A connection that leaves nothing behind: an id of its own, a clean session, no will. */
export interface Visit {
  readonly client: MqttClient
  readonly clientId: string
  readonly protocolVersion: ProtocolVersion
  readonly connack: Pick<IConnackPacket, 'sessionPresent' | 'properties'>
  /** Resolves with the reason when the connection ends; undefined when it was closed from here. */
  readonly ended: Promise<unknown>
  close(): Promise<void>
}

/** Never the id of a source, whose session it would take over. Short enough for MQTT 3.1. */
export const throwAwayId = (): string => `rowline-${randomBytes(4).toString('hex')}`

const limits = { records: 100, bytes: 1 << 20 }
const closeGraceMs = 500

/**
 * Connects with the version that is asked for, or the newest that the server takes. Rejects with what the connection has
 * ended with, which `connectionError` understands.
 */
export async function visit(
  options: Omit<ConnectionOptions, 'will'>,
  message: (publish: InboundPublish) => void,
  signal: AbortSignal,
): Promise<Visit> {
  const choice = new ProtocolChoice(options.protocolVersion ?? 4)
  const tried = new Set<ProtocolVersion>()
  for (;;) {
    const { version } = choice
    tried.add(version)
    try {
      return await visitAs(version, options, message, signal)
    } catch (error) {
      choice.failed(error)
      if (signal.aborted || tried.has(choice.version)) throw error
    }
  }
}

function visitAs(
  protocolVersion: ProtocolVersion,
  options: Omit<ConnectionOptions, 'will'>,
  message: (publish: InboundPublish) => void,
  signal: AbortSignal,
): Promise<Visit> {
  const clientId = throwAwayId()
  const { will: _, ...settings } = options as ConnectionOptions
  const epoch = new Epoch({ ...settings, clientId, clean: true, protocolVersion }, limits, new InboundSession(), {
    connected: () => {},
    message: (publish, delivery) => {
      message(publish)
      delivery.settle(accepted)
    },
  })
  const { client } = epoch
  signal.addEventListener('abort', () => void epoch.close(0), { once: true })
  return new Promise((resolve, reject) => {
    const ended = epoch.run().then(({ error, closedHere }) => {
      reject(closedHere ? signal.reason : error)
      return closedHere ? undefined : (error ?? new Error('the broker closed the connection'))
    })
    client.once('connect', (connack) =>
      resolve({ client, clientId, protocolVersion, connack, ended, close: () => epoch.close(closeGraceMs) }),
    )
  })
}
