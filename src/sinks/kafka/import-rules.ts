import { notices as both } from '../../config/migration-notices.ts'
import type { Settings } from '../../config/settings-text.ts'
import type { clusterFields, sinkFields } from './config.ts'

/** Why a setting has nothing to set here. */
export const notices = {
  acks: 'Rowline always waits for all in-sync replicas.',
  idempotence: 'The producer is always idempotent.',
  inFlight: 'One batch is on its way at a time: that keeps the order.',
  buffer: 'What waits for Kafka is in the outbox: see Outbox size.',
  finiteRetries: both.finiteRetries,
  noRetries: 'Failed writes are repeated until they succeed; for another choice see When a write fails.',
  noSignIn: 'With this security.protocol nobody signs in.',
  serializer: 'Bytes and text are written as they are, rows as JSON.',
  format: 'The format of a file is seen by its content.',
  observer: 'It is of no use here: the status and the log of the nodes say what happens.',
  consumer: 'It is for consumers.',
} as const

type ClusterValues = { readonly [field in keyof typeof clusterFields]?: string }
type SinkValues = { readonly [field in keyof typeof sinkFields]?: string }

/** What a setting says in the words of our nodes; undefined where we have none for it. */
export type Meaning =
  | { readonly node: 'cluster'; readonly values: { readonly [field: string]: string } }
  | { readonly node: 'sink'; readonly values: { readonly [field: string]: string } }
  | { readonly notice: keyof typeof notices }
  | undefined

type Rule = (value: string, settings: Settings) => Meaning

type Convert = (value: string) => string

const same: Convert = (value) => value
const flag: Convert = (value) => (/^(true|t|1)$/i.test(value) ? 'true' : /^(false|f|0)$/i.test(value) ? 'false' : value)
/** librdkafka takes half a millisecond too. */
const whole: Convert = (value) => (/^\d+\.\d+$/.test(value) ? String(Math.ceil(Number(value))) : value)

/** Java puts commas where OpenSSL wants colons. */
const colons: Convert = (list) => list.replace(/\s*[,:]\s*/g, ':')

const cluster =
  (field: keyof typeof clusterFields, convert = same): Rule =>
  (value) => ({ node: 'cluster', values: { [field]: convert(value) } })
const sink =
  (field: keyof typeof sinkFields, convert = same): Rule =>
  (value) => ({ node: 'sink', values: { [field]: convert(value) } })
const inCluster = (values: ClusterValues): Meaning => ({ node: 'cluster', values })
const inSink = (values: SinkValues): Meaning => ({ node: 'sink', values })
const noted =
  (notice: keyof typeof notices): Rule =>
  () => ({ notice })

const format =
  (known: RegExp): Rule =>
  (value) =>
    known.test(value) ? { notice: 'format' } : undefined

/** librdkafka's names, the names it has for the same besides, and those of the Java client. */
const rules: { readonly [key: string]: Rule } = {
  'bootstrap.servers': cluster('brokers', (list) => list.replace(/(^|,)\s*\w+:\/\//g, '$1')),
  'client.id': cluster('clientId'),
  'security.protocol': protocol,
  'sasl.mechanism': signIn(cluster('saslMechanism', (name) => name.toUpperCase())),
  'sasl.username': signIn(cluster('user')),
  'sasl.password': signIn(cluster('password')),
  'sasl.jaas.config': signIn(jaas),
  'sasl.oauthbearer.method': signIn((method) => (/^oidc$/i.test(method) ? inCluster({}) : undefined)),
  'sasl.oauthbearer.token.endpoint.url': signIn(cluster('tokenUrl')),
  'sasl.oauthbearer.client.id': signIn(cluster('tokenClientId')),
  'sasl.oauthbearer.client.secret': signIn(cluster('tokenClientSecret')),
  'sasl.oauthbearer.scope': signIn(cluster('tokenScope')),
  'sasl.oauthbearer.extensions': signIn(cluster('tokenExtensions')),
  'ssl.ca.location': cluster('ca'),
  'ssl.ca.pem': cluster('ca'),
  'ssl.truststore.certificates': cluster('ca'),
  'ssl.truststore.location': pemFile('ssl.truststore.type', (file) => ({ ca: file })),
  'ssl.truststore.type': format(/^PEM$/i),
  'ssl.certificate.location': cluster('cert'),
  'ssl.certificate.pem': cluster('cert'),
  'ssl.keystore.certificate.chain': cluster('cert'),
  'ssl.keystore.location': keyStore,
  'ssl.keystore.password': keyStorePassword,
  'ssl.keystore.type': format(/^(PEM|PKCS12)$/i),
  'ssl.key.location': cluster('key'),
  'ssl.key.pem': cluster('key'),
  'ssl.keystore.key': cluster('key'),
  'ssl.key.password': cluster('passphrase'),
  'enable.ssl.certificate.verification': cluster('rejectUnauthorized', flag),
  'ssl.endpoint.identification.algorithm': hostName,
  'ssl.cipher.suites': cluster('ciphers', colons),
  'ssl.curves.list': cluster('ecdhCurve', colons),
  'ssl.sigalgs.list': cluster('sigalgs', colons),
  'socket.connection.setup.timeout.ms': cluster('connectTimeoutMs'),
  acks: noted('acks'),
  'enable.idempotence': noted('idempotence'),
  'max.in.flight': noted('inFlight'),
  'queue.buffering.max.messages': noted('buffer'),
  'queue.buffering.max.kbytes': noted('buffer'),
  'buffer.memory': noted('buffer'),
  retries,
  'retry.backoff.ms': sink('retryBackoffMs'),
  'retry.backoff.max.ms': sink('maxRetryBackoffMs'),
  'compression.type': sink('compression'),
  'linger.ms': sink('lingerMs', whole),
  'batch.size': sink('batchBytes'),
  'batch.num.messages': sink('batchRecords'),
  'message.max.bytes': sink('maxMessageBytes'),
  'message.timeout.ms': sink('deliveryTimeoutMs', (ms) => (ms === '0' ? '1 h' : ms)),
  'request.timeout.ms': sink('requestTimeoutMs'),
  partitioner: sink('partitioner', (name) => name.replace(/_random$/, '')),
  'allow.auto.create.topics': sink('autoCreateTopics', flag),
  'schema.registry.url': sink('schemaRegistryUrl'),
  'basic.auth.user.info': userInfo,
  'bearer.auth.token': sink('schemaRegistryToken'),
  'auto.register.schemas': sink('autoRegister', flag),
  'use.latest.version': (value) =>
    flag(value) === 'true' ? inSink({ autoRegister: 'false', schemaVersion: 'latest' }) : undefined,
  'value.serializer': (value) =>
    /KafkaJsonSchemaSerializer$/.test(value) ? inSink({ valueFormat: 'json-schema' }) : plainSerializer(value),
  'key.serializer': plainSerializer,
  debug: noted('observer'),
  'statistics.interval.ms': noted('observer'),
  'group.id': noted('consumer'),
}

const otherNames: { readonly [key: string]: string } = {
  'metadata.broker.list': 'bootstrap.servers',
  'request.required.acks': 'acks',
  'max.in.flight.requests.per.connection': 'max.in.flight',
  'message.send.max.retries': 'retries',
  'compression.codec': 'compression.type',
  'queue.buffering.max.ms': 'linger.ms',
  'max.request.size': 'message.max.bytes',
  'delivery.timeout.ms': 'message.timeout.ms',
  'sasl.mechanisms': 'sasl.mechanism',
  'sasl.oauthbearer.client.credentials.client.id': 'sasl.oauthbearer.client.id',
  'sasl.oauthbearer.client.credentials.client.secret': 'sasl.oauthbearer.client.secret',
  'schema.registry.basic.auth.user.info': 'basic.auth.user.info',
}

export function meaningOf(key: string, value: string, settings: Settings): Meaning {
  const name = Object.hasOwn(otherNames, key) ? otherNames[key]! : key
  return Object.hasOwn(rules, name) ? rules[name]!(value, settings) : undefined
}

/** Both clients mean GSSAPI where a mechanism is wanted and none is named. */
function protocol(value: string, settings: Settings): Meaning {
  const parts = /^(SASL_)?(SSL|PLAINTEXT)$/i.exec(value)
  if (!parts) return undefined
  const useTls = String(parts[2]!.toUpperCase() === 'SSL')
  if (parts[1] === undefined) return inCluster({ useTls, saslMechanism: 'none' })
  const isNamed = settings.has('sasl.mechanism') || settings.has('sasl.mechanisms')
  return inCluster({ useTls, ...(isNamed ? {} : { saslMechanism: 'GSSAPI' }) })
}

/** Neither client signs in where the protocol does not say so. */
function signIn(rule: Rule): Rule {
  return (value, settings) => {
    const isUsed = /SASL|\$\{/i.test(settings.get('security.protocol') ?? 'SASL')
    return isUsed ? rule(value, settings) : { notice: 'noSignIn' }
  }
}

const jaasOptions = {
  username: 'user',
  password: 'password',
  clientId: 'tokenClientId',
  clientSecret: 'tokenClientSecret',
  scope: 'tokenScope',
} as const

/** `…PlainLoginModule required username="…" password="…";`, or with `clientId` and so on for tokens. */
function jaas(value: string): Meaning {
  const found = Object.entries(jaasOptions).flatMap(([option, field]) => {
    const [, text] = new RegExp(`\\b${option}\\s*=\\s*"((?:\\\\.|[^"\\\\])*)"`).exec(value) ?? []
    return text === undefined ? [] : [[field, text.replace(/\\(.)/g, '$1')] as const]
  })
  const values: ClusterValues = Object.fromEntries(found)
  const extensions = [...value.matchAll(/\bextension_(\w+)\s*=\s*"([^"]*)"/g)].map(
    ([, name, text]) => `${name}=${text}`,
  )
  if (extensions.length > 0) Object.assign(values, { tokenExtensions: extensions.join() })
  const isWhole = ('user' in values && 'password' in values) || 'tokenClientId' in values
  return isWhole ? inCluster(values) : undefined
}

/** librdkafka knows PKCS12 only, and does not say so. */
function keyStore(file: string, settings: Settings): Meaning {
  const type = settings.get('ssl.keystore.type')?.toUpperCase()
  if (type === 'PEM') return inCluster({ cert: file, key: file })
  return type === 'PKCS12' || (type === undefined && /\.(p12|pfx)$/i.test(file))
    ? inCluster({ keystorePath: file })
    : undefined
}

function keyStorePassword(value: string, settings: Settings): Meaning {
  const meaning = keyStore(settings.get('ssl.keystore.location') ?? '', settings)
  return meaning && 'values' in meaning && meaning.values.keystorePath
    ? inCluster({ keystorePassword: value })
    : undefined
}

/** `none` is librdkafka's word for: names do not count. */
function hostName(value: string): Meaning {
  return /^(https|none)$/i.test(value) ? inCluster({ checkServerIdentity: String(/^https$/i.test(value)) }) : undefined
}

function pemFile(typeKey: string, values: (file: string) => ClusterValues): Rule {
  return (file, settings) => (settings.get(typeKey)?.toUpperCase() === 'PEM' ? inCluster(values(file)) : undefined)
}

/** 0 means never there and for ever here; more than we count to means for ever there. */
function retries(value: string): Meaning {
  if (value === '0') return { notice: 'noRetries' }
  return inSink({ maxRetries: Number(value) > 1_000_000 ? '0' : value })
}

function userInfo(value: string): Meaning {
  const [, user, password] = /^([^:]*):(.*)$/.exec(value) ?? []
  if (user === undefined || password === undefined) return undefined
  return inSink({ schemaRegistryUser: user, schemaRegistryPassword: password })
}

function plainSerializer(value: string): Meaning {
  return /\.(String|ByteArray|ByteBuffer|Bytes)Serializer$/.test(value) ? { notice: 'serializer' } : undefined
}
