import { isIP } from 'node:net'
import { formatAmount } from '../config/amounts.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { describeSecure, hinted, reachTcp, reachTls, resolveName, type SecureFacts } from '../core/reach.ts'
import { attempt, bounded, type Step, type StepValues } from '../core/steps.ts'
import type { Address } from './addresses.ts'
import type { SourceConfig } from './config.ts'
import type { ConnectionOptions } from './connection.ts'
import { connectionError } from './connection-error.ts'
import { connectionOptions } from './connection-options.ts'
import { type TlsOptions, tlsOptions } from './socket.ts'
import { type Visit, visit } from './visit.ts'

const stepMs = 10_000
const mostPackets = 65_535

/** From the name to the limits of each broker, up to what fails there. Throws CONFIG_INVALID. */
export async function* probeBroker(
  config: SourceConfig,
  directory: string,
  signal: AbortSignal,
): AsyncGenerator<Step, void> {
  const options = connectionOptions(config, '', directory)
  const connectTimeoutMs = Math.min(stepMs, options.connectTimeoutMs || stepMs)
  for (const { host, port } of [options.socket, ...(options.fallbacks ?? [])]) {
    const socket = { ...options.socket, host, port }
    yield* probeAddress({ ...options, connectTimeoutMs, socket }, config.poolSize, signal)
  }
}

async function* probeAddress(options: ConnectionOptions, poolSize: number, signal: AbortSignal): AsyncGenerator<Step> {
  const { host, port, tls } = options.socket
  const broker = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
  const explain = (error: unknown) => connectionError(hinted(error), broker)
  const inTime = <T>(work: (signal: AbortSignal) => Promise<T>) => bounded(options.connectTimeoutMs, signal, work)
  if (isIP(host) === 0) {
    const addresses = yield* attempt({
      step: 'name',
      values: { host },
      work: () => inTime(() => resolveName(host)),
      describe: (found) => ({ values: { addresses: found.join(', ') } }),
      explain,
    })
    if (!addresses) return
  }
  const reached = yield* attempt({
    step: 'tcp',
    values: { broker },
    work: () => inTime((limited) => reachTcp(host, port, limited)),
    describe: () => ({}),
    explain,
  })
  if (!reached) return
  if (tls && !(yield* probeTls({ host, port }, tls, { broker, inTime }))) return
  yield* probeSession(options, { broker, inTime, poolSize })
}

interface Manner {
  readonly broker: string
  readonly inTime: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

function probeTls(
  { host, port }: Address,
  secure: TlsOptions,
  { broker, inTime }: Manner,
): AsyncGenerator<Step, SecureFacts | undefined> {
  return attempt({
    step: 'tls',
    values: { broker },
    work: () => inTime(async (limited) => reachTls({ ...tlsOf(broker, host, secure), host, port }, limited)),
    describe: describeSecure,
    explain: (error) => connectionError(hinted(error, noTls), broker),
  })
}

function tlsOf(broker: string, host: string, secure: TlsOptions): ReturnType<typeof tlsOptions> {
  try {
    return tlsOptions(host, secure)
  } catch (error) {
    throw new PipelineError('BROKER_TLS', { broker, problem: messageOf(error) }, error)
  }
}

async function* probeSession(
  options: ConnectionOptions,
  { broker, inTime, poolSize }: Manner & { readonly poolSize: number },
): AsyncGenerator<Step> {
  const found = yield* attempt({
    step: 'connect',
    values: { broker },
    work: () =>
      inTime(async (limited) => {
        const visited = await visit(options, () => {}, limited)
        await visited.close()
        return visited
      }),
    describe: ({ protocolVersion, clientId, connack: { sessionPresent } }) => ({
      values: { version: versionNames[protocolVersion], clientId, sessionPresent },
    }),
    explain: (error) => connectionError(hinted(error ?? hungUp, options.socket.tls ? otherTransport : noMqtt), broker),
  })
  if (found?.protocolVersion === 5) yield limitsStep(found, poolSize)
  else if (found) yield { step: 'limits', state: 'skipped', values: {} }
}

const noTls = 'The broker may not speak TLS at this port: 8883 is the usual one for it'
const otherTransport = 'The broker may ask for another "Transport" at this port, or refuse the client certificate'
const noMqtt = 'The broker may ask for TLS, or for another "Transport", at this port'
const hungUp = Object.assign(new Error('it closed the connection'), { code: 'ECONNRESET' })

const versionNames = { 3: '3.1', 4: '3.1.1', 5: '5' } as const

/** What an absent property means: section 3.2.2.3. */
function limitsStep({ connack: { properties = {} } }: Visit, poolSize: number): Step {
  const shared = properties.sharedSubscriptionAvailable !== false
  // MQTT.js calls it by this name and reads a byte.
  const maximumQoS = Number((properties as { readonly maximumQoS?: number }).maximumQoS ?? 2)
  const values: StepValues = {
    receiveMaximum: properties.receiveMaximum ?? mostPackets,
    maximumPacketSize:
      properties.maximumPacketSize === undefined ? null : formatAmount(properties.maximumPacketSize, 'bytes'),
    maximumQoS,
    retain: properties.retainAvailable !== false,
    shared,
  }
  if (maximumQoS < 1) return { step: 'limits', state: 'noted', text: 'qos', values }
  if (!shared && poolSize > 1) return { step: 'limits', state: 'noted', text: 'shared', values }
  return { step: 'limits', state: 'passed', values }
}
