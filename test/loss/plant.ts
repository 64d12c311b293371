import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Balance, balance, balanceLine, settled } from '../ledger/ledger.ts'
import { readDeadLetters, readKafka, readMessage, readPubsub } from '../ledger/read.ts'
import { createTopic } from '../services/kafka-topics.ts'
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'

import { drainSession, type Numbered, type PublishOptions, publishNumbered } from '../services/publisher.ts'
import { type Pubsub, project } from '../services/pubsub.ts'
import { inFlight, packets } from '../services/wire-assertions.ts'
import { startWireProxy, type WireProxy, type WireProxyOptions } from '../services/wire-proxy.ts'

export interface PlantOptions {
  /** Where the flow finds Kafka; not used where there is a Pub/Sub. */
  readonly brokers: string
  /** The target in the place of Kafka; messages of one MQTT topic have one ordering key. */
  readonly pubsub?: Pubsub
  readonly output: 'reading' | 'batches'
  /** `confirm` if absent. */
  readonly delivery?: 'outbox' | 'confirm'
  readonly qos: 1 | 2
  readonly patch?: (packageDirectory: string) => void
  /** For the process of Node-RED. */
  readonly env?: { readonly [name: string]: string }
  /** Over ours, which are stored sessions. */
  readonly mosquitto?: MosquittoOptions
  readonly intercept?: WireProxyOptions['intercept']
  /** Properties by node id, over those of the flow's nodes. */
  readonly properties?: { readonly [nodeId: string]: { readonly [property: string]: unknown } }
  /** Nodes beside those of the flow. */
  readonly nodes?: readonly FlowNode[]
}

/** A publisher that goes on until it is stopped, over everything that happens to the broker. */
export interface Publishing {
  /** How many messages the broker has confirmed. */
  confirmed(): number
  /** Waits for what is under way, and gives everything that was published. */
  stop(): Promise<readonly Numbered[]>
}

/** Mosquitto with stored sessions, a wire proxy before it, and Node-RED with the flow MQTT -> rows -> Kafka, running. */
export interface Plant extends AsyncDisposable {
  readonly broker: Mosquitto
  readonly wire: WireProxy
  readonly nodeRed: NodeRed
  readonly kafkaTopic: string
  /** What is deployed. */
  readonly flow: readonly FlowNode[]
  /** Messages that the flow has acknowledged so far. */
  acknowledged(): number
  /** Messages sent to the flow on the newest connection and not acknowledged. */
  inFlight(): number
  /** Publishes from now on; stopped with the plant at the latest. */
  publish(options: Pick<PublishOptions, 'ratePerSecond' | 'payload'>): Publishing
  /** Kills Node-RED and gives how many messages were in flight. */
  kill9(): Promise<number>
  /** Starts Node-RED again and resolves when it is connected. */
  restart(): Promise<void>
  /**
   * Waits until everything has arrived, stops Node-RED and reads the books; `brokers` is Kafka without any proxy.
   * `arrived` are the numbers that reached the flow, where the broker forgets: nothing else is waited for then.
   */
  settle(published: readonly Numbered[], brokers: string, arrived?: ReadonlySet<number>): Promise<Balance>
  /** The books of a second sink, after `settle`. */
  balanceOf(kafkaTopic: string, published: readonly Numbered[], brokers: string): Promise<Balance>
}

const clientId = 'loss-plant'

export async function startPlant(options: PlantOptions): Promise<Plant> {
  const broker = await startMosquitto({ persistence: true, ...options.mosquitto })
  const wire = await startWireProxy({
    brokerPort: broker.port,
    ...(options.intercept ? { intercept: options.intercept } : {}),
  })
  const kafkaTopic = `loss-${randomUUID()}`
  await options.pubsub?.createTopic(kafkaTopic)
  const nodeRed = await startNodeRed({
    ...(options.patch ? { patch: options.patch } : {}),
    ...(options.env ? { env: options.env } : {}),
  })
  const answer = options.qos === 1 ? 'puback' : 'pubrec'
  const acknowledged = () => packets(wire.events, answer, 'toBroker').length
  const open = () => inFlight(wire.events, wire.connections).length
  const connected = (after: number) => {
    const subscribed = () => wire.events.some(({ connection, type }) => connection > after && type === 'suback')
    const resumed = () => wire.events.some((event) => event.connection > after && event.sessionPresent)
    return until(() => subscribed() || resumed(), {
      what: 'the flow to connect',
      timeoutMs: 30_000,
      output: nodeRed.log,
    })
  }
  const deployed = flow(options, wire.port, kafkaTopic)
  await nodeRed.deploy(deployed)
  await connected(0)
  const publishers: Publishing[] = []
  let held: readonly Numbered[] = []
  const balanceOf = async (
    topic: string,
    published: readonly Numbered[],
    brokers: string,
    arrived?: ReadonlySet<number>,
  ) => {
    const result = balance({
      published,
      acknowledged: acknowledged(),
      ...(arrived ? { arrived } : {}),
      confirmed: options.pubsub ? readPubsub(options.pubsub, topic) : await readKafka(brokers, topic),
      deadLettered: readDeadLetters(join(nodeRed.userDir, 'rowline/dead-letter')),
      held,
    })
    process.stderr.write(`ledger: ${balanceLine(result)}\n`)
    return result
  }
  return {
    broker,
    wire,
    nodeRed,
    kafkaTopic,
    flow: deployed,
    acknowledged,
    inFlight: open,
    publish: (pace) => {
      const started = startPublishing({ ...pace, port: broker.port, qos: options.qos })
      publishers.push(started)
      return started
    },
    kill9: async () => {
      const { connections } = wire
      await nodeRed.kill9()
      await until(() => wire.open === 0, { what: 'the proxy to see the end of the connection' })
      return inFlight(wire.events, connections).length
    },
    restart: async () => {
      const { connections } = wire
      await nodeRed.restart()
      await connected(connections)
    },
    settle: async (published, brokers, arrived) => {
      const queueIsEmpty = () => (arrived !== undefined || acknowledged() >= published.length) && open() === 0
      await settled({ progress: acknowledged, queueIsEmpty })
      for (const sink of options.delivery === 'outbox' ? sinks(options) : [])
        await nodeRed.statusIs(sink, isForwarded, 120_000)
      await nothingIsOpen(nodeRed)
      await nodeRed.stop()
      held = (await drainSession(broker.port, clientId)).map(readMessage)
      return balanceOf(kafkaTopic, published, brokers, arrived)
    },
    balanceOf,
    [Symbol.asyncDispose]: async () => {
      await Promise.race([Promise.all(publishers.map(({ stop }) => stop())), wait(5000, undefined, { ref: false })])
      await nodeRed[Symbol.asyncDispose]()
      await wire.close()
      await broker.kill()
    },
  }
}

function startPublishing(options: Omit<PublishOptions, 'topics' | 'count'>): Publishing {
  const enough = new AbortController()
  let confirmed = 0
  const onConfirmed = () => confirmed++
  const { signal } = enough
  const publishing = publishNumbered({ ...options, topics, count: Number.MAX_SAFE_INTEGER, signal, onConfirmed })
  return {
    confirmed: () => confirmed,
    stop: () => {
      enough.abort()
      return publishing
    },
  }
}

const unsettled = /^rowline_(?:source_unacknowledged|sink_pending|memory_held_bytes)(?:\{.*\})? (?!0$).*$/gm

/** Every delivery has been settled, and what was held for it is free again. */
async function nothingIsOpen(nodeRed: NodeRed): Promise<void> {
  let found: readonly string[] = []
  const isNothing = async () => {
    found = (await (await nodeRed.request('/rowline/metrics')).text()).match(unsettled) ?? []
    return found.length === 0
  }
  await until(isNothing, { what: 'every delivery to be settled', output: () => found.join('\n') })
}

const isForwarded = ({ fill, text }: { readonly fill?: string; readonly text?: string }) =>
  fill === 'green' && / outbox 0( |$)/.test(text ?? '')

/** Topic names of the messages; together they match the flow's filter. */
export const topics = ['north', 'south', 'east', 'west'].flatMap((plant) => [`plant/${plant}/1`, `plant/${plant}/2`])

export const createKafkaTopic = (brokers: string, { kafkaTopic }: Plant) => createTopic(brokers, kafkaTopic, 3)

const sinks = ({ nodes = [] }: PlantOptions) => ['sink', ...nodes.filter(isSink).map(({ id }) => id)]
const isSink = ({ type }: FlowNode) => type === 'kafka-sink'

function flow(
  { brokers, pubsub, output, qos, delivery = 'confirm', properties = {}, nodes = [] }: PlantOptions,
  port: number,
  kafkaTopic: string,
): readonly FlowNode[] {
  const place = { z: 'tab' }
  const subscriptions = [{ filter: 'plant/#', qos: String(qos), route: '', to: kafkaTopic, partitions: 3 }]
  const own = [
    { id: 'tab', type: 'tab', label: 'Loss' },
    {
      id: 'broker',
      type: 'mqtt-v3-source',
      host: '127.0.0.1',
      port: String(port),
      clientId,
      reconnectPeriodMs: '200 ms',
    },
    { id: 'schema', type: 'row-schema', schema: 'n BIGINT, topic STRING' },
    { id: 'in', type: 'mqtt-v3-in', ...place, source: 'broker', subscriptions, output, wires: [['rows'], []] },
    { id: 'rows', type: 'row-decoder', ...place, schema: 'schema', wires: [['sink'], []] },
    ...(pubsub ? pubsubNodes(pubsub, kafkaTopic) : kafkaNodes(brokers)).map((node) =>
      node.id === 'sink' ? { ...node, ...place, delivery } : node,
    ),
  ]
  return [...own, ...nodes].map((node) => ({ ...node, ...properties[node.id] }))
}

const kafkaNodes = (brokers: string): readonly FlowNode[] => [
  { id: 'kafka', type: 'kafka-cluster', brokers },
  { id: 'sink', type: 'kafka-sink', cluster: 'kafka', wires: [[], []] },
]

const pubsubNodes = ({ address }: Pubsub, topic: string): readonly FlowNode[] => [
  { id: 'google', type: 'google-cloud', projectId: project, pubsubEmulator: address },
  { id: 'sink', type: 'pubsub-sink', cloud: 'google', topic, orderingKey: '{topic}', wires: [[], []] },
]
