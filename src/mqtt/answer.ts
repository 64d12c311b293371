import { reasonString } from './disconnect.ts'
import { bodyStart } from './publish-decoder.ts'

/** What a server answers to what we publish (sections 3.4, 3.5 and 3.7). Before MQTT 5 the reason code is 0. */
export interface Answer {
  readonly kind: 'puback' | 'pubrec' | 'pubcomp'
  readonly packetId: number
  readonly reasonCode: number
  readonly reasonString: string | undefined
}

const kinds: { readonly [packetType: number]: Answer['kind'] } = { 4: 'puback', 5: 'pubrec', 7: 'pubcomp' }

/**
 * Undefined for packets of another type. Read here because MQTT.js ends the connection for reason codes that the table of
 * the packet does not list, and mosquitto sends such (0x95, packet too large).
 */
export function decodeAnswer(packetType: number, packet: Buffer): Answer | undefined {
  const kind = kinds[packetType]
  if (!kind) return undefined
  const at = bodyStart(packet, 0)
  const packetId = packet.readUInt16BE(at)
  return { kind, packetId, reasonCode: packet[at + 2] ?? 0, reasonString: reasonString(packet, at + 3) }
}
