import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { readTopic } from '../services/kafka-topics.ts'
import type { FlowNode } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  importExample,
  linesOf,
  publishAll,
  startServices,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()
const example = adjust(await importExample(nodeRed, '03 Dead letters and replay'), {
  'mqtt-v3-source': { host: '127.0.0.1', port: String(broker.port) },
  'kafka-cluster': { brokers: kafka.brokers },
})

const reading = (measurement: string) => `{"ts":9007199254740993,"metadata":null,"measurement":${measurement}}`
const row = reading('120.5')
/** Not UTF-8. */
const bytes = Buffer.from([0xff, 0x00, 0x7b, 0x80])

interface Line {
  readonly topic: string
  readonly replayedAt?: string
  readonly refusedAt?: string
  readonly reason?: string
}
const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line) as Line)
const rejectedFile = 'rowline/rejected.ndjson'
const logFile = 'rowline/replays.ndjson'
const logged = async (count: number) => parsed(await waitForLines(nodeRed, logFile, count))
const inKafka = async (topic: string) =>
  (await readTopic(kafka.brokers, topic.replaceAll('/', '_'))).map(({ value }) => String(value))

const run = `factory_iot/t${randomUUID().slice(0, 8)}`
const topics = { good: `${run}/good`, comma: `${run}/comma`, bad: `${run}/bad`, bytes: `${run}/bytes` }
/** A row for the decoder, and no name for a topic of Kafka's. */
const longTopic = `${run}/${'x'.repeat(250)}`

test('example 03: what decoder and sink refuse is in the file and in the topic, as it arrived and with the reason', async () => {
  await publishAll(broker.port, [[topics.comma, reading('"120,5"')]], { retain: true })
  const before = acknowledgementsIn(broker)
  await deploySubscribed(nodeRed, broker, example)
  await publishAll(broker.port, [
    [topics.good, row],
    [topics.bad, 'out of order'],
    [topics.bytes, bytes],
    [longTopic, row],
  ])
  await acknowledged(broker, before + 5)
  await publishAll(broker.port, [[topics.comma, '']], { retain: true })
  const expected = [
    { topic: topics.comma, payload: reading('"120,5"'), reason: 'type', code: 'ROW_TYPE', node: 'Rows', retain: true },
    { topic: topics.bad, payload: 'out of order', reason: 'json', code: 'JSON_INVALID', node: 'Rows' },
    { topic: topics.bytes, payload: bytes.toString('base64'), reason: 'json', code: 'JSON_INVALID', node: 'Rows' },
    { topic: longTopic, payload: row, reason: 'invalid-kafka-topic', code: 'INVALID_KAFKA_TOPIC', node: 'Kafka' },
  ]
  const stored = parsed(await waitForLines(nodeRed, rejectedFile, expected.length))
  const ofRun = ({ key }: { readonly key: string | null }) => key!.startsWith(run)
  await until(async () => (await readTopic(kafka.brokers, 'dead_letters')).filter(ofRun).length >= expected.length, {
    what: 'the dead letters in Kafka',
    timeoutMs: 60_000,
  })
  const sent = (await readTopic(kafka.brokers, 'dead_letters')).filter(ofRun)
  for (const lines of [stored, sent.map(({ value }) => JSON.parse(String(value)) as Line)])
    assert.deepEqual(withoutText(lines), expected.map(line))
  assert.deepEqual(sent.map(({ key }) => key).sort(), expected.map(({ topic }) => topic).sort())
  assert.deepEqual(await inKafka(topics.good), [row])
})

test('example 03: the button sends what was repaired to Kafka, once; what is still no good stays in the file, once', async () => {
  const before = linesOf(nodeRed, rejectedFile)
  await nodeRed.inject(named('Replay').id)
  const first = await logged(4)
  assert.deepEqual(outcomes(first), ['bad json', 'bytes json', 'comma replayed', `${longTopic} invalid-kafka-topic`])
  assert.deepEqual(await inKafka(topics.comma), [row])
  await nodeRed.inject(named('Replay').id)
  const second = (await logged(7)).slice(4)
  assert.deepEqual(outcomes(second), ['bad json', 'bytes json', `${longTopic} invalid-kafka-topic`])
  assert.deepEqual(await inKafka(topics.comma), [row])
  assert.deepEqual(linesOf(nodeRed, rejectedFile), before)
  await nodeRed.statusIs(named('Not replayed yet').id, ({ text }) => text === '3 of 4 tried')
  await nodeRed.statusIs(named('What came of it').id, ({ text }) => text === '1 in Kafka, 6 refused again')
})

test('example 03: a dead letter is replayed again while Kafka has not confirmed its row', async () => {
  const topic = `${run}/held`
  await publishAll(broker.port, [[topic, reading('"1,5"')]])
  await waitForLines(nodeRed, rejectedFile, 5)
  const held = example.map((node) => (node.name === 'Kafka, replayed' ? { ...node, autoCreateTopics: false } : node))
  await nodeRed.deploy(held, 'nodes')
  const log = linesOf(nodeRed, logFile).length
  await nodeRed.inject(named('Replay').id)
  await nodeRed.statusIs(named('Kafka, replayed').id, ({ fill }) => fill === 'red')
  await nodeRed.restart()
  await nodeRed.deploy(example)
  await nodeRed.inject(named('Replay').id)
  await until(() => outcomes(parsed(linesOf(nodeRed, logFile)).slice(log)).includes('held replayed'), {
    what: 'the note that it is replayed',
    timeoutMs: 60_000,
  })
  assert.deepEqual(await inKafka(topic), [reading('1.5')])
})

test('example 03 replays the dead-letter file of a node whose output 2 is not wired', async () => {
  const rows = named('Rows')
  const file = `\${ROWLINE_FILES}/dead-letter/${rows.id}/rejected.ndjson`
  const flow = example.map((node) => {
    if (node.id === rows.id) return { ...node, wires: [(rows.wires as string[][])[0], []] }
    return node.name === 'Replay' ? { ...node, props: [{ p: 'filename', v: file, vt: 'env' }] } : node
  })
  const topic = `${run}/local`
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [[topic, reading('"2,5"')]])
  await waitForDeadLetters(nodeRed, rows.id, 1)
  const log = linesOf(nodeRed, logFile).length
  await nodeRed.inject(named('Replay').id)
  assert.deepEqual(outcomes((await logged(log + 1)).slice(log)), ['local replayed'])
  assert.deepEqual(await inKafka(topic), [reading('2.5')])
  await nodeRed.inject(named('Replay').id)
  await nodeRed.statusIs(named('Not replayed yet').id, ({ text }) => text === '0 of 1 tried')
})

function named(name: string): FlowNode {
  return example.find((node) => node.name === name)!
}

/** What the log says of each, without regard to the order. */
function outcomes(lines: readonly Line[]): string[] {
  return lines
    .map(({ topic, reason, replayedAt }) => `${shortened(topic)} ${replayedAt === undefined ? reason : 'replayed'}`)
    .sort()
}

const shortened = (topic: string) => (topic === longTopic ? topic : topic.slice(run.length + 1))

interface Expected {
  readonly topic: string
  readonly payload: string
  readonly reason: string
  readonly code: string
  readonly node: string
  readonly retain?: boolean
}

function line({ topic, payload, reason, code, node, retain = false }: Expected): object {
  const encoding = topic === topics.bytes ? { encoding: 'base64' } : {}
  const error = { code, source: named(node).id }
  return { payload, ...encoding, topic, qos: 1, retain, dup: false, reason, error }
}

/** The lines in the order of the tests, without time and wording, which only have to be there. */
function withoutText(lines: readonly Line[]): readonly object[] {
  const order = [topics.comma, topics.bad, topics.bytes, longTopic]
  const sorted = [...lines].sort((a, b) => order.indexOf(a.topic) - order.indexOf(b.topic))
  return sorted.map((each) => {
    const { receivedAt, error, ...rest } = each as Line & { receivedAt: number; error: { [name: string]: string } }
    const { message, ...named } = error
    assert.ok(Math.abs(Date.now() - receivedAt) < 120_000)
    assert.notEqual(message ?? '', '')
    return { ...rest, error: named }
  })
}
