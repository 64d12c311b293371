import { messageOf, PipelineError } from '../core/errors.ts'

/** Why a server refuses or ends a connection: CONNACK of 3.1 and 3.1.1, and from 128 on the reason codes of MQTT 5. */
const refusals: { readonly [code: number]: string } = {
  1: 'it does not speak this MQTT version',
  2: 'it does not accept the client id',
  3: 'it is not ready to serve',
  4: 'user name or password is wrong',
  5: 'user name or password is wrong, or this client is not allowed to connect',
  129: 'it takes our packets for malformed',
  130: 'it says that we broke the protocol',
  132: 'it does not speak this MQTT version',
  133: 'it does not accept the client id',
  134: 'user name or password is wrong',
  135: 'this client is not allowed to connect',
  136: 'it is not ready to serve',
  137: 'it is busy',
  138: 'it has banned this client',
  139: 'it is shutting down',
  140: 'it asks for another kind of authentication',
  141: 'it has heard nothing from us for longer than "Keepalive"',
  142: 'another client has taken the session over',
  144: 'the will topic is not valid',
  147: 'it has received more at once than it takes',
  149: 'a packet was larger than it takes',
  150: 'messages come faster than it takes',
  151: 'a limit or quota is exceeded',
  152: 'an administrator has ended the connection',
  154: 'it does not take retained wills',
  155: 'it does not take a will of this QoS',
  156: 'another server has to be used',
  157: 'it has moved to another address',
  159: 'connections come faster than it takes',
  160: 'a connection may not last any longer',
}

/** What passes by itself. */
const passing = new Set([3, 136, 137, 139, 141, 142, 147, 150, 151, 152, 159, 160])
const TAKEN_OVER = 142

/** What a server has said in a CONNACK or DISCONNECT. */
export class ServerReason extends Error {
  readonly code: number
  constructor(code: number, reasonString: string | undefined) {
    super(`${refusals[code] ?? `reason code ${code}`}${reasonString ? ` ("${reasonString}")` : ''}`)
    this.code = code
  }
}

/** What went wrong on the way to a broker, in words that name what to do. Undefined: it hung up. */
export function connectionError(error: unknown, broker: string): PipelineError {
  if (error === undefined)
    return new PipelineError('BROKER_UNREACHABLE', { broker, problem: 'it closed the connection' })
  if (error instanceof PipelineError) return error
  const code = (error as { code?: unknown } | undefined)?.code
  if (typeof code === 'number') {
    const problem = error instanceof ServerReason ? error.message : (refusals[code] ?? messageOf(error))
    return new PipelineError(passing.has(code) ? 'BROKER_UNREACHABLE' : 'BROKER_REFUSED', { broker, problem }, error)
  }
  const problem =
    typeof code === 'string' && !messageOf(error).includes(code) ? `${messageOf(error)} (${code})` : messageOf(error)
  return new PipelineError(isTlsCode(code) ? 'BROKER_TLS' : 'BROKER_UNREACHABLE', { broker, problem }, error)
}

/** Whether the other side has ended the connection, as a broker does with the older of two clients of one name. */
export function isHangUp(error: unknown): boolean {
  return error === undefined || /^(ECONNRESET|EPIPE)$/.test(String((error as { code?: unknown }).code))
}

/** Whether the server has said that a second client of our name is there, which only MQTT 5 can. */
export const isTakeover = (error: unknown): boolean => error instanceof ServerReason && error.code === TAKEN_OVER

function isTlsCode(code: unknown): boolean {
  return (
    typeof code === 'string' &&
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO|HOSTNAME_|INVALID_CA)/.test(code)
  )
}
