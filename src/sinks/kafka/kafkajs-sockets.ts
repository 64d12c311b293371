import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactoryArgs } from 'kafkajs'

const tlsAlert = 0x15

/** The connections of one session, and what the library does not see of them. */
export class Sockets {
  readonly #open = new Set<Socket>()
  /** Of the names that the library goes by. */
  readonly #hosts: ReadonlyMap<string, string>
  #isClosed = false

  constructor(hosts: ReadonlyMap<string, string>) {
    this.#hosts = hosts
  }

  open({ host: name, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
    if (this.#isClosed) throw new Error('The Kafka session was closed')
    const host = this.#hosts.get(name) ?? name
    const servername = isIP(host) === 0 && { servername: host }
    const socket = ssl
      ? connectTls({ ...servername, ...ssl, host, port }, onConnect)
      : connect({ host, port }, onConnect)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    socket.setKeepAlive(true, 60_000)
    if (ssl) explainRefusal(socket)
    else detectTls(socket)
    return socket
  }

  close(): void {
    this.#isClosed = true
    for (const socket of this.#open) socket.destroy(new Error('The Kafka session was closed'))
  }
}

/** The library would take the alert for the length of a long answer, and wait for it. */
function detectTls(socket: Socket): void {
  socket.once('data', (chunk) => {
    if (chunk[0] === tlsAlert) socket.destroy(explained(new Error(), 'The broker requires TLS.', 'ERR_TLS_REQUIRED'))
  })
}

function explainRefusal(socket: Socket): void {
  const explain = (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET')
      explained(error, 'TLS handshake failed. Verify that the broker supports TLS.', 'ERR_TLS_REFUSED')
  }
  socket.once('error', explain)
  socket.once('secureConnect', () => socket.off('error', explain))
}

const explained = (error: Error, message: string, code: string) => Object.assign(error, { message, code })
