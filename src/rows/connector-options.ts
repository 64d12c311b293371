import { Problem } from '../core/problem.ts'
import { SchemaProblem } from './ddl-tokens.ts'
import { sqlProblems } from './sql-problems.ts'
import { readFlag, type TableOption, unknownOption, wrongValue } from './with-clause.ts'

/** What options mean that mean something else here, or nothing. */
export const connectorNotices = Problem.area('connector', {
  emptyWill: "the will has no message: an empty one is sent, which with 'last.will.retain' deletes the retained one",
  threads: "'executor.service.threads' is not needed: use poolSize",
  tlsBroken: "'ssl.protocol.version' = '{version}' is broken and not applied: TLS 1.2 or newer is used",
  cleanSession: "'clean-session' is true: what is published while the connection is down is lost",
})

/** What the options of a Flink table with the connector mqtt-v3 mean here, by the names of the nodes' properties. */
export interface ConnectorSettings {
  readonly source: Settings
  readonly subscription: Settings
  readonly notices: readonly Problem[]
}
export type Settings = { readonly [property: string]: string | number | boolean }

interface Found {
  readonly source: { [property: string]: string | number | boolean }
  readonly subscription: { [property: string]: string | number | boolean }
  readonly notices: Problem[]
}
type Read = (option: TableOption, found: Found) => void

const connectors = ['mqtt-v3', 'mqtt'] as const
const isOurs = (connector: string) => connectors.some((name) => name === connector)

/** Whether a table's options are those of this connector, or do not say whose they are. */
export const isMqttTable = (options: readonly TableOption[]): boolean =>
  isOurs(options.find(({ name }) => name === 'connector')?.value ?? 'mqtt-v3')

/** Throws SchemaProblem naming an option that is not known, wrong, or contradicts another one. */
export function readConnectorOptions(options: readonly TableOption[]): ConnectorSettings {
  const found: Found = { source: {}, subscription: {}, notices: [] }
  const given = options.filter(({ name, value }) => value !== '' || name === 'last.will.message')
  for (const option of given) {
    const read = readers.get(option.name)
    if (read === undefined) throw unknownOption(option)
    read(option, found)
  }
  for (const option of given) {
    const needed = needs.find(([pattern]) => pattern.test(option.name))
    if (needed !== undefined && !needed[1](found, given))
      throw new SchemaProblem(option.line, sqlProblems.of('optionNeeds', { option: option.name, other: needed[2] }))
  }
  if (found.source.willTopic !== undefined && found.source.willPayload === undefined)
    found.notices.push(connectorNotices.of('emptyWill'))
  return found
}

const has = (name: string) => (_found: Found, options: readonly TableOption[]) =>
  options.some((option) => option.name === name)

/** What makes no sense alone. */
const needs: readonly (readonly [RegExp, (found: Found, options: readonly TableOption[]) => boolean, string])[] = [
  [/^ssl\./, ({ source }) => source.useTls === true, "'ssl' = 'true'"],
  [/^last\.will\.(?!topic$)/, has('last.will.topic'), "'last.will.topic'"],
  [/^password$/, has('username'), "'username'"],
]

const readers: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['connector', readConnector],
  ['format', readFormat],
  ['broker.host', text('source', 'host')],
  ['broker.port', amount('source', 'port', 1, 65_535)],
  ['topic', text('subscription', 'filter')],
  ['qos', quality('subscription', 'qos')],
  ['client.id', text('source', 'clientId')],
  ['username', text('source', 'user')],
  ['password', text('source', 'password')],
  ['automatic-reconnect', flag('source', 'autoReconnect')],
  ['clean-session', readCleanSession],
  ['ssl', flag('source', 'useTls')],
  ['ssl.truststore.path', text('source', 'truststorePath')],
  ['ssl.truststore.password', text('source', 'truststorePassword')],
  ['ssl.keystore.path', text('source', 'keystorePath')],
  ['ssl.keystore.password', text('source', 'keystorePassword')],
  ['ssl.key.password', text('source', 'keyPassword')],
  ['ssl.protocol.version', readTlsVersion],
  ['ssl.cipher.suites', text('source', 'ciphers')],
  ['connection.timeout', seconds('connectTimeoutMs', 600)],
  ['keep.alive.interval', amount('source', 'keepalive', 0, 65_535)],
  ['max.reconnect.delay', seconds('maxReconnectDelayMs', 3600)],
  ['executor.service.threads', notice(connectorNotices.of('threads'))],
  ['last.will.topic', text('source', 'willTopic')],
  ['last.will.message', text('source', 'willPayload')],
  ['last.will.qos', quality('source', 'willQos')],
  ['last.will.retain', flag('source', 'willRetain')],
])

type Target = 'source' | 'subscription'

function text(target: Target, property: string): Read {
  return ({ value }, found) => {
    found[target][property] = value
  }
}

function flag(target: Target, property: string): Read {
  return (option, found) => {
    found[target][property] = readFlag(option)
  }
}

function amount(target: Target, property: string, min: number, max: number): Read {
  return (option, found) => {
    found[target][property] = readWholeNumber(option, min, max)
  }
}

/** The nodes keep it as text, as Node-RED's own do. */
function quality(target: Target, property: string): Read {
  return (option, found) => {
    found[target][property] = String(readWholeNumber(option, 0, 2))
  }
}

function seconds(property: string, max: number): Read {
  return (option, found) => {
    found.source[property] = readWholeNumber(option, 1, max) * 1000
  }
}

function notice(sentence: Problem): Read {
  return (_option, { notices }) => {
    notices.push(sentence)
  }
}

/** Java's name of a context, which is the oldest version that it speaks. */
function readTlsVersion(option: TableOption, { source, notices }: Found): void {
  const { value } = option
  if (!/^TLS(v1(\.[123])?)?$/.test(value)) throw wrongValue(option, sqlProblems.of('tls'))
  if (value === 'TLSv1' || value === 'TLSv1.1') notices.push(connectorNotices.of('tlsBroken', { version: value }))
  source.tlsMinVersion = value === 'TLSv1.3' ? value : 'TLSv1.2'
}

function readConnector(option: TableOption): void {
  if (!isOurs(option.value))
    throw new SchemaProblem(
      option.line,
      sqlProblems.of('connector', {
        connector: option.value,
        expected: sqlProblems.of('either', { one: connectors[0], other: connectors[1] }),
      }),
    )
}

function readFormat(option: TableOption): void {
  if (option.value !== 'json') throw wrongValue(option, 'json')
}

function readCleanSession(option: TableOption, { source, notices }: Found): void {
  source.clean = readFlag(option)
  if (source.clean) notices.push(connectorNotices.of('cleanSession'))
}

function readWholeNumber(option: TableOption, min: number, max: number): number {
  const value = option.value.trim()
  const number = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw wrongValue(option, sqlProblems.of('integer', { min, max }))
}
