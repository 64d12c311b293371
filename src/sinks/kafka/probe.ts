import { messageOf, PipelineError } from '../../core/errors.ts'
import { describeSecure, hinted, reachTcp, reachTls, resolveName } from '../../core/reach.ts'
import { attempt, bounded, type Step } from '../../core/steps.ts'
import { type Access, createAccess } from './access.ts'
import { lackFor, requirePlatformatic } from './choice.ts'
import { type Broker, type ClusterConfig, parseBrokers } from './config.ts'
import { classify, isUnknownTopic, nameOfCluster } from './errors.ts'
import { loadKafkajs } from './kafkajs-library.ts'
import { KafkajsSession } from './kafkajs-session.ts'
import { keyHashes } from './partitioner.ts'

export interface ClusterTest {
  /** Where relative paths start. */
  readonly directory: string
  /** Topics that sinks write to. */
  readonly topics: readonly string[]
}

const stepMs = 8000
const noTls = 'The broker may not speak TLS at this port'

/** Says which library it is where it is not the one that can do everything. False where it cannot be used at all. */
function* probeClient({ client }: ClusterConfig): Generator<Step, boolean> {
  const lack = lackFor(client)
  if (lack === undefined || lack === 'chosen') return true
  const step = { step: 'client', values: {} }
  try {
    if (client === 'platformatic') requirePlatformatic()
    yield { ...step, state: 'noted', text: lack }
    return true
  } catch (error) {
    yield { ...step, state: 'failed', problem: messageOf(error) }
    return false
  }
}

/** From the addresses to the topics, up to what fails. */
export async function* probeCluster(
  config: ClusterConfig,
  { directory, topics }: ClusterTest,
  signal: AbortSignal,
): AsyncGenerator<Step, void> {
  if (!(yield* probeClient(config))) return
  const target = nameOfCluster(config)
  const explain = (error: unknown) => classify(error, target)
  const reading = {
    step: 'access',
    values: {},
    work: () => createAccess(config, directory),
    describe: () => ({}),
    explain,
  }
  const access = config.useTls || config.ca !== '' ? yield* attempt(reading) : await createAccess(config, directory)
  if (!access) return
  const inTime = <T>(work: (signal: AbortSignal) => Promise<T>) =>
    bounded(Math.min(stepMs, config.connectTimeoutMs), signal, work)
  const around: Around = { config, access, explain, inTime }
  const first = yield* firstReached(around)
  if (!first || !(yield* probeTls(first, around))) return
  yield* probeSession(first, topics, around)
}

interface Around {
  readonly config: ClusterConfig
  readonly access: Access
  readonly explain: (error: unknown) => PipelineError
  readonly inTime: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

/** Asks them all: one that is away is worth knowing. */
async function* firstReached({ config, inTime }: Around): AsyncGenerator<Step, Broker | undefined> {
  let first: Broker | undefined
  for (const broker of parseBrokers(config.brokers)) {
    if (!broker) continue
    const { host, port } = broker
    const reached = yield* attempt({
      step: 'reach',
      values: { broker: addressOf(broker) },
      work: () =>
        inTime(async (limited) => {
          const addresses = await resolveName(host)
          await reachTcp(host, port, limited)
          return addresses
        }),
      describe: (addresses) => ({ values: { addresses: addresses.join(', ') } }),
      explain: (error) => classify(hinted(error), `Kafka at ${addressOf(broker)}`),
    })
    if (reached) first ??= broker
  }
  return first
}

async function* probeTls(broker: Broker, { access, inTime }: Around): AsyncGenerator<Step, boolean> {
  const { tls } = access
  if (!tls) return true
  const facts = yield* attempt({
    step: 'tls',
    values: { broker: addressOf(broker) },
    work: () => inTime((limited) => reachTls({ ...tls, ...broker }, limited)),
    describe: describeSecure,
    explain: (error) => classify(hinted(error, noTls), `Kafka at ${addressOf(broker)}`),
  })
  return facts !== undefined
}

/**
 * Everything is asked of the broker that was reached, whatever addresses the cluster gives: those are looked at one by
 * one. kafkajs for every client: it is always there.
 */
async function* probeSession(broker: Broker, topics: readonly string[], around: Around): AsyncGenerator<Step> {
  const { config, access, explain, inTime } = around
  const timeoutMs = Math.min(stepMs, config.connectTimeoutMs)
  const { tls, sasl } = access
  const session = new KafkajsSession(
    await loadKafkajs(),
    {
      brokers: [broker],
      clientId: config.clientId || 'rowline-test',
      ...(tls && { tls }),
      ...(sasl && { sasl }),
      connectTimeoutMs: timeoutMs,
      requestTimeoutMs: timeoutMs,
      compression: 'none',
      hash: keyHashes.murmur2,
      keepTrying: () => false,
    },
    broker,
  )
  try {
    const mechanism = config.saslMechanism
    const signedIn = yield* attempt({
      step: 'signIn',
      values: { broker: addressOf(broker), mechanism },
      work: () => inTime(() => session.connect().then(() => true)),
      describe: () => (mechanism === 'none' ? { text: 'none' } : {}),
      explain,
    })
    if (!signedIn || !(yield* probeBrokers(session, around))) return
    for (const topic of topics) yield* probeTopic(session, topic, around)
  } finally {
    await session.end()
  }
}

async function* probeBrokers(session: KafkajsSession, around: Around): AsyncGenerator<Step, boolean> {
  const { access, inTime } = around
  const cluster = yield* attempt({
    step: 'cluster',
    values: {},
    work: () => inTime(() => session.administer((admin) => admin.describeCluster())),
    describe: ({ clusterId, brokers }) => ({ values: { clusterId, count: brokers.length } }),
    explain: (error) => explainSilence(error, around),
  })
  if (!cluster) return false
  const { tls } = access
  for (const { nodeId: id, host, port } of cluster.brokers.slice(0, mostBrokers)) {
    const broker = addressOf({ host, port })
    yield* attempt({
      step: 'advertised',
      values: { id, broker },
      work: () =>
        inTime(async (limited) => {
          if (tls) await reachTls({ ...tls, host, port }, limited)
          else await reachTcp(host, port, limited)
        }),
      describe: () => ({}),
      explain: (error) =>
        new PipelineError(
          'TARGET_ADVERTISED',
          { target: `Broker ${id}`, address: broker, problem: messageOf(hinted(error)) },
          error,
        ),
    })
  }
  return true
}

/** A listener that wants SASL hangs up on who does not sign in. */
function explainSilence(error: unknown, { config, explain }: Around): PipelineError {
  const failure = explain(error)
  if (config.saslMechanism !== 'none' || failure.code !== 'TARGET_UNREACHABLE') return failure
  const problem = `${messageOf(error)}. It may ask its clients to sign in: see "Sign in with"`
  return new PipelineError('TARGET_UNREACHABLE', { target: nameOfCluster(config), problem }, error)
}

/** Of a large cluster the first ones show what is wrong. */
const mostBrokers = 20

function probeTopic(
  session: KafkajsSession,
  topic: string,
  { explain, inTime }: Around,
): AsyncGenerator<Step, unknown> {
  return attempt({
    step: 'topic',
    values: { topic },
    work: () => inTime(() => findTopic(session, topic)),
    describe: (found) => {
      if (!found) return { state: 'noted', text: 'missing' }
      return found.replicas === 1 ? { state: 'noted', text: 'single', values: found } : { values: found }
    },
    explain,
  })
}

async function findTopic(session: KafkajsSession, topic: string) {
  const asked = session.administer((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
  const answer = await asked.catch((error: unknown) => {
    if (!isUnknownTopic(error)) throw error
    return undefined
  })
  const partitions = answer?.topics[0]?.partitions
  return (
    partitions && { partitions: partitions.length, replicas: Math.min(...partitions.map((p) => p.replicas.length)) }
  )
}

const addressOf = ({ host, port }: Broker): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)
