import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Certificates, makeCertificates } from './certificates.ts'
import {
  findProgram,
  freePort,
  type Running,
  runCommand,
  startProcess,
  temporaryDirectory,
  until,
} from './processes.ts'

export const version = '4.3.1'
// 16 bytes in base64url. A random one begins with "-" now and then, and is taken for an option.
const clusterId = 'cm93bGluZS10ZXN0LWtmaw'

export interface KafkaOptions {
  /** Whether the broker creates a topic that a client asks for. Off by default, as in most plants. */
  readonly autoCreate?: boolean
  /**
   * Adds SASL_PLAINTEXT, SSL and SASL_SSL listeners, one for clients with certificates, the users alice and bob
   * (password `<name>-secret`; PLAIN and both SCRAM) and ACLs.
   */
  readonly secure?: boolean
  /** Keys (a JWKS) of the tokens that the SASL listeners take, for `audience`. */
  readonly tokens?: { readonly jwks: object; readonly audience: string }
  /** Adds a listener that sends its clients to `proxied.advertisedPort`, where the test has to put a proxy. */
  readonly proxied?: boolean
  /** Of the JVM; 512 if absent. */
  readonly heapMegabytes?: number
  /** Lines of server.properties that override ours. */
  readonly properties?: { readonly [name: string]: string | number | boolean }
}

/** One broker on 127.0.0.1. Without an ACL on a topic everybody may do everything; anonymous is a super user. */
export interface Kafka {
  readonly port: number
  readonly brokers: string
  readonly directory: string
  readonly secure: {
    readonly sasl: string
    readonly tls: string
    readonly saslTls: string
    /** Knows clients by their certificates only. */
    readonly mutualTls: string
    readonly ca: string
    readonly certificates: Certificates | undefined
  }
  readonly proxied: { readonly port: number; readonly advertisedPort: number }
  /** Ends the broker and removes its data. May be called twice. */
  stop(): Promise<void>
  /** `kill -9`; the data stay. */
  kill(): Promise<void>
  /** Starts a killed broker again with its data, on the same ports. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay, and are even accepted, but nothing answers until `thaw`. */
  freeze(): void
  thaw(): void
}

/** The suite's broker (`ROWLINE_TEST_KAFKA=host:port`), or one of its own. Use topic names of your own. */
export async function sharedKafka(): Promise<Pick<Kafka, 'port' | 'brokers' | 'stop'>> {
  const brokers = process.env.ROWLINE_TEST_KAFKA
  if (brokers === undefined) return startKafka()
  return { brokers, port: Number(brokers.split(':')[1]), stop: async () => {} }
}

/** Resolves when the broker takes requests: 6 to 25 s, more when the jars have to be downloaded first. */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  const node = await prepareBroker(await freePorts(), options)
  const { ports, directory, certificates } = node
  let broker = await node.start()
  const local = (port: number) => `127.0.0.1:${port}`
  return {
    port: ports.plain,
    brokers: local(ports.plain),
    directory,
    secure: {
      sasl: local(ports.sasl),
      tls: local(ports.tls),
      saslTls: local(ports.saslTls),
      mutualTls: local(ports.mutualTls),
      ca: certificates?.caFile ?? '',
      certificates,
    },
    proxied: { port: ports.proxied, advertisedPort: ports.advertised },
    kill: async () => void (await broker.kill()),
    restart: async () => {
      broker = await node.start()
    },
    freeze: () => broker.signal('SIGSTOP'),
    thaw: () => broker.signal('SIGCONT'),
    stop: async () => {
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Which of a cluster's nodes this is, and who they all are. */
export interface Quorum {
  readonly id: number
  /** `id@host:port` of the controllers. */
  readonly voters: string
}

/** A broker that can be started, again too: with its data, on its ports. */
export interface BrokerNode {
  readonly ports: Ports
  readonly directory: string
  readonly certificates: Certificates | undefined
  start(): Promise<Running>
}

export async function prepareBroker(
  ports: Ports,
  options: KafkaOptions,
  quorum: Quorum = { id: 1, voters: `1@127.0.0.1:${ports.controller}` },
): Promise<BrokerNode> {
  const jars = await kafkaJars()
  const directory = temporaryDirectory('kafka')
  const certificates = options.secure ? await makeCertificates(directory) : undefined
  const security = certificates ? await securityProperties(directory, certificates, options) : {}
  await writeFile(
    join(directory, 'server.properties'),
    lines({ ...serverProperties(directory, ports, options, quorum), ...security, ...options.properties }),
  )
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', 'server.properties']
  if (options.secure) format.push(...scramUsers())
  await runCommand('java', [...javaOptions(jars), '-XX:TieredStopAtLevel=1', ...format], { cwd: directory })
  return { ports, directory, certificates, start: () => startBroker(jars, directory, options) }
}

const users = ['alice', 'bob']

const scramUsers = () =>
  users.flatMap((name) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${name}-secret]`,
    ]),
  )

export interface Ports {
  readonly plain: number
  readonly controller: number
  readonly sasl: number
  readonly tls: number
  readonly saslTls: number
  readonly mutualTls: number
  readonly proxied: number
  readonly advertised: number
}

function serverProperties(directory: string, ports: Ports, options: KafkaOptions, { id, voters }: Quorum) {
  const listeners = [`PLAINTEXT://127.0.0.1:${ports.plain}`]
  if (options.secure) {
    listeners.push(`SASL_PLAINTEXT://127.0.0.1:${ports.sasl}`, `SSL://127.0.0.1:${ports.tls}`)
    listeners.push(`SASL_SSL://127.0.0.1:${ports.saslTls}`, `MUTUAL://127.0.0.1:${ports.mutualTls}`)
  }
  if (options.proxied) listeners.push(`PROXIED://127.0.0.1:${ports.proxied}`)
  const controller = `127.0.0.1:${ports.controller}`
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': voters,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...listeners, `CONTROLLER://${controller}`].join(),
    'advertised.listeners': listeners.join().replace(`:${ports.proxied}`, `:${ports.advertised}`),
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SSL:SSL,MUTUAL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    'log.dirs': join(directory, 'data'),
    'auto.create.topics.enable': options.autoCreate ?? false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 2,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // How long a restart after kill -9 waits for the dead broker's session to end (default 9 s).
    'broker.session.timeout.ms': 4000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 8 << 20,
  }
}

const lines = (properties: { readonly [name: string]: string | number | boolean }) =>
  Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')

async function securityProperties(
  directory: string,
  { caFile, certFile, keyFile }: Certificates,
  { tokens }: KafkaOptions,
) {
  const serverFile = join(directory, 'server.pem')
  const parts = await Promise.all([keyFile, certFile, caFile].map((file) => readFile(file, 'utf8')))
  await writeFile(serverFile, parts.join(''))
  const passwords = users.map((name) => `user_${name}="${name}-secret"`).join(' ')
  const login = (module: string, options = '') =>
    `org.apache.kafka.common.security.${module} required${options && ` ${options}`};`
  const jaas = ['sasl_plaintext', 'sasl_ssl'].flatMap((listener) => [
    [`listener.name.${listener}.plain.sasl.jaas.config`, login('plain.PlainLoginModule', passwords)],
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, login('scram.ScramLoginModule')],
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, login('scram.ScramLoginModule')],
    [`listener.name.${listener}.oauthbearer.sasl.jaas.config`, login('oauthbearer.OAuthBearerLoginModule')],
    [
      `listener.name.${listener}.oauthbearer.sasl.server.callback.handler.class`,
      'org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler',
    ],
  ])
  return {
    'sasl.enabled.mechanisms': `PLAIN,SCRAM-SHA-256,SCRAM-SHA-512${tokens ? ',OAUTHBEARER' : ''}`,
    ...Object.fromEntries(tokens ? jaas : jaas.filter(([name]) => !name?.includes('oauthbearer'))),
    ...(tokens && (await tokenProperties(directory, tokens))),
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': serverFile,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': caFile,
    'listener.name.mutual.ssl.client.auth': 'required',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': true,
  }
}

async function tokenProperties(directory: string, { jwks, audience }: NonNullable<KafkaOptions['tokens']>) {
  const file = join(directory, 'jwks.json')
  await writeFile(file, JSON.stringify(jwks))
  return { 'sasl.oauthbearer.jwks.endpoint.url': `file://${file}`, 'sasl.oauthbearer.expected.audience': audience }
}

/** Writes text records with Java's own client, which chooses the partitions. Neither keys nor values have tabs or line feeds. */
export async function produceWithJava(
  brokers: string,
  topic: string,
  records: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  const jars = await kafkaJars()
  const input = join(temporaryDirectory('java'), 'records')
  await writeFile(input, records.map(({ key, value }) => `${key}\t${value}\n`).join(''))
  const producer = ['org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', brokers, '--topic', topic]
  const line = [
    'java',
    ...javaOptions(jars),
    '-Dfile.encoding=UTF-8',
    ...producer,
    '--reader-property',
    'parse.key=true',
  ]
  await runCommand('sh', ['-c', 'exec "$@" <"$0"', input, ...line], { name: 'ConsoleProducer' })
}

/** How many bytes a second each producer may write, over all; undefined: as many as it can. */
export async function limitProducers(brokers: string, bytesPerSecond: number | undefined): Promise<void> {
  const entity = ['--alter', '--entity-type', 'clients', '--entity-default']
  const quota =
    bytesPerSecond === undefined
      ? ['--delete-config', 'producer_byte_rate']
      : ['--add-config', `producer_byte_rate=${bytesPerSecond}`]
  const command = ['kafka.admin.ConfigCommand', '--bootstrap-server', brokers, ...entity, ...quota]
  await runCommand('java', [...javaOptions(await kafkaJars()), ...command], { name: 'ConfigCommand' })
}

/** Directory of the broker's jars, downloaded once per version. */
async function kafkaJars(): Promise<string> {
  const root = join(homedir(), '.cache', 'rowline', 'kafka')
  const jars = join(root, version)
  findProgram('java', 'default-jre-headless')
  if (existsSync(jars)) return jars
  findProgram('mvn', 'maven')
  progress(`downloading Apache Kafka ${version} from Maven Central into ${jars} (60 MB, once, about a minute)`)
  await mkdir(root, { recursive: true })
  const work = await mkdtemp(join(root, '.download-'))
  try {
    await writeFile(join(work, 'pom.xml'), pom)
    const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
    await runCommand('mvn', ['-q', '-B', copy, '-DincludeScope=runtime', '-DoutputDirectory=jars'], { cwd: work })
    await rename(join(work, 'jars'), jars).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return jars
}

// Without an slf4j binding the broker says nothing at all.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>kafka-server</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`

const javaOptions = (jars: string) => [
  '-cp',
  join(jars, '*'),
  '-XX:+UseSerialGC',
  '-Xshare:auto',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=info',
]

/** Logs to a file: a pipe would fill up, and stop the broker, while a test blocks its event loop. */
async function startBroker(jars: string, directory: string, { heapMegabytes = 512 }: KafkaOptions): Promise<Running> {
  const started = performance.now()
  const logFile = join(directory, 'server.log')
  await writeFile(logFile, '')
  const log = `-Dorg.slf4j.simpleLogger.logFile=${logFile}`
  const keys = `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://${join(directory, 'jwks.json')}`
  const args = [...javaOptions(jars), `-Xmx${heapMegabytes}m`, log, keys, 'kafka.Kafka', 'server.properties']
  const broker = startProcess('java', args, { name: 'kafka', cwd: directory })
  let text = ''
  const isStarted = async () => {
    text = await readFile(logFile, 'utf8')
    if (!broker.isRunning()) throw new Error(`Kafka ended: ${broker.output()}${reasonsIn(text)}`)
    return text.includes('Kafka Server started')
  }
  await until(isStarted, { timeoutMs: 180_000, intervalMs: 100, what: 'Kafka', output: () => text.slice(-3000) })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  progress(`Apache Kafka ${version} ready after ${seconds} s (pid ${broker.pid})`)
  return broker
}

/** What went wrong is followed by pages about the shutdown. */
function reasonsIn(log: string): string {
  const reasons = log.split('\n').filter((line) => /ERROR|Exception/.test(line))
  return reasons.length > 0 ? reasons.slice(0, 10).join('\n') : log.slice(-3000)
}

export async function freePorts(): Promise<Ports> {
  const ports = new Set<number>()
  while (ports.size < 8) ports.add(await freePort())
  const [plain, controller, sasl, tls, saslTls, mutualTls, proxied, advertised] = [...ports] as [
    number,
    ...[number, number, number, number, number, number, number],
  ]
  return { plain, controller, sasl, tls, saslTls, mutualTls, proxied, advertised }
}

/** Runs one of Kafka's own tools. */
export async function runKafkaTool(tool: string, args: readonly string[]): Promise<string> {
  const jars = await kafkaJars()
  return runCommand('java', [...javaOptions(jars), '-XX:TieredStopAtLevel=1', tool, ...args], { name: tool })
}

const progress = (text: string) => process.stderr.write(`kafka: ${text}\n`)
