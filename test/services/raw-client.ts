import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { IConnectPacket, Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { until } from './processes.ts'

/** An MQTT connection that does nothing by itself: no acknowledgement, no ping, no reconnect. */
export interface RawClient extends Disposable {
  readonly packets: readonly Packet[]
  readonly isOpen: boolean
  send(...packets: Packet[]): void
  /** The packets of one kind from the `from`th on, as soon as there are `count` of them. */
  receive<C extends Packet['cmd']>(cmd: C, count?: number, from?: number): Promise<Extract<Packet, { cmd: C }>[]>
  /** Resolves when the broker has ended the connection. */
  closed(timeoutMs?: number): Promise<void>
  /** Ends it without DISCONNECT. */
  cut(): void
}

/** Connects and sends CONNECT. */
export async function connectRaw(
  port: number,
  options: Partial<IConnectPacket> & { readonly clientId: string },
): Promise<RawClient> {
  const socket: Socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const packets: Packet[] = []
  let isOpen = true
  const parser = mqttPacket.parser()
  parser.on('packet', (packet) => packets.push(packet))
  socket.on('data', (chunk) => parser.parse(chunk)).on('error', () => {})
  socket.on('close', () => {
    isOpen = false
  })
  const send = (...sent: Packet[]) =>
    void socket.write(Buffer.concat(sent.map((packet) => mqttPacket.generate(packet))))
  send({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0, ...options })
  const receive: RawClient['receive'] = async (cmd, count = 1, from = 0) => {
    type Wanted = Extract<Packet, { cmd: typeof cmd }>
    const found = () => packets.filter((packet): packet is Wanted => packet.cmd === cmd).slice(from)
    await until(() => found().length >= count, { what: `${from + count} ${cmd} packets`, timeoutMs: 5000 })
    return found()
  }
  return {
    packets,
    get isOpen() {
      return isOpen
    },
    send,
    receive,
    closed: async (timeoutMs = 5000) => void (await until(() => !isOpen, { what: 'the broker to hang up', timeoutMs })),
    cut: () => void socket.destroy(),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}
