import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { DecoderSnapshot, RowlineSnapshot, SinkSnapshot, SourceSnapshot } from '../../nodes/shared/snapshot.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { flowBuilder, type Values } from './acceptance-flow.ts'

let broker: FakeBroker
let nodeRed: NodeRed

before(async () => {
  broker = await startFakeBroker({ window: 100 })
  const settings = { rowline: { memoryBytes: '2 MiB' } }
  nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, 'fixtures'), settings })
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
})

let builder: ReturnType<typeof flowBuilder>
beforeEach(() => {
  builder = flowBuilder()
})

const snapshots = () => [...nodeRed.log().matchAll(/snapshot (\{.*\})/g)].map(([, json]) => json!)

async function snapshot(): Promise<RowlineSnapshot> {
  const { length } = snapshots()
  await nodeRed.inject(builder.id('ask'))
  await until(() => snapshots().length > length, { what: 'a snapshot' })
  return JSON.parse(snapshots().at(-1)!) as RowlineSnapshot
}

async function deploy(first: string, values: Values, ...nodes: readonly FlowNode[]): Promise<void> {
  const { id, node, source } = builder
  await nodeRed.deploy([
    ...source(broker.port, [{ filter: 't', qos: '1' }], [first], values),
    node('inject', 'ask', { props: [] }, [['tell']]),
    node('probe-snapshot', 'tell', {}, [[]]),
    ...nodes,
  ])
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
}

const publish = (count: number) => {
  for (let n = 0; n < count; n++) broker.publish({ topic: 't', qos: 1, payload: JSON.stringify({ n }) })
}

for (const delivery of ['outbox', 'confirm'] as const) {
  test(`${delivery}: depth, age, retries and last error of a sink whose target is away`, async () => {
    const { id, node } = builder
    const cluster = node('kafka-cluster', 'cluster', { brokers: `127.0.0.1:${await freePort()}` })
    const sink = node('kafka-sink', 'kafka', { cluster: id('cluster'), delivery, retryBackoffMs: '50 ms' }, [[], []])
    const startedAt = Date.now()
    await deploy('kafka', {}, cluster, sink)
    publish(3)
    await nodeRed.statusIs(id('kafka'), ({ text }) => /, oldest \d+ s/.test(text ?? ''), 30_000)
    const { memory, nodes } = await snapshot()
    const source = nodes.find(({ kind }) => kind === 'source') as SourceSnapshot
    const kafka = nodes.find(({ kind }) => kind === 'sink') as SinkSnapshot
    assert.equal(nodes.length, 2)
    assert.equal(memory.maxBytes, 2 << 20)
    assert.ok(memory.heldBytes > 0, `${memory.heldBytes} bytes are held`)
    assert.deepEqual([source.id, source.received, source.connection?.phase], [id('in'), 3, 'connected'])
    assert.equal(source.connection?.unacknowledged, delivery === 'outbox' ? 0 : 3)
    assert.deepEqual([kafka.id, kafka.type, kafka.delivery.confirmed], [id('kafka'), 'kafka-sink', 0])
    assert.equal(kafka.delivery.pendingRecords, 3)
    assert.equal(kafka.delivery.outbox?.entries, delivery === 'outbox' ? 3 : undefined)
    assert.ok(kafka.oldestUnconfirmedAt! >= startedAt && kafka.oldestUnconfirmedAt! < Date.now() - 5000)
    assert.ok(kafka.delivery.retries >= 1)
    assert.ok(kafka.delivery.lastFailure!.at >= startedAt)
    const shown = nodeRed.status(id('kafka'))!.text!
    assert.match(shown, /^not reachable [1-9]\d*× · (outbox 3|3 waiting), oldest \d+ s$/)
    await nodeRed.deploy([])
  })
}

test('a decoder tells what it has decoded, skipped, warned of and rejected, and a removed one nothing', async () => {
  const { id, node } = builder
  const decoder = { format: 'json', topicPattern: '{site}', onMismatch: 'warn', onEmpty: 'skip' }
  await deploy('decoder', {}, node('row-decoder', 'decoder', decoder, [[], []]))
  for (const payload of ['{"site":"t"}', '{"site":"other"}', '{"site":"other"}', '', 'no json'])
    broker.publish({ topic: 't', qos: 1, payload })
  await nodeRed.statusIs(id('decoder'), ({ text }) => /1 rejected · 1 skipped · 2 warned$/.test(text ?? ''))
  const found = (await snapshot()).nodes.find(({ kind }) => kind === 'decoder') as DecoderSnapshot
  const { decoded, skipped, warned, rejections } = found
  assert.deepEqual([found.id, decoded, skipped, warned, rejections.count], [id('decoder'), 3, 1, 2, 1])
  assert.equal(nodeRed.log().split('The topic says site is').length - 1, 1, 'the log has the first of the two')
  await deploy('other', {}, node('debug', 'other', { active: false }, []))
  assert.equal((await snapshot()).nodes.length, 1)
})

test('a node that finishes after its time and one that sends after it was done are counted', async () => {
  const { node } = builder
  const slow = 'setTimeout(() => node.done(), 2500)'
  const func = { outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] }
  await deploy('f', { settleTimeoutMs: '1 s' }, node('function', 'f', { ...func, func: slow }, [[]]))
  publish(2)
  await until(async () => (await snapshot()).lateCompletions === 2, { what: 'late completions', intervalMs: 300 })
  await deploy('late', {}, node('probe-late', 'late', {}, [['k']]), node('debug', 'k', { active: false }, []))
  publish(1)
  await until(async () => (await snapshot()).lateSenders.includes(builder.id('late')), { what: 'the late sender' })
  await deploy('k', {}, node('debug', 'k', { active: false }, []))
  assert.deepEqual((await snapshot()).lateSenders, [], 'it is mended')
})

test('a wrong entry in settings.js is said, and the default is used', async () => {
  await using wrong = await startNodeRed({ settings: { rowline: { memoryBytes: 'much' } } })
  assert.match(wrong.log(), /rowline\.memoryBytes must be a size from 1 MiB to 16 GiB; the default is used/)
})
