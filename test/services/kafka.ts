import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
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
  /** Adds SASL_PLAINTEXT, SSL and SASL_SSL listeners, the PLAIN users alice and bob (password `<name>-secret`) and ACLs. */
  readonly secure?: boolean
  /** Adds a listener that sends its clients to `proxied.advertisedPort`, where the test has to put a proxy. */
  readonly proxied?: boolean
  /** Lines of server.properties that override ours. */
  readonly properties?: { readonly [name: string]: string | number | boolean }
}

/** One broker on 127.0.0.1. Without an ACL on a topic everybody may do everything; anonymous is a super user. */
export interface Kafka {
  readonly port: number
  readonly brokers: string
  readonly directory: string
  readonly secure: { readonly sasl: string; readonly tls: string; readonly saslTls: string; readonly ca: string }
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
  const jars = await kafkaJars()
  const directory = temporaryDirectory('kafka')
  const ports = await freePorts()
  if (options.secure) await makeCertificates(directory)
  await writeFile(join(directory, 'server.properties'), serverProperties(directory, ports, options))
  const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', 'server.properties']
  await runCommand('java', [...javaOptions(jars), '-XX:TieredStopAtLevel=1', ...format], { cwd: directory })
  let broker = await startBroker(jars, directory)
  const local = (port: number) => `127.0.0.1:${port}`
  return {
    port: ports.plain,
    brokers: local(ports.plain),
    directory,
    secure: {
      sasl: local(ports.sasl),
      tls: local(ports.tls),
      saslTls: local(ports.saslTls),
      ca: join(directory, 'ca.pem'),
    },
    proxied: { port: ports.proxied, advertisedPort: ports.advertised },
    kill: async () => void (await broker.kill()),
    restart: async () => {
      broker = await startBroker(jars, directory)
    },
    freeze: () => broker.signal('SIGSTOP'),
    thaw: () => broker.signal('SIGCONT'),
    stop: async () => {
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

interface Ports {
  readonly plain: number
  readonly controller: number
  readonly sasl: number
  readonly tls: number
  readonly saslTls: number
  readonly proxied: number
  readonly advertised: number
}

function serverProperties(directory: string, ports: Ports, options: KafkaOptions): string {
  const listeners = [`PLAINTEXT://127.0.0.1:${ports.plain}`]
  if (options.secure) {
    listeners.push(`SASL_PLAINTEXT://127.0.0.1:${ports.sasl}`, `SSL://127.0.0.1:${ports.tls}`)
    listeners.push(`SASL_SSL://127.0.0.1:${ports.saslTls}`)
  }
  if (options.proxied) listeners.push(`PROXIED://127.0.0.1:${ports.proxied}`)
  const controller = `127.0.0.1:${ports.controller}`
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${controller}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...listeners, `CONTROLLER://${controller}`].join(),
    'advertised.listeners': listeners.join().replace(`:${ports.proxied}`, `:${ports.advertised}`),
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
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
    ...(options.secure ? securityProperties(directory) : {}),
    ...options.properties,
  }
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function securityProperties(directory: string) {
  const users = ['alice', 'bob'].map((name) => `user_${name}="${name}-secret"`).join(' ')
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`
  return {
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config': login,
    'listener.name.sasl_ssl.plain.sasl.jaas.config': login,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': join(directory, 'server.pem'),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': join(directory, 'ca.pem'),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': true,
  }
}

/** A CA of our own and a server key signed by it, as PEM, for localhost and 127.0.0.1. */
async function makeCertificates(directory: string): Promise<void> {
  const file = (name: string) => join(directory, name)
  const openssl = (line: string) => runCommand('openssl', line.split(' '), { cwd: directory })
  await writeFile(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  await openssl('req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=rowline-test-ca -keyout ca.key -out ca.pem')
  await openssl('req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr')
  await openssl(
    'x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.crt',
  )
  const parts = await Promise.all(['server.key', 'server.crt', 'ca.pem'].map((name) => readFile(file(name), 'utf8')))
  await writeFile(file('server.pem'), parts.join(''))
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
async function startBroker(jars: string, directory: string): Promise<Running> {
  const started = performance.now()
  const logFile = join(directory, 'server.log')
  await writeFile(logFile, '')
  const log = `-Dorg.slf4j.simpleLogger.logFile=${logFile}`
  const args = [...javaOptions(jars), '-Xmx512m', log, 'kafka.Kafka', 'server.properties']
  const broker = startProcess('java', args, { name: 'kafka', cwd: directory })
  let text = ''
  const isStarted = async () => {
    text = await readFile(logFile, 'utf8')
    if (!broker.isRunning()) throw new Error(`Kafka ended: ${broker.output()}${text.slice(-3000)}`)
    return text.includes('Kafka Server started')
  }
  await until(isStarted, { timeoutMs: 90_000, intervalMs: 100, what: 'Kafka', output: () => text.slice(-3000) })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  progress(`Apache Kafka ${version} ready after ${seconds} s (pid ${broker.pid})`)
  return broker
}

async function freePorts(): Promise<Ports> {
  const ports = new Set<number>()
  while (ports.size < 7) ports.add(await freePort())
  const [plain, controller, sasl, tls, saslTls, proxied, advertised] = [...ports] as [
    number,
    ...[number, number, number, number, number, number],
  ]
  return { plain, controller, sasl, tls, saslTls, proxied, advertised }
}

const progress = (text: string) => process.stderr.write(`kafka: ${text}\n`)
