import { readFileSync } from 'node:fs'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'
import { isPem } from '../config/tls-fields.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { violation } from './violation.ts'

export interface SocketOptions {
  readonly host: string
  readonly port: number
  /** Absent: not encrypted. */
  readonly tls?: TlsOptions
  /** Absent: MQTT directly over the connection. */
  readonly webSocket?: WebSocketOptions
}

export interface WebSocketOptions {
  readonly path: string
  /** Sent with the request that opens the connection. */
  readonly headers: { readonly [name: string]: string }
}

/** PEM text, or the path of a PEM file, which is read anew for every connection. '' = not given. */
export interface TlsOptions {
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly passphrase: string
  readonly rejectUnauthorized: boolean
}

/** A socket that is connecting. Throws BROKER_TLS when a certificate cannot be read. */
export function openSocket(options: SocketOptions): Duplex {
  const { host, port, tls: secure, webSocket } = options
  if (!secure) return webSocket ? openWebSocket(options, webSocket) : net.connect({ host, port, noDelay: true })
  try {
    const secrets = tlsOptions(host, secure)
    if (webSocket) return openWebSocket(options, webSocket, secrets)
    const socket = tls.connect({ host, port, ...secrets })
    socket.setNoDelay(true)
    return socket
  } catch (error) {
    throw new PipelineError('BROKER_TLS', { broker: `${host}:${port}`, problem: messageOf(error) }, error)
  }
}

/** Subprotocol `mqtt` [MQTT-6.0.0-3]; what comes has to be binary [MQTT-6.0.0-1]. */
function openWebSocket(
  { host, port, tls: secure }: SocketOptions,
  { path, headers }: WebSocketOptions,
  secrets: tls.ConnectionOptions = {},
): Duplex {
  const url = `${secure ? 'wss' : 'ws'}://${net.isIPv6(host) ? `[${host}]` : host}:${port}${path}`
  const socket = new WebSocket(url, 'mqtt', { ...secrets, headers: { ...headers }, perMessageDeflate: false })
  const stream = createWebSocketStream(socket)
  socket.prependListener('message', (_data, isBinary) => {
    if (!isBinary) stream.destroy(violation('a WebSocket message of text [MQTT-6.0.0-1]'))
  })
  return stream
}

function tlsOptions(host: string, secure: TlsOptions): tls.ConnectionOptions {
  return {
    ...(net.isIP(host) ? {} : { servername: host }),
    ...pem('ca', secure.ca),
    ...pem('cert', secure.cert),
    ...pem('key', secure.key),
    ...(secure.passphrase === '' ? {} : { passphrase: secure.passphrase }),
    rejectUnauthorized: secure.rejectUnauthorized,
  }
}

function pem(name: string, value: string): { [name: string]: string | Buffer } {
  if (value === '') return {}
  return { [name]: isPem(value) ? value : readFileSync(value) }
}
