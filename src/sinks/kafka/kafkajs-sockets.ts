import { connect, isIP, Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { ISocketFactoryArgs } from 'kafkajs'
import type { Broker } from './config.ts'

const tlsAlert = 0x15

/** The connections of one session, and what the library does not see of them. */
export class Sockets {
  readonly #open = new Set<Socket>()
  /** Of the names that the library goes by. */
  readonly #hosts: ReadonlyMap<string, string>
  readonly #only: Broker | undefined
  #isClosed = false

  constructor(hosts: ReadonlyMap<string, string>, only?: Broker) {
    this.#hosts = hosts
    this.#only = only
  }

  open({ host: name, port: named, ssl, onConnect }: ISocketFactoryArgs): Socket {
    if (this.#isClosed) throw new Error('The Kafka session was closed')
    const { host, port } = this.#only ?? { host: this.#hosts.get(name) ?? name, port: named }
    const socket = ssl ? tlsSocket({ ...ssl, host, port }, onConnect) : connect({ host, port }, onConnect)
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    socket.setKeepAlive(true, 60_000)
    if (!ssl) detectTls(socket)
    return socket
  }

  close(): void {
    this.#isClosed = true
    this.drop()
  }

  /** Ends those there are; the library opens others. */
  drop(): void {
    for (const socket of this.#open) socket.destroy(new Error('The connection was closed'))
  }
}

/** The library would take the alert for the length of a long answer, and wait for it. */
function detectTls(socket: Socket): void {
  socket.once('data', (chunk) => {
    if (chunk[0] === tlsAlert) socket.destroy(explained(new Error(), 'The broker requires TLS.', 'ERR_TLS_REQUIRED'))
  })
}

function tlsSocket(options: ConnectionOptions & { readonly host: string }, onConnect: () => void): Socket {
  const servername = isIP(options.host) === 0 && { servername: options.host }
  let socket: Socket
  try {
    socket = connectTls({ ...servername, ...options }, onConnect)
  } catch (error) {
    // A key or certificate that cannot be used. Of what is thrown the library keeps only the text.
    socket = new Socket()
    setImmediate(() => socket.destroy(error as Error))
  }
  let isSecure = false
  socket.once('secureConnect', () => {
    isSecure = true
  })
  return socket.on('error', (error: NodeJS.ErrnoException & { readonly reason?: string }) => {
    if (error.reason !== undefined) error.message = error.reason
    else if (error.code === 'ECONNRESET' && !isSecure)
      explained(error, 'TLS handshake failed. Verify that the broker supports TLS.', 'ERR_TLS_REFUSED')
  })
}

const explained = (error: Error, message: string, code: string) => Object.assign(error, { message, code })
