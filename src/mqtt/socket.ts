import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'
import { isPem } from '../config/tls-fields.ts'
import { messageOf, PipelineError } from '../core/errors.ts'

export interface SocketOptions {
  readonly host: string
  readonly port: number
  /** Absent: plain TCP. */
  readonly tls?: TlsOptions
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
export function openSocket({ host, port, tls: secure }: SocketOptions): net.Socket {
  if (!secure) return net.connect({ host, port, noDelay: true })
  try {
    const socket = tls.connect({
      host,
      port,
      ...(net.isIP(host) ? {} : { servername: host }),
      ...pem('ca', secure.ca),
      ...pem('cert', secure.cert),
      ...pem('key', secure.key),
      ...(secure.passphrase === '' ? {} : { passphrase: secure.passphrase }),
      rejectUnauthorized: secure.rejectUnauthorized,
    })
    socket.setNoDelay(true)
    return socket
  } catch (error) {
    throw new PipelineError('BROKER_TLS', { broker: `${host}:${port}`, problem: messageOf(error) }, error)
  }
}

function pem(name: string, value: string): { [name: string]: string | Buffer } {
  if (value === '') return {}
  return { [name]: isPem(value) ? value : readFileSync(value) }
}

const refusals: { readonly [code: number]: string } = {
  1: 'it does not speak this MQTT version',
  2: 'it does not accept the client id',
  3: 'it is not ready to serve',
  4: 'user name or password is wrong',
  5: 'user name or password is wrong, or this client is not allowed to connect',
}

/** What went wrong on the way to a broker, in words that name what to do. Undefined: it hung up. */
export function connectionError(error: unknown, broker: string): PipelineError {
  if (error === undefined)
    return new PipelineError('BROKER_UNREACHABLE', { broker, problem: 'it closed the connection' })
  if (error instanceof PipelineError) return error
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code === 'number') {
    const problem = refusals[code] ?? messageOf(error)
    return new PipelineError(code === 3 ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED', { broker, problem }, error)
  }
  const problem =
    typeof code === 'string' && !messageOf(error).includes(code) ? `${messageOf(error)} (${code})` : messageOf(error)
  return new PipelineError(isTlsCode(code) ? 'BROKER_TLS' : 'BROKER_UNREACHABLE', { broker, problem }, error)
}

/** Whether the other side has ended the connection, as a broker does with the older of two clients of one name. */
export function isHangUp(error: unknown): boolean {
  return error === undefined || /^(ECONNRESET|EPIPE)$/.test(String((error as { code?: unknown }).code))
}

function isTlsCode(code: unknown): boolean {
  return (
    typeof code === 'string' &&
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|HOSTNAME_|INVALID_CA)/.test(code)
  )
}
