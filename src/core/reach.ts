import { lookup } from 'node:dns/promises'
import net from 'node:net'
import tls from 'node:tls'
import { messageOf } from './errors.ts'
import type { Step } from './steps.ts'

/** What a server has shown of itself. */
export interface SecureFacts {
  readonly subject: string
  readonly issuer: string
  /** The last day, as 2027-01-31. */
  readonly validTo: string
  readonly daysLeft: number
  readonly protocol: string
  /** False where it was not checked, or the check has failed and that is allowed. */
  readonly isTrusted: boolean
}

/** What helps in most cases, by the code of the error. */
const hints: { readonly [code: string]: string } = {
  ECONNREFUSED: 'Nothing listens there: check that it runs, and the port',
  ENOTFOUND: 'The name is not known on this machine: check its spelling, or enter the IP address',
  EAI_AGAIN: 'The name server does not answer: check the network of this machine, or enter the IP address',
  EHOSTUNREACH: 'Nothing answers at that address: check that the machine is on, and the network between',
  ENETUNREACH: 'There is no way into that network from here: check cable, VPN and routes',
  ETIMEDOUT: 'Check the address, and that no firewall is in between',
}

/** The same error, with a hint in its message. `hint` is for a connection that is closed without a word. */
export function hinted(error: unknown, hint = 'Check the port'): unknown {
  const { code } = Object(error) as { readonly code?: unknown }
  const more = /^(ECONNRESET|EPIPE)$/.test(String(code)) ? hint : hints[String(code)]
  return more === undefined ? error : Object.assign(new Error(`${messageOf(error)}. ${more}`), { code })
}

/** The addresses of a name, as a connection would find them. */
export async function resolveName(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}

/** Connects and hangs up. */
export async function reachTcp(host: string, port: number, signal: AbortSignal): Promise<true> {
  const socket = net.connect({ host, port })
  await settled(socket, 'connect', signal)
  socket.destroy()
  return true
}

/** The same with a TLS handshake. Rejects where the certificate is not taken. */
export async function reachTls(
  options: tls.ConnectionOptions & { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<SecureFacts> {
  const { host } = options
  const socket = tls.connect({ ...(net.isIP(host) === 0 && { servername: host }), ...options })
  await settled(socket, 'secureConnect', signal)
  const { subject, issuer, valid_to: validTo } = socket.getPeerCertificate()
  const end = new Date(validTo)
  const facts = {
    subject: nameIn(subject),
    issuer: nameIn(issuer),
    validTo: Number.isNaN(end.getTime()) ? String(validTo) : end.toISOString().slice(0, 10),
    daysLeft: Math.floor((end.getTime() - Date.now()) / 86_400_000),
    protocol: socket.getProtocol() ?? '',
    isTrusted: socket.authorized,
  }
  socket.destroy()
  return facts
}

/** A certificate may have several of one kind. */
function nameIn(name: tls.Certificate | undefined): string {
  return String(name?.CN ?? name?.O ?? '')
}

function settled(socket: net.Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error: unknown) => {
      socket.destroy()
      reject(error)
    }
    socket.once(event, resolve)
    socket.on('error', end)
    socket.once('close', () =>
      end(Object.assign(new Error('the other side closed the connection'), { code: 'ECONNRESET' })),
    )
    signal.addEventListener('abort', () => end(signal.reason), { once: true })
  })
}

const expiresSoonDays = 30

export function describeSecure(found: SecureFacts): Pick<Step, 'values'> & Partial<Pick<Step, 'state' | 'text'>> {
  const { subject, issuer, validTo, daysLeft, protocol, isTrusted } = found
  const values = { subject, issuer, validTo, daysLeft, protocol }
  if (!isTrusted) return { state: 'noted', text: 'unchecked', values }
  return daysLeft < expiresSoonDays ? { state: 'noted', text: 'expires', values } : { values }
}
