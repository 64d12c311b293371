import path from 'node:path'
import { isPem } from '../config/tls-fields.ts'
import type { SourceConfig } from './config.ts'
import type { ConnectionOptions } from './connection.ts'

const PORT = 1883
const TLS_PORT = 8883

type Pem = [ca: string, cert: string, key: string]

/**
 * What a connection needs, from the options of a `mqtt-v3-source`. `clientId` is used where none is set; relative paths of
 * PEM files start at `directory`.
 */
export function connectionOptions(config: SourceConfig, clientId: string, directory: string): ConnectionOptions {
  const { host, useTls, passphrase, rejectUnauthorized, willTopic } = config
  const [ca, cert, key] = [config.ca, config.cert, config.key].map((pem) => located(pem, directory)) as Pem
  return {
    socket: {
      host,
      port: config.port ?? (useTls ? TLS_PORT : PORT),
      ...(useTls ? { tls: { ca, cert, key, passphrase, rejectUnauthorized } } : {}),
    },
    clientId: config.clientId === '' ? clientId : config.clientId,
    clean: config.clean,
    keepalive: config.keepalive,
    connectTimeoutMs: config.connectTimeoutMs,
    user: config.user,
    password: config.password,
    reconnect: { baseMs: config.reconnectPeriodMs, maxMs: config.maxReconnectDelayMs },
    ...(willTopic === '' ? {} : { will: will(config) }),
  }
}

/**
 * The same for publishing: a client id of its own, so that a broker never takes it for the reading one, and no will,
 * which the reading connection has.
 */
export function publishingOptions(config: SourceConfig, clientId: string, directory: string): ConnectionOptions {
  const { will: _, ...options } = connectionOptions(config, clientId, directory)
  const { idleTimeoutMs } = config
  return { ...options, clientId: `${options.clientId}-out`, publishing: { idleTimeoutMs } }
}

function will({ willTopic, willPayload, willQos, willRetain }: SourceConfig): ConnectionOptions['will'] & object {
  return { topic: willTopic, payload: willPayload, qos: Number(willQos) as 0 | 1 | 2, retain: willRetain }
}

const located = (pem: string, directory: string): string =>
  pem === '' || isPem(pem) ? pem : path.resolve(directory, pem)
