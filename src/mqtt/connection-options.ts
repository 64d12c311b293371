import type { SourceConfig } from './config.ts'
import type { ConnectionOptions } from './connection.ts'

const PORT = 1883
const TLS_PORT = 8883

/** What a connection needs, from the options of a `mqtt-v3-source`. `clientId` is used where none is set. */
export function connectionOptions(config: SourceConfig, clientId: string): ConnectionOptions {
  const { host, useTls, ca, cert, key, passphrase, rejectUnauthorized, willTopic } = config
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

function will({ willTopic, willPayload, willQos, willRetain }: SourceConfig): ConnectionOptions['will'] & object {
  return { topic: willTopic, payload: willPayload, qos: Number(willQos) as 0 | 1 | 2, retain: willRetain }
}
