import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { connectAsync, type IClientOptions } from 'mqtt'
import { sharedKafka } from '../services/kafka.ts'
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { readPackage } from '../services/package.ts'
import { until } from '../services/processes.ts'

export type Values = { readonly [property: string]: unknown }

/** The flow of an example, as Import → Examples gives it to the editor. */
export async function importExample(nodeRed: NodeRed, name: string): Promise<readonly FlowNode[]> {
  const path = `/library/examples/flows/${readPackage().name}/${encodeURIComponent(name)}`
  const response = await nodeRed.request(path)
  if (!response.ok) throw new Error(`Node-RED answers ${response.status} to ${path}`)
  return (await response.json()) as readonly FlowNode[]
}

/** The flow with other values in all nodes of these types: what a user would type there. */
export function adjust(flow: readonly FlowNode[], values: { readonly [type: string]: Values }): readonly FlowNode[] {
  return flow.map((node) => ({ ...node, ...values[node.type] }))
}

export function nodeOf(flow: readonly FlowNode[], type: string): FlowNode {
  const node = flow.find((candidate) => candidate.type === type)
  if (!node) throw new Error(`the flow has no ${type}`)
  return node
}

/** mosquitto that writes every packet to its log. */
export function startLoggingMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  return startMosquitto({ ...options, conf: ['log_type all', ...(options.conf ?? [])] })
}

/** What the tests of one file share; ended after them. */
export async function startServices() {
  const kafka = await sharedKafka()
  const broker = await startLoggingMosquitto()
  const nodeRed = await startNodeRed()
  after(async () => {
    await nodeRed.stop()
    await broker.stop()
    await kafka.stop()
  })
  return { kafka, broker, nodeRed }
}

const occurrences = (log: string, what: string) => log.split(what).length - 1

export const subscriptionsIn = (broker: Mosquitto) => occurrences(broker.log(), 'Sending SUBACK to nr-')
export const acknowledgementsIn = (broker: Mosquitto) => occurrences(broker.log(), 'Received PUBACK from nr-')
export const connectionsIn = (broker: Mosquitto) => occurrences(broker.log(), ' as nr-')

/** Deploys, and waits until the broker has taken the subscriptions of so many new sessions. */
export async function deploySubscribed(
  nodeRed: NodeRed,
  broker: Mosquitto,
  flow: readonly FlowNode[],
  sessions = 1,
): Promise<void> {
  const before = subscriptionsIn(broker)
  await nodeRed.deploy(flow)
  await until(() => subscriptionsIn(broker) >= before + sessions, { what: 'the subscriptions', output: nodeRed.log })
}

/** Resolves when the broker has so many acknowledgements from us. */
export async function acknowledged(broker: Mosquitto, count: number): Promise<void> {
  await until(() => acknowledgementsIn(broker) >= count, {
    what: `${count} acknowledgements`,
    timeoutMs: 30_000,
    output: () => `${acknowledgementsIn(broker)} have come`,
  })
}

export interface Publishing {
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  /** Of the publisher: user name, password. */
  readonly connection?: IClientOptions
}

/** Publishes in this order; resolves when the broker has everything. */
export async function publishAll(
  port: number,
  messages: readonly (readonly [topic: string, payload: string | Buffer])[],
  { qos = 1, retain = false, connection = {} }: Publishing = {},
): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, connection)
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos, retain })
  await client.endAsync()
}

/** The lines of a file in the user directory so far. */
export function linesOf(nodeRed: NodeRed, path: string): readonly string[] {
  const file = join(nodeRed.userDir, path)
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').slice(0, -1)
}

export async function waitForLines(nodeRed: NodeRed, path: string, count: number): Promise<readonly string[]> {
  await until(() => linesOf(nodeRed, path).length >= count, {
    what: `${count} lines in ${path}`,
    timeoutMs: 30_000,
    output: () => `${linesOf(nodeRed, path).join('\n')}\n${nodeRed.log()}`,
  })
  return linesOf(nodeRed, path)
}

export interface DeadLetter {
  readonly payload: string
  readonly topic: string
  readonly reason: string
  readonly error: { readonly code: string; readonly message: string; readonly source: string }
}

export async function waitForDeadLetters(nodeRed: NodeRed, nodeId: string, count: number): Promise<DeadLetter[]> {
  const lines = await waitForLines(nodeRed, `rowline/dead-letter/${nodeId}/rejected.ndjson`, count)
  return lines.map((line) => JSON.parse(line) as DeadLetter)
}

let flows = 0

/** A tab with nodes of its own: `id('in')` and so on are different in every flow of a test process. */
export interface FlowBuilder {
  id(name: string): string
  node(type: string, name: string, values: Values, wires?: readonly (readonly string[])[]): FlowNode
  /** A broker on this port and an `in` that reads these topics and sends to `first` at output 1 and `second` at output 2. */
  source(
    port: number,
    subscriptions: readonly Values[],
    first: readonly string[],
    values?: Values,
    second?: readonly string[],
  ): FlowNode[]
}

export function flowBuilder(): FlowBuilder {
  const prefix = `flow${++flows}`
  const id = (name: string) => `${prefix}-${name}`
  const tab: FlowNode = { id: id('tab'), type: 'tab', label: prefix }
  const node: FlowBuilder['node'] = (type, name, values, wires) => ({
    id: id(name),
    type,
    ...values,
    ...(wires ? { z: tab.id, wires: wires.map((port) => port.map(id)) } : {}),
  })
  return {
    id,
    node,
    source: (port, subscriptions, first, values = {}, second = []) => [
      tab,
      node('mqtt-v3-source', 'broker', { host: '127.0.0.1', port: String(port) }),
      node('mqtt-v3-in', 'in', { source: id('broker'), subscriptions, ...values }, [first, second]),
    ],
  }
}
