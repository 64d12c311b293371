import { ServerReason } from './connection-error.ts'
import { bodyStart } from './publish-decoder.ts'
import { strictText } from './violation.ts'

const SESSION_EXPIRY = 0x11
const REASON_STRING = 0x1f
const USER_PROPERTY = 0x26
const CONTINUES = 0x80

/**
 * Why an MQTT 5 server ends the connection (section 3.14). Read here: the end of the connection may overtake the packet
 * on its way through MQTT.js.
 */
export function disconnectReason(packet: Buffer): ServerReason {
  const at = bodyStart(packet, 0)
  return new ServerReason(packet[at] ?? 0, reasonString(packet, at + 1))
}

/** Of the properties whose length stands at `start`, in one to four bytes (section 1.5.5). */
export function reasonString(packet: Buffer, start: number): string | undefined {
  let at = start
  while ((packet[at++] ?? 0) >= CONTINUES);
  while (at < packet.length) {
    const id = packet[at++]!
    if (id === SESSION_EXPIRY) at += 4
    else {
      const end = at + 2 + lengthAt(packet, at)
      if (id === REASON_STRING) return strictText(packet, at + 2, end)
      at = id === USER_PROPERTY ? end + 2 + lengthAt(packet, end) : end
    }
  }
  return undefined
}

const lengthAt = (packet: Buffer, at: number): number => (at + 2 <= packet.length ? packet.readUInt16BE(at) : 0)
