import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { isPem } from '../config/tls-fields.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { readStore, type StoreOptions } from './keystores.ts'
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
  /** Default: true. */
  readonly checkServerIdentity?: boolean
  readonly trustStore?: StoreOptions
  readonly keyStore?: StoreOptions
  readonly minVersion?: tls.SecureVersion
  readonly maxVersion?: tls.SecureVersion
  /** OpenSSL's names, with colons. */
  readonly ciphers?: string
  readonly serverName?: string
  readonly alpn?: readonly string[]
}

/** The files that a connection is made with. */
export function filesOf({ tls: secure }: SocketOptions): readonly string[] {
  if (!secure) return []
  const { ca, cert, key, trustStore, keyStore } = secure
  const pems = [ca, cert, key].filter((value) => value !== '' && !isPem(value))
  return [...pems, ...[trustStore, keyStore].flatMap((store) => store?.path ?? [])]
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

/** The WebSocket library that MQTT.js brings: one dependency less for the palette, which counts them. */
function webSockets(): typeof import('ws') {
  const mqtt = createRequire(import.meta.url).resolve('mqtt')
  return createRequire(mqtt)('ws') as typeof import('ws')
}

/** Subprotocol `mqtt` [MQTT-6.0.0-3]; what comes has to be binary [MQTT-6.0.0-1]. */
function openWebSocket(
  { host, port, tls: secure }: SocketOptions,
  { path, headers }: WebSocketOptions,
  secrets: tls.ConnectionOptions = {},
): Duplex {
  const url = `${secure ? 'wss' : 'ws'}://${net.isIPv6(host) ? `[${host}]` : host}:${port}${path}`
  const { createWebSocketStream, WebSocket } = webSockets()
  const socket = new WebSocket(url, 'mqtt', { ...secrets, headers: { ...headers }, perMessageDeflate: false })
  const stream = createWebSocketStream(socket)
  socket.prependListener('message', (_data, isBinary) => {
    if (!isBinary) stream.destroy(violation('a WebSocket message of text [MQTT-6.0.0-1]'))
  })
  return stream
}

/** Throws where a file cannot be read or is not what it should be. */
export function tlsOptions(host: string, secure: TlsOptions): tls.ConnectionOptions {
  const { passphrase, rejectUnauthorized, minVersion, maxVersion, ciphers, serverName, alpn } = secure
  const name = serverName || (net.isIP(host) ? undefined : host)
  const isOld = minVersion === 'TLSv1' || minVersion === 'TLSv1.1'
  return {
    ...(name === undefined ? {} : { servername: name }),
    ...authorities(secure),
    ...ownCertificate(secure),
    ...(passphrase === '' ? {} : { passphrase }),
    ...(minVersion ? { minVersion } : {}),
    ...(maxVersion ? { maxVersion } : {}),
    ...(ciphers || isOld ? { ciphers: `${ciphers || tls.DEFAULT_CIPHERS}${isOld ? ':@SECLEVEL=0' : ''}` } : {}),
    ...(alpn && alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    ...(secure.checkServerIdentity === false ? { checkServerIdentity: () => undefined } : {}),
    rejectUnauthorized,
  }
}

function authorities({ ca, trustStore }: TlsOptions): tls.ConnectionOptions {
  const given = ca === '' ? [] : [pem(ca)]
  const stored = trustStore ? readStore(trustStore).authorities : []
  if (trustStore && stored.length === 0) throw new Error(`${trustStore.path}: it has no certificates to trust`)
  return given.length + stored.length === 0 ? {} : { ca: [...given, ...stored] }
}

function ownCertificate({ cert, key, keyStore }: TlsOptions): tls.ConnectionOptions {
  if (!keyStore) return { ...(cert === '' ? {} : { cert: pem(cert) }), ...(key === '' ? {} : { key: pem(key) }) }
  const store = readStore(keyStore)
  if (store.key === undefined) throw new Error(`${keyStore.path}: it has no private key`)
  return { cert: store.chain, key: store.key }
}

const pem = (value: string): string | Buffer => (isPem(value) ? value : readFileSync(value))
