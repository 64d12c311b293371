import { createServer, type Socket } from 'node:net'
import type { IPublishPacket, Packet } from 'mqtt-packet'
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
  /** Sent with CONNACK in one segment. */
  greeting: readonly (Packet | Buffer)[]
  /** The nth connection (from 1), as soon as the client has subscribed, or has been told that its session is there. */
  connection(number: number): Promise<ScriptedConnection>
}

export async function startScriptedBroker(): Promise<ScriptedBroker> {
  const connections: { readonly script: ScriptedConnection; readonly socket: Socket; isReady: boolean }[] = []
  const server = createServer((socket) => {
    const received: Packet[] = []
    const entry = { script: describe(socket, received), socket, isReady: false }
    connections.push(entry)
    const parser = mqttPacket.parser()
    parser.on('packet', (packet) => {
      received.push(packet)
      if (packet.cmd === 'connect') {
        const { sessionPresent } = broker
        entry.script.send({ cmd: 'connack', returnCode: 0, sessionPresent }, ...broker.greeting)
        entry.isReady = sessionPresent
      } else if (packet.cmd === 'subscribe') {
        entry.script.send({
          cmd: 'suback',
          messageId: packet.messageId!,
          granted: packet.subscriptions.map(({ qos }) => qos),
        })
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

function describe(socket: Socket, received: Packet[]): ScriptedConnection {
  return {
    received,
    get isOpen() {
      return !socket.destroyed
    },
    send: (...packets) =>
      void socket.write(
        Buffer.concat(packets.map((each) => (Buffer.isBuffer(each) ? each : mqttPacket.generate(each)))),
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
