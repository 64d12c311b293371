import { createServer, type Socket } from 'node:net'
import type { IPublishPacket, ISubscribePacket, Packet } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { until } from '../services/processes.ts'

/** One connection of a client. It answers CONNECT, SUBSCRIBE, PINGREQ and DISCONNECT; the rest is up to the test. */
export interface ScriptedConnection {
  readonly received: readonly Packet[]
  readonly isOpen: boolean
  /** Several go out in one segment. */
  send(...packets: readonly (Packet | Buffer)[]): void
  /** What the client has answered to PUBLISH and PUBREL, as `puback 1`. */
  answers(): string[]
  cut(): void
}

/** A broker that does what the test says, also what no broker may do. */
export interface ScriptedBroker extends AsyncDisposable {
  readonly port: number
  /** What the next CONNACKs say. */
  sessionPresent: boolean
  /** In the place of one that accepts. */
  connack?: Packet
  /** In the place of one that grants everything. */
  suback?: (packet: ISubscribePacket) => Packet
  /** Sent with CONNACK in one segment. */
  greeting: readonly (Packet | Buffer)[]
  /** The nth connection (from 1), as soon as the client has subscribed, or has been told that its session is there. */
  connection(number: number): Promise<ScriptedConnection>
}

/** `protocolVersion` 5: both sides speak MQTT 5. */
export async function startScriptedBroker(protocolVersion: 4 | 5 = 4): Promise<ScriptedBroker> {
  const connections: { readonly script: ScriptedConnection; readonly socket: Socket; isReady: boolean }[] = []
  const server = createServer((socket) => {
    const received: Packet[] = []
    const entry = { script: describe(socket, received, protocolVersion), socket, isReady: false }
    connections.push(entry)
    const parser = mqttPacket.parser({ protocolVersion })
    parser.on('packet', (packet) => {
      received.push(packet)
      if (packet.cmd === 'connect') {
        const { sessionPresent } = broker
        const accepted: Packet = { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent }
        entry.script.send(broker.connack ?? accepted, ...broker.greeting)
        entry.isReady = sessionPresent || broker.connack !== undefined
      } else if (packet.cmd === 'subscribe') {
        const granted = packet.subscriptions.map(({ qos }) => qos)
        entry.script.send(broker.suback?.(packet) ?? { cmd: 'suback', messageId: packet.messageId!, granted })
        entry.isReady = true
      } else if (packet.cmd === 'pingreq') entry.script.send({ cmd: 'pingresp' })
      else if (packet.cmd === 'disconnect') socket.end()
    })
    socket.setNoDelay(true).on('error', () => {})
    socket.on('data', (chunk) => parser.parse(chunk))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const broker: ScriptedBroker = {
    port: (server.address() as { readonly port: number }).port,
    sessionPresent: false,
    greeting: [],
    connection: async (number) => {
      await until(() => connections[number - 1]?.isReady, { what: `connection ${number}` })
      return connections[number - 1]!.script
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of connections) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return broker
}

function describe(socket: Socket, received: Packet[], protocolVersion: 4 | 5): ScriptedConnection {
  return {
    received,
    get isOpen() {
      return !socket.destroyed
    },
    send: (...packets) =>
      void socket.write(
        Buffer.concat(
          packets.map((each) => (Buffer.isBuffer(each) ? each : mqttPacket.generate(each, { protocolVersion }))),
        ),
      ),
    answers: () =>
      received.filter(({ cmd }) => /^pub(ack|rec|comp)$/.test(cmd)).map(({ cmd, messageId }) => `${cmd} ${messageId}`),
    cut: () => void socket.destroy(),
  }
}

export const publishPacket = (messageId: number, payload: string, qos: 1 | 2 = 1, dup = false): IPublishPacket => ({
  cmd: 'publish',
  topic: 's',
  payload,
  qos,
  messageId,
  dup,
  retain: false,
})
