import { isIPv6 } from 'node:net'
import type { Admin, KafkaConfig, Message, PartitionMetadata, Producer, RecordMetadata } from 'kafkajs'
import type { KafkaClientOptions } from './client.ts'
import type { Broker } from './config.ts'
import { isIllegalSaslState, isWithoutLeader, missingPartition } from './errors.ts'
import type { Library } from './kafkajs-library.ts'
import { saslConfig } from './kafkajs-sasl.ts'
import { Sockets } from './kafkajs-sockets.ts'
import type { PartitionBatch } from './partitions.ts'
import type { KafkaRequest } from './request.ts'

/**
 * One producer id, with its sequences and connections.
 *
 * The library takes back the sequences of a request that failed and gives them to what is sent next. So the broker
 * recognises a batch that is sent again, alone or with others, as long as nothing else goes to its partition in
 * between. That holds only while one request is under way, and while it goes to one broker: of a request to several,
 * the library may repeat a part that is stored, or leave out a part that is not, when a leader moves meanwhile.
 */
export class KafkajsSession {
  readonly #options: KafkaClientOptions
  readonly #sockets: Sockets
  readonly #producer: Producer
  readonly #admin: Admin
  readonly #control = new AbortController()
  readonly #partitions = new Map<string, Leaders>()
  readonly #read = new WeakMap<readonly PartitionMetadata[], Leaders>()
  #leader: number | undefined
  #producing: Promise<void> | undefined
  #administering: Promise<void> | undefined

  /** With `only`, whatever address the cluster gives for a broker, the connection goes to this one. */
  constructor(library: Library, options: KafkaClientOptions, only?: Broker) {
    this.#options = options
    const { seeds, hosts } = seedsOf(options.brokers)
    this.#sockets = new Sockets(hosts, only)
    const kafka = new library.Kafka({
      ...kafkaConfig(options),
      brokers: seeds,
      socketFactory: (wanted) => this.#sockets.open(wanted),
      logLevel: library.logLevel.NOTHING,
    })
    this.#producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      // The fewest that it takes: these are tries that `keepTrying` is not asked about.
      retry: { retries: 1 },
      createPartitioner:
        () =>
        ({ topic, partitionMetadata, message }) =>
          this.#confirmed(topic, partitionMetadata, message.partition!),
    })
    this.#admin = kafka.admin()
  }

  /** Aborted by `end`. */
  get signal(): AbortSignal {
    return this.#control.signal
  }

  /** Connects and signs in. */
  async connect(): Promise<void> {
    await this.administer(async () => {})
  }

  async administer<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    this.#administering ??= this.#admin.connect()
    await this.#whileOpen(this.#administering)
    return this.#whileOpen(work(this.#admin))
  }

  /** How many partitions the topic has. Asks the cluster. */
  async findPartitions(topic: string): Promise<number> {
    const { topics } = await this.administer((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
    return this.#note(topic, topics[0]!.partitions).size
  }

  /** What is known of it; undefined where the cluster has not been asked. */
  count(topic: string): number | undefined {
    return this.#partitions.get(topic)?.size
  }

  /** The id of the broker to send it to, as far as we know. */
  leader({ topic, partition }: PartitionBatch): number | undefined {
    return this.#partitions.get(topic)?.get(partition)
  }

  /** All to the leader of the first. Resolves when everything is stored. */
  async produce(batches: readonly PartitionBatch[]): Promise<void> {
    const topics = Map.groupBy(batches, ({ topic }) => topic)
    this.#producing ??= this.#startProducer([...topics.keys()]).catch((error: unknown) => {
      this.#producing = undefined
      throw error
    })
    await this.#whileOpen(this.#producing)
    this.#leader = this.leader(batches[0]!)
    const topicMessages = [...topics].map(([topic, ofTopic]) => ({
      topic,
      messages: ofTopic.flatMap(({ partition, requests }) => requests.map((request) => message(request, partition))),
    }))
    const { compression, requestTimeoutMs: timeout } = this.#options
    const sending = this.#producer.sendBatch({ acks: -1, timeout, compression: codecs[compression]!, topicMessages })
    const answers = await this.#whileOpen(
      sending.catch((error: unknown) => {
        if (!isIllegalSaslState(error)) throw error
        // What it signed in with was about to end when it did so, and a broker does not renew that at once.
        this.#sockets.drop()
        throw new Error('Signing in again was refused, and is tried over a new connection')
      }),
    )
    requireAnswers(batches, answers)
  }

  /** Ends what is under way with an error. */
  async end(): Promise<void> {
    this.#control.abort()
    this.#sockets.close()
    await Promise.allSettled([this.#producer.disconnect(), this.#admin.disconnect()])
  }

  /** Its first question is about all topics of the cluster, and one partition without a leader fails it. */
  async #startProducer(topics: readonly string[]): Promise<void> {
    try {
      await this.#producer.connect()
    } catch (error) {
      if (!isWithoutLeader(error)) throw error
      await this.#limitTo(topics)
      await this.#producer.connect()
    }
  }

  /** The next questions are about these topics. Nothing is sent, because no partition has the leader `undefined`. */
  async #limitTo(topics: readonly string[]): Promise<void> {
    this.#leader = undefined
    const topicMessages = topics.map((topic) => ({ topic, messages: [{ partition: 0, value: null }] }))
    await this.#producer.sendBatch({ acks: -1, topicMessages }).catch(ignore)
  }

  /** What the producer has found out meanwhile is newer than what we know. */
  #confirmed(topic: string, partitions: readonly PartitionMetadata[], partition: number): number {
    const leaders = this.#note(topic, partitions)
    if (leaders.get(partition) === this.#leader) return partition
    this.#partitions.set(topic, leaders)
    throw new Error(`The topic ${topic} has a new leader`)
  }

  #note(topic: string, partitions: readonly PartitionMetadata[]): Leaders {
    // Asked for each record, about the same list.
    let leaders = this.#read.get(partitions)
    if (!leaders) {
      leaders = new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader]))
      this.#read.set(partitions, leaders)
      this.#partitions.set(topic, leaders)
    }
    return leaders
  }

  #whileOpen<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#control
    return new Promise((resolve, reject) => {
      const end = () => reject(new Error('The Kafka session was closed'))
      if (signal.aborted) end()
      signal.addEventListener('abort', end)
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
    })
  }
}

/** Of each partition of a topic. */
type Leaders = ReadonlyMap<number, number>

/** What the library can do without more packages. */
export const codecs: { readonly [name: string]: number | undefined } = { none: 0, gzip: 1 }

function kafkaConfig(options: KafkaClientOptions): Omit<KafkaConfig, 'brokers'> {
  const { brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs } = options
  return {
    clientId,
    ...(tls && { ssl: tls }),
    ...(sasl && { sasl: saslConfig(sasl) }),
    connectionTimeout: connectTimeoutMs,
    authenticationTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // How long before its end a session is renewed. A broker refuses that in the first second of one.
    reauthenticationThreshold: 1000,
    retry: { retries: brokers.length - 1, initialRetryTime: 50 },
  }
}

/** The library cuts `host:port` at the first colon, so IPv6 addresses go by a name that only our sockets know. */
function seedsOf(brokers: readonly Broker[]): { seeds: string[]; hosts: ReadonlyMap<string, string> } {
  const names = brokers.map(({ host }, i) => (isIPv6(host) ? `ipv6-${i}` : host))
  return {
    seeds: brokers.map(({ port }, i) => `${names[i]}:${port}`),
    hosts: new Map(brokers.map(({ host }, i) => [names[i]!, host])),
  }
}

/** It leaves out a partition that is not there any more, without a word. */
function requireAnswers(batches: readonly PartitionBatch[], answers: readonly RecordMetadata[]): void {
  const answered = new Set(answers.map(({ topicName, partition }) => `${topicName}:${partition}`))
  const missing = batches.find(({ topic, partition }) => !answered.has(`${topic}:${partition}`))
  if (missing) throw missingPartition(missing)
}

function message(request: KafkaRequest, partition: number): Message {
  const { key, value, headers, id, timestamp } = request
  return {
    partition,
    key: key ?? null,
    value: value ?? null,
    headers: id === undefined ? headers : { ...headers, 'rowline.id': id },
    timestamp: String(timestamp),
  }
}

const ignore = () => {}
