import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { flowBuilder } from './acceptance-flow.ts'

const clientId = 'subflow-outbox'
const instances = ['north', 'south'] as const
const counts = { north: 20, south: 30 }
const { id, node, source } = flowBuilder()
let broker: FakeBroker
let kafka: Kafka
let nodeRed: NodeRed

before(async () => {
  kafka = await startKafka({ proxied: true })
  for (const name of instances) await createTopic(kafka.brokers, name, 1)
  broker = await startFakeBroker({ window: 100 })
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
  await kafka.stop()
})

/** Where nobody listens before the test puts a proxy there. */
const target = () => `127.0.0.1:${kafka.proxied.advertisedPort}`

const subflow = (): readonly FlowNode[] => [
  {
    ...node('subflow', 'sf', { name: 'to Kafka', info: '', category: '', out: [] }),
    env: [{ name: 'TARGET', type: 'str', value: '' }],
    in: [{ x: 0, y: 0, wires: [{ id: id('kafka') }] }],
  },
  {
    ...node('kafka-sink', 'kafka', { cluster: id('cluster'), topic: '${TARGET}', keyTemplate: '' }, [[], []]),
    retryBackoffMs: '50 ms',
    maxRetryBackoffMs: '100 ms',
    z: id('sf'),
  },
]

/** Node-RED makes an instance only where it has a place on the tab. */
const instance = (name: string): FlowNode => {
  const env = [{ name: 'TARGET', type: 'str', value: name }]
  return node(`subflow:${id('sf')}`, `sub-${name}`, { env, x: 1, y: 1 }, [])
}

const input = (name: string): FlowNode => {
  const subscriptions = [{ filter: name, qos: '1' }]
  return node('mqtt-v3-in', `in-${name}`, { source: id('broker'), subscriptions }, [[`sub-${name}`], []])
}

/** Two instances of one subflow; each has an input and a Kafka topic of its own. */
const flow = (): readonly FlowNode[] => [
  ...source(broker.port, [], [])
    .filter(({ type }) => type !== 'mqtt-v3-in')
    .map((part) => (part.type === 'mqtt-v3-source' ? { ...part, clientId, reconnectPeriodMs: '50 ms' } : part)),
  node('kafka-cluster', 'cluster', { brokers: target() }),
  ...subflow(),
  ...instances.flatMap((name) => [input(name), instance(name)]),
]

const payloadsOf = (name: (typeof instances)[number]) =>
  Array.from({ length: counts[name] }, (_, n) => JSON.stringify({ name, n }))

const sinkOf = (name: string) => `${id(`sub-${name}`)}-${id('kafka')}`

/** By its number: Node-RED shows no status of a node in a subflow. */
async function outboxIs(name: string, entries: number): Promise<void> {
  const line = new RegExp(`^rowline_outbox_entries\\{.*node="${sinkOf(name)}".*\\} ${entries}$`, 'm')
  const numbers = async () => (await nodeRed.request('/rowline/metrics')).text()
  const what = `${entries} readings in the outbox of ${name}`
  await until(async () => line.test(await numbers()), { what, timeoutMs: 30_000, output: nodeRed.log })
}

const outboxes = () => join(nodeRed.userDir, 'rowline/outbox')
const folders = () => readdirSync(outboxes()).sort()

/** The segments of all outboxes by path. */
const stored = () =>
  new Map(
    folders().flatMap((folder) => {
      const names = readdirSync(join(outboxes(), folder)).filter((name) => name.endsWith('.seg'))
      return names.map((name) => [`${folder}/${name}`, readFileSync(join(outboxes(), folder, name))] as const)
    }),
  )

test('each instance of a subflow has an outbox of its own, which it finds again after kill -9 and forwards when Kafka is there', async () => {
  const session = broker.session(clientId, { north: 1, south: 1 })
  await nodeRed.deploy(flow())
  for (const name of instances) for (const payload of payloadsOf(name)) broker.publish({ topic: name, qos: 1, payload })
  const all = counts.north + counts.south
  await until(() => session.acknowledged.length === all, { what: 'the PUBACKs', output: nodeRed.log })
  for (const name of instances) await outboxIs(name, counts[name])
  assert.deepEqual(folders(), instances.map(sinkOf).sort())

  await nodeRed.kill9()
  const before = stored()
  for (const name of instances)
    for (const [path, bytes] of before)
      assert.equal(bytes.includes(JSON.stringify({ name }).slice(0, -1)), path.startsWith(sinkOf(name)), path)
  await nodeRed.restart()
  for (const name of instances) await outboxIs(name, counts[name])
  assert.deepEqual(folders(), instances.map(sinkOf).sort())
  const now = stored()
  for (const [path, bytes] of before) assert.deepEqual(now.get(path)?.subarray(0, bytes.length), bytes, path)

  const proxy = await startTcpProxy({ port: kafka.proxied.advertisedPort, target: kafka.proxied.port })
  for (const name of instances) await outboxIs(name, 0)
  for (const name of instances) {
    const records = await readTopic(kafka.brokers, name)
    assert.deepEqual(
      records.map(({ value }) => value!.toString()),
      payloadsOf(name),
    )
  }
  assert.equal(session.acknowledged.length, all)
  await proxy.close()
})
