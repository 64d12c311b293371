import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import type { FakeSession } from '../services/fake-session.ts'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { flowBuilder, linesOf, type Values, waitForDeadLetters, waitForLines } from './acceptance-flow.ts'

const clientId = 'outbox'
let broker: FakeBroker
let kafka: Awaited<ReturnType<typeof sharedKafka>>
let nodeRed: NodeRed
let nobody: string
let session: FakeSession
let builder: ReturnType<typeof flowBuilder>

before(async () => {
  kafka = await sharedKafka()
  broker = await startFakeBroker({ window: 100 })
  nodeRed = await startNodeRed()
  nobody = `127.0.0.1:${await freePort()}`
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
  await kafka.stop()
})
beforeEach(() => {
  broker.forgetSessions()
  session = broker.session(clientId, { '#': 1 })
  builder = flowBuilder()
})

const retry = { retryBackoffMs: '50 ms', maxRetryBackoffMs: '100 ms' }

/** in -> these nodes; a Kafka of which nobody answers is the cluster `down`. */
const flow = (sinks: readonly string[], ...nodes: readonly FlowNode[]): readonly FlowNode[] => [
  ...builder
    .source(broker.port, [{ filter: '#', qos: '1' }], sinks)
    .map((part) => (part.type === 'mqtt-v3-source' ? { ...part, clientId, reconnectPeriodMs: '50 ms' } : part)),
  builder.node('kafka-cluster', 'down', { brokers: nobody }),
  builder.node('kafka-cluster', 'up', { brokers: kafka.brokers }),
  ...nodes,
]
const kafkaSink = (cluster: string, values: Values = {}, wires: readonly (readonly string[])[] = [[], []]) =>
  builder.node('kafka-sink', 'kafka', { cluster: builder.id(cluster), ...retry, ...values }, wires)
const fileSink = (name: string, values: Values = {}) =>
  builder.node('file-sink', name, { path: `${builder.id(name)}.ndjson`, ...retry, ...values }, [[], []])
const func = (name: string, code: string) =>
  builder.node(
    'function',
    name,
    { func: code, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] },
    [[]],
  )

async function deploy(nodes: readonly FlowNode[]): Promise<void> {
  await nodeRed.deploy(nodes)
  await nodeRed.statusIs(builder.id('in'), ({ fill }) => fill === 'green')
}
const publish = (payload: string | Buffer, topic = 't') => broker.publish({ topic, qos: 1, payload })
const acknowledged = (count: number) =>
  until(() => session.acknowledged.length >= count, {
    what: `${count} PUBACKs`,
    timeoutMs: 20_000,
    output: () => `${session.acknowledged.length}\n${nodeRed.log()}`,
  })
const outboxIs = (entries: number) =>
  nodeRed.statusIs(builder.id('kafka'), ({ text }) => text?.includes(`outbox ${entries}`) ?? false)
const numbered = (count: number) => Array.from({ length: count }, (_, n) => JSON.stringify({ n }))
const linesIn = (name: string, count: number) => waitForLines(nodeRed, `${builder.id(name)}.ndjson`, count)

test('of two sinks behind one source one is down: the other is not delayed, and everything is acknowledged', async () => {
  await deploy(flow(['kafka', 'file'], kafkaSink('down'), fileSink('file')))
  const payloads = numbered(300)
  for (const payload of payloads) publish(payload)
  await acknowledged(300)
  assert.deepEqual(await linesIn('file', 300), payloads)
  const shown = await outboxIs(300)
  assert.equal(shown.fill, 'yellow')
  await nodeRed.deploy([])
})

test('one record of 500 that Kafka refuses is a dead letter with its bytes, once; the others arrive in order', async () => {
  const topic = `t${randomUUID().slice(0, 8)}`
  await createTopic(kafka.brokers, topic, 1, { 'max.message.bytes': '20000' })
  await deploy(flow(['kafka'], kafkaSink('up', { topic, batchBytes: '8 KiB', keyTemplate: '' })))
  const poison = Buffer.alloc(40_000, Buffer.from([0, 255, 1, 10]))
  const payloads = numbered(500)
  for (const [n, payload] of payloads.entries()) publish(n === 250 ? poison : payload)
  await acknowledged(500)
  const expected = payloads.filter((_, n) => n !== 250)
  const records = await readTopic(kafka.brokers, topic, { count: 499 })
  assert.deepEqual(
    records.map(({ value }) => value!.toString()),
    expected,
  )
  await outboxIs(0)
  const [deadLetter, ...others] = await waitForDeadLetters(nodeRed, builder.id('kafka'), 1)
  assert.deepEqual(others, [])
  assert.equal(deadLetter!.reason, 'too-large')
  assert.ok(JSON.stringify(deadLetter).includes(poison.toString('base64')))
})

test('with output 2 wired a refused record leaves the outbox only after the branch has finished with it', async () => {
  const branch = func('branch', 'node.warn("refused " + msg.reason); setTimeout(() => node.done(), 8000)')
  await deploy(flow(['kafka'], kafkaSink('down', {}, [[], ['branch']]), branch))
  publish('x', '.')
  await acknowledged(1)
  await until(() => nodeRed.log().includes('refused invalid-kafka-topic'), { what: 'the branch' })
  await outboxIs(1)
  await nodeRed.kill9()
  await nodeRed.restart()
  await until(() => nodeRed.log().includes('refused invalid-kafka-topic'), { what: 'the branch, again' })
  await wait(1000)
  await outboxIs(1)
  await outboxIs(0)
  assert.deepEqual(linesOf(nodeRed, `rowline/dead-letter/${builder.id('kafka')}/rejected.ndjson`), [])
})

test('a branch of output 2 that is redeployed leaves the record in the outbox or in a dead letter, not nowhere', async () => {
  const branch = func('branch', 'node.warn("refused again"); setTimeout(() => node.done(), 60000)')
  const nodes = flow(['kafka'], kafkaSink('down', {}, [[], ['branch']]), branch)
  await deploy(nodes)
  publish('x', '.')
  await acknowledged(1)
  await until(() => nodeRed.log().includes('refused again'), { what: 'the branch' })
  const changed = nodes.map((node) => (node.type === 'function' ? { ...node, func: 'return msg' } : node))
  await nodeRed.deploy(changed, 'nodes')
  await outboxIs(0)
  assert.equal((await waitForDeadLetters(nodeRed, builder.id('kafka'), 1))[0]!.payload, 'x')
})

test('sink and branch are redeployed together: the record goes to the new branch, and not to a dead letter as well', async () => {
  const branch = func('branch', 'node.warn("refused first"); setTimeout(() => node.done(), 60000)')
  const nodes = flow(['kafka'], kafkaSink('down', {}, [[], ['branch']]), branch)
  await deploy(nodes)
  publish('x', '.')
  await acknowledged(1)
  await until(() => nodeRed.log().includes('refused first'), { what: 'the branch' })
  const changes: { readonly [type: string]: Values } = {
    function: { func: 'node.warn("refused second"); return msg' },
    'kafka-sink': { lingerMs: '1 ms' },
  }
  await nodeRed.deploy(
    nodes.map((node) => ({ ...node, ...changes[node.type] })),
    'nodes',
  )
  await until(() => nodeRed.log().includes('refused second'), { what: 'the new branch' })
  await outboxIs(0)
  assert.deepEqual(linesOf(nodeRed, `rowline/dead-letter/${builder.id('kafka')}/rejected.ndjson`), [])
})

test('a source that is removed says that its session stays at the broker, and how to end it', async () => {
  await deploy(flow(['file'], fileSink('file', {})))
  const before = nodeRed.log().length
  await nodeRed.deploy([])
  const end = new RegExp(
    `client id "\\S+" of the removed node. To end that: mosquitto_sub -h 127\\.0\\.0\\.1 -p ${broker.port} -i \\S+ -t rowline/end -E`,
  )
  await until(() => end.test(nodeRed.log().slice(before)), { what: 'the note' })
})

test('a sink whose outbox was last used on another host is yellow and says for whom it waits', async () => {
  const folder = join(nodeRed.userDir, 'rowline', 'outbox', builder.id('file'))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 1, host: 'old-gateway', space: 'elsewhere', started: '1' }))
  await nodeRed.deploy(flow(['file'], fileSink('file', { delivery: 'outbox' })))
  const { fill } = await nodeRed.statusIs(
    builder.id('file'),
    ({ text }) => text === 'waits for the outbox: process 1 on…',
  )
  assert.equal(fill, 'yellow')
  publish('1')
  assert.deepEqual(await linesIn('file', 1), ['1'])
  await nodeRed.statusIs(builder.id('file'), (shown) => shown.fill === 'green')
})

test('a removed node warns, keeps its files, and a sink with that outbox folder forwards them in order', async () => {
  await deploy(flow(['kafka'], kafkaSink('down')))
  for (const payload of numbered(5)) publish(payload)
  await acknowledged(5)
  await nodeRed.deploy(flow([]))
  const folder = join('rowline', 'outbox', builder.id('kafka'))
  await until(() => /5 readings of the removed node still wait in its outbox/.test(nodeRed.log()), {
    what: 'the warning',
  })
  assert.ok(nodeRed.log().includes(join(nodeRed.userDir, folder)))
  assert.ok(readdirSync(join(nodeRed.userDir, folder)).length > 0)
  await nodeRed.kill9()
  await nodeRed.restart()
  const again = `5 readings wait in ${join(nodeRed.userDir, folder)}, an outbox that no running sink uses`
  await until(() => nodeRed.log().includes(again), { what: 'the warning after the restart' })
  await deploy(flow(['file'], fileSink('file', { delivery: 'outbox', outboxPath: folder })))
  assert.deepEqual(await linesIn('file', 5), numbered(5))
})

test('a node that becomes {"outboxPath":"elsewhere"} says what it leaves in the outbox it had', async () => {
  await deploy(flow(['kafka'], kafkaSink('down')))
  for (const payload of numbered(5)) publish(payload)
  await acknowledged(5)
  const folder = join(nodeRed.userDir, 'rowline', 'outbox', builder.id('kafka'))
  const warning = `before it was changed, still wait in its outbox. The files stay in ${folder}`
  await deploy(flow(['kafka'], kafkaSink('down', { lingerMs: '1 ms' })))
  assert.ok(!nodeRed.log().includes(warning))
  await deploy(flow(['kafka'], kafkaSink('down', { outboxPath: 'elsewhere' })))
  const said = () => nodeRed.log().includes(`5 readings of this node, ${warning}`)
  await until(said, { what: 'the warning', output: () => nodeRed.log() })
})

for (const isRestarted of [false, true])
  test(`a node that becomes {"delivery":"confirm"} ${isRestarted ? 'with a restart' : 'by a deploy'} first forwards what its outbox holds`, async () => {
    const topic = `t${randomUUID().slice(0, 8)}`
    await createTopic(kafka.brokers, topic, 1)
    const values = { topic, keyTemplate: '' }
    await deploy(flow(['kafka'], kafkaSink('down', values)))
    const payloads = numbered(40)
    for (const payload of payloads.slice(0, 20)) publish(payload)
    await acknowledged(20)
    const changed = flow(['kafka'], kafkaSink('down', { ...values, delivery: 'confirm' }))
    if (isRestarted) {
      await nodeRed.kill9()
      writeFileSync(join(nodeRed.userDir, 'flows.json'), JSON.stringify(changed))
      await nodeRed.restart()
    } else await deploy(changed)
    await outboxIs(20)
    for (const payload of payloads.slice(20)) publish(payload)
    await wait(500)
    assert.equal(session.acknowledged.length, 20)
    await deploy(flow(['kafka'], kafkaSink('up', { ...values, delivery: 'confirm' })))
    await acknowledged(40)
    const values40 = (await readTopic(kafka.brokers, topic, { count: 40 })).map(({ value }) => value!.toString())
    assert.deepEqual([...new Set(values40)], payloads)
    await nodeRed.statusIs(builder.id('kafka'), ({ text }) => text?.includes('outbox') === false)
  })

test('a batch is written when it has its batchRecords or batchBytes, or when lingerMs is over', async () => {
  const long = { lingerMs: '1 min', batchRecords: '5', batchBytes: '2 KiB' }
  await deploy(flow(['file'], fileSink('file', long)))
  for (const payload of numbered(4)) publish(payload)
  await nodeRed.statusIs(builder.id('file'), ({ text }) => text?.includes('4 waiting') ?? false)
  await wait(500)
  assert.equal(session.acknowledged.length, 0)
  publish('5')
  await acknowledged(5)
  publish('x'.repeat(3000))
  await acknowledged(6)
  publish('7')
  await nodeRed.statusIs(builder.id('file'), ({ text }) => text?.includes('1 waiting') ?? false)
  assert.equal(session.acknowledged.length, 6)
  await deploy(flow(['file'], fileSink('file', { ...long, lingerMs: '300 ms' })))
  await acknowledged(7)
})

test('output 1 sends a receipt of what is stored', async () => {
  await deploy(flow(['kafka'], kafkaSink('down', {}, [['receipts'], []]), fileSink('receipts')))
  publish('{"n":1}')
  publish('{"n":2}')
  const receipts = (await linesIn('receipts', 2)).map((line) => JSON.parse(line) as { count: number; ids: string[] })
  assert.deepEqual(
    receipts.map(({ count }) => count),
    [1, 1],
  )
  const [first, second] = receipts.map(({ ids }) => ids[0]!.split('-').at(-1))
  assert.equal(Number(second), Number(first) + 1)
})

test('a full outbox blocks: the broker keeps the rest; "drop-oldest" takes it and says how many it deletes, to the last', async () => {
  const small = { outboxMaxBytes: '1 MiB' }
  await deploy(flow(['kafka'], kafkaSink('down', small)))
  for (let n = 0; n < 60; n++) publish(Buffer.alloc(50_000, n))
  await until(() => /\[OUTBOX_FULL\]/.test(nodeRed.log()), { what: 'the full outbox', output: () => nodeRed.log() })
  await wait(1000)
  const taken = session.acknowledged.length
  assert.ok(taken > 5 && taken < 25, `${taken} acknowledged`)
  await deploy(flow(['kafka'], kafkaSink('down', { ...small, outboxWhenFull: 'drop-oldest' })))
  await acknowledged(60)
  const deleted = () => sum(nodeRed.log(), /(\d+) readings were deleted unsent: the outbox .* is full/g)
  const waiting = () => sum(nodeRed.status(builder.id('kafka'))?.text ?? '', /outbox (\d+)/g)
  await until(() => deleted() > 0 && deleted() + waiting() === 60, {
    what: 'the sum of what is deleted and what waits',
    timeoutMs: 60_000,
    output: () => `${deleted()} deleted, ${waiting()} waiting`,
  })
  await nodeRed.statusIs(builder.id('kafka'), ({ text }) => text?.includes(` · ${deleted()} deleted`) ?? false)
})

const sum = (text: string, number: RegExp) =>
  [...text.matchAll(number)].reduce((total, [, amount]) => total + Number(amount), 0)

test('forwardPerSecond slows the forwarding and not the acknowledging', async () => {
  await deploy(flow(['file'], fileSink('file', { delivery: 'outbox', forwardPerSecond: '20' })))
  const payloads = numbered(60)
  for (const payload of payloads) publish(payload)
  const startMs = performance.now()
  await acknowledged(60)
  assert.ok(linesOf(nodeRed, `${builder.id('file')}.ndjson`).length < 60)
  assert.deepEqual(await linesIn('file', 60), payloads)
  assert.ok(performance.now() - startMs > 1800)
})

for (const values of [{ onError: 'dead-letter' }, { onError: 'retry', maxRetries: '2' }])
  test(`${JSON.stringify(values)}: what a dead target does not take becomes a dead letter`, async () => {
    await deploy(flow(['kafka'], kafkaSink('down', values)))
    publish('{"n":1}')
    const [deadLetter] = await waitForDeadLetters(nodeRed, builder.id('kafka'), 1)
    assert.deepEqual([deadLetter!.payload, deadLetter!.error.code], ['{"n":1}', 'RETRIES_EXHAUSTED'])
    await outboxIs(0)
  })

test('onError stop holds the readings on disk and is red; the redeploy takes less than ten seconds', async () => {
  await deploy(flow(['kafka'], kafkaSink('down', { onError: 'stop' })))
  publish('{"n":1}')
  await acknowledged(1)
  await nodeRed.statusIs(
    builder.id('kafka'),
    ({ fill, text = '' }) => fill === 'red' && /^stopped by a failed write.* outbox 1$/.test(text),
  )
  const startMs = performance.now()
  await deploy(flow(['kafka'], kafkaSink('up', { topic: `t${randomUUID().slice(0, 8)}` })))
  assert.ok(performance.now() - startMs < 10_000)
  await outboxIs(0)
})
