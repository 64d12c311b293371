import { createHash } from 'node:crypto'
import path from 'node:path'
import { isPem } from '../config/tls-fields.ts'
import { messageOf, PipelineError } from '../core/errors.ts'
import { tlsPort } from './broker-address.ts'
import { opensslCiphers } from './ciphers.ts'
import { addressesOf, type SourceConfig, sourceFields } from './config.ts'
import type { ConnectionOptions } from './connection.ts'
import type { TlsOptions } from './socket.ts'

const PORT = 1883

/** Of a client id on MQTT 3.1. */
const MOST_CHARACTERS = 23

/**
 * What a connection needs, from the options of a `mqtt-v3-source`. `clientId` is used where none is set; relative paths
 * start at `directory`. Throws CONFIG_INVALID where this OpenSSL does not have what is asked for.
 */
export function connectionOptions(config: SourceConfig, clientId: string, directory: string): ConnectionOptions {
  const { host, useTls, willTopic } = config
  const port = config.port ?? (useTls ? tlsPort : PORT)
  return {
    socket: {
      host,
      port,
      ...(config.protocol === 'ws' ? { webSocket: { path: config.wsPath, headers: headersOf(config) } } : {}),
      ...(useTls ? { tls: tlsOf(config, directory) } : {}),
    },
    fallbacks: addressesOf(config.fallbacks).map((address) => ({ host: address.host, port: address.port ?? port })),
    autoReconnect: config.autoReconnect,
    connectAttempts: config.connectAttempts,
    clientId: config.clientId === '' ? clientId : config.clientId,
    protocolVersion: config.protocolVersion === 'auto' ? 'auto' : (Number(config.protocolVersion) as 3 | 4 | 5),
    clean: config.clean,
    sessionExpiryInterval: config.sessionExpiryInterval,
    receiveMaximum: config.receiveMaximum,
    topicAliasMaximum: config.topicAliasMaximum,
    maxPacketSize: config.maxPacketSize,
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
  return { ...options, clientId: suffixed(options, '-out'), publishing: { idleTimeoutMs } }
}

function will(config: SourceConfig): ConnectionOptions['will'] & object {
  const { willTopic: topic, willPayload: payload, willQos, willRetain: retain, willDelayInterval } = config
  return { topic, payload, qos: Number(willQos) as 0 | 1 | 2, retain, delayInterval: willDelayInterval }
}

function tlsOf(config: SourceConfig, directory: string): TlsOptions {
  const { passphrase, rejectUnauthorized, checkServerIdentity, truststorePath, keystorePath } = config
  const { tlsMinVersion: minVersion, tlsMaxVersion, serverName } = config
  const [ca, cert, key] = [config.ca, config.cert, config.key].map((pem) => located(pem, directory)) as Pem
  const alpn = config.alpn.split(/[\s,]+/).filter((name) => name !== '')
  return {
    ...{ ca, cert, key, passphrase, rejectUnauthorized, checkServerIdentity, minVersion, serverName, alpn },
    ...(tlsMaxVersion === 'newest' ? {} : { maxVersion: tlsMaxVersion }),
    ...(config.ciphers === '' ? {} : { ciphers: ciphersOf(config.ciphers) }),
    ...(truststorePath === '' ? {} : { trustStore: trustStoreOf(config, directory) }),
    ...(keystorePath === '' ? {} : { keyStore: keyStoreOf(config, directory) }),
  }
}

const trustStoreOf = ({ truststorePath, truststorePassword, truststoreType }: SourceConfig, directory: string) => ({
  path: path.resolve(directory, truststorePath),
  password: truststorePassword,
  type: truststoreType,
})

const keyStoreOf = (config: SourceConfig, directory: string) => ({
  path: path.resolve(directory, config.keystorePath),
  password: config.keystorePassword,
  type: config.keystoreType,
  keyPassword: config.keyPassword,
})

function ciphersOf(list: string): string {
  try {
    return opensslCiphers(list)
  } catch (error) {
    const field = sourceFields.ciphers.label
    throw new PipelineError('CONFIG_INVALID', { field, problem: messageOf(error) }, error)
  }
}

type Pem = [ca: string, cert: string, key: string]

/** Those of each connection of the pool; the first one is what it is without a pool. */
export function poolOptions(config: SourceConfig, clientId: string, directory: string): readonly ConnectionOptions[] {
  const first = connectionOptions(config, clientId, directory)
  return Array.from({ length: config.poolSize }, (_, i) => (i === 0 ? first : member(first, i)))
}

/** A will would say that the client has gone while the others are there. */
function member({ will: _, ...options }: ConnectionOptions, number: number): ConnectionOptions {
  return { ...options, clientId: suffixed(options, `-${number}`) }
}

/** MQTT 3.1 takes no more than 23 characters: a hash then stands for the end of a longer client id. */
function suffixed({ clientId, protocolVersion }: ConnectionOptions, suffix: string): string {
  const excess = clientId.length + suffix.length - MOST_CHARACTERS
  if (protocolVersion !== 3 || excess <= 0) return clientId + suffix
  const hash = createHash('sha256').update(clientId).digest('hex').slice(0, 6)
  return clientId.slice(0, MOST_CHARACTERS - suffix.length - hash.length) + hash + suffix
}

const headersOf = ({ wsHeaders }: SourceConfig): { [name: string]: string } =>
  Object.fromEntries(wsHeaders.map(({ name, value }) => [name, value]))

const located = (pem: string, directory: string): string =>
  pem === '' || isPem(pem) ? pem : path.resolve(directory, pem)
