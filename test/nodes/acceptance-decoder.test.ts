import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode as encodeMessagePack } from '@msgpack/msgpack'
import { encode as encodeCbor } from 'cborg'
import { kpiCases, kpiDecoder, kpiSchema, kpiTopic } from '../rows/plant-kpi.ts'
import { readTopic } from '../services/kafka-topics.ts'
import type { FlowNode } from '../services/node-red.ts'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startServices,
  type Values,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

const { broker, kafka, nodeRed } = await startServices()

interface DecoderFlow {
  readonly flow: readonly FlowNode[]
  readonly id: (name: string) => string
  /** Of the rows, in the user directory. */
  readonly file: string
}

/** in -> row-decoder -> file-sink, with a row-schema where there is SQL for one. */
function decoderFlow(filter: string, decoder: Values, sql?: string): DecoderFlow {
  const { id, node, source } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const schema = sql === undefined ? [] : [node('row-schema', 'schema', { schema: sql })]
  const flow = [
    ...source(broker.port, [{ filter, qos: '1' }], ['decoder']),
    ...schema,
    node('row-decoder', 'decoder', { ...(sql ? { schema: id('schema') } : {}), ...decoder }, [['sink'], []]),
    node('file-sink', 'sink', { path: file }, [[], []]),
  ]
  return { flow, id, file }
}

test('F2, F3: readings of the plant become rows, or dead letters with their reason, and the next one passes', async () => {
  const { flow, id, file } = decoderFlow('FCTS/#', kpiDecoder, kpiSchema)
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  await publishAll(
    broker.port,
    kpiCases.map(({ topic = kpiTopic, payload }) => [topic, payload]),
  )
  await acknowledged(broker, before + kpiCases.length)
  const rows = kpiCases.flatMap(({ row }) => row ?? [])
  const rejected = kpiCases.filter(({ reason }) => reason !== undefined)
  assert.deepEqual(await waitForLines(nodeRed, file, rows.length), rows)
  const deadLetters = await waitForDeadLetters(nodeRed, id('decoder'), rejected.length)
  assert.deepEqual(
    deadLetters.map(({ topic, payload, reason }) => [topic, payload, reason]),
    rejected.map(({ topic = kpiTopic, payload, reason }) => [topic, payload, reason]),
  )
})

test('F3: with onMismatch warn the reading passes, the node counts it and the log says what differs', async () => {
  const { flow, id, file } = decoderFlow('FCTS/#', { ...kpiDecoder, onMismatch: 'warn' }, kpiSchema)
  await deploySubscribed(nodeRed, broker, flow)
  const payload = '{"site_code":"CMC","sensor_id":"A","timestamp":"2025-07-01T12:00:00Z","value":1}'
  await publishAll(broker.port, [[kpiTopic, payload]])
  const [row] = await waitForLines(nodeRed, file, 1)
  assert.equal(JSON.parse(row!).site_code, 'CMC')
  await nodeRed.statusIs(id('decoder'), ({ text }) => text?.endsWith('1 warned') ?? false)
  assert.match(nodeRed.log(), /The topic says site_code is "SAF", the payload says "CMC"/)
})

test('C3: ignored attributes leave the rows of the topics that their filter matches', async () => {
  const ignoredAttributes = [
    { filter: '+', attributes: 'timestamp' },
    { filter: 'a/+', attributes: 'key1.child1' },
    { filter: 'a/#', attributes: 'key1.childKey1' },
    { filter: 'list/b', attributes: 'key1' },
    { filter: 'topic2', attributes: 'val1' },
  ]
  const { flow, file } = decoderFlow('#', { format: 'json', ignoredAttributes })
  await deploySubscribed(nodeRed, broker, flow)
  const flat = '{"timestamp":123456,"val1":1234}'
  const nested = '{"key1":{"child1":"val","child2":100},"child1":"value2"}'
  const cases = [
    ['topic1', flat, '{"val1":1234}'],
    ['other/topic1', flat, flat],
    ['a/b', nested, '{"key1":{"child2":100},"child1":"value2"}'],
    ['a/b', '{"key1":"value1"}', '{"key1":"value1"}'],
    ['list/b', '{"key1":["v1","v2"]}', '{}'],
    ['topic2', '{"timestamp":null,"val1":0,"val2":false}', '{"val2":false}'],
  ] as const
  await publishAll(
    broker.port,
    cases.map(([topic, payload]) => [topic, payload]),
  )
  assert.deepEqual(
    await waitForLines(nodeRed, file, cases.length),
    cases.map(([, , row]) => row),
  )
})

const binary = Buffer.from([0x00, 0xff, 0x80, 0x41, 0x0a])

test('D5: binary bytes are the same bytes in Kafka; what the topic says is topic, key and header', async () => {
  const { id, node, source } = flowBuilder()
  const kafkaTopic = `raw_${process.pid}_SAF`
  const topicPattern = `d5/{site_code}/${process.pid}/{rest...}`
  const headers = [
    { name: 'site', value: '{topic.site_code}' },
    { name: 'way', value: 'to {topic.rest}' },
    { name: 'none', value: '{topic.unknown}' },
  ]
  const sink = {
    topic: `raw_${process.pid}_{topic.site_code}`,
    keyTemplate: '{topic.rest}',
    headers,
    delivery: 'outbox',
  }
  await deploySubscribed(nodeRed, broker, [
    ...source(broker.port, [{ filter: 'd5/#', qos: '1' }], ['decoder'], { output: 'batches' }),
    node('row-decoder', 'decoder', { format: 'raw', topicPattern }, [['kafka'], []]),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    node('kafka-sink', 'kafka', { cluster: id('cluster'), ...sink }, [[], []]),
  ])
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [[`d5/SAF/${process.pid}/a/b`, binary]])
  await acknowledged(broker, before + 1)
  const [record] = await readTopic(kafka.brokers, kafkaTopic, { count: 1 })
  assert.deepEqual(record!.value, binary)
  assert.equal(record!.key, 'a/b')
  const { site, way, none } = record!.headers
  assert.deepEqual({ site, way, none }, { site: 'SAF', way: 'to a/b', none: undefined })
})

const packed = gzipSync('{"v":1}')

const formats: readonly (readonly [string, Values, Buffer, string])[] = [
  ['D5: wrap', { format: 'raw', binaryEncoding: 'wrap' }, binary, '{"data":"AP+AQQo=","size":5,"encoding":"base64"}'],
  ['text', { format: 'text' }, Buffer.from('21,5 °C'), '"21,5 °C"'],
  [
    'CBOR',
    { format: 'cbor' },
    Buffer.from(encodeCbor({ n: 2n ** 60n, b: binary })),
    `{"b":"AP+AQQo=","n":${2n ** 60n}}`,
  ],
  [
    'MessagePack',
    { format: 'messagepack' },
    Buffer.from(encodeMessagePack({ n: 1.5, t: new Date(0) })),
    '{"n":1.5,"t":"1970-01-01T00:00:00Z"}',
  ],
  ['gzip', { format: 'json', compression: 'gzip' }, packed, '{"v":1}'],
]

for (const [name, decoder, payload, line] of formats) {
  test(`${name}: the payload is a line of JSON, and one that is none of it a dead letter with its bytes`, async () => {
    const { flow, id, file } = decoderFlow('in', decoder)
    await deploySubscribed(nodeRed, broker, flow)
    const before = acknowledgementsIn(broker)
    const bad = Buffer.from([0xc1, 0xff, 0x00])
    const takesAll = decoder.format === 'raw'
    await publishAll(
      broker.port,
      takesAll
        ? [['in', payload]]
        : [
            ['in', bad],
            ['in', payload],
          ],
    )
    assert.deepEqual(await waitForLines(nodeRed, file, 1), [line])
    await acknowledged(broker, before + (takesAll ? 1 : 2))
    if (takesAll) return
    const [deadLetter] = await waitForDeadLetters(nodeRed, id('decoder'), 1)
    assert.equal(Buffer.from(deadLetter!.payload, 'base64').toString('hex'), bad.toString('hex'))
  })
}

test('a batch of readings has its captures per reading, and an outbox keeps them over a restart', async () => {
  const { id, node, source } = flowBuilder()
  const topic = `restart_${process.pid}`
  const flow = (brokers: string) => [
    ...source(broker.port, [{ filter: 'line/#', qos: '1' }], ['decoder'], { output: 'batches', lingerMs: '100 ms' }),
    node('row-decoder', 'decoder', { format: 'json', topicPattern: 'line/{line}' }, [['kafka'], []]),
    node('kafka-cluster', 'cluster', { brokers }),
    node(
      'kafka-sink',
      'kafka',
      { cluster: id('cluster'), topic, keyTemplate: '{topic.line}', retryBackoffMs: '100 ms' },
      [[], []],
    ),
  ]
  await deploySubscribed(nodeRed, broker, flow('127.0.0.1:1'))
  const before = acknowledgementsIn(broker)
  const lines = ['a', 'b', 'c']
  await publishAll(
    broker.port,
    lines.map((line) => [`line/${line}`, '{}']),
  )
  await acknowledged(broker, before + lines.length)
  await nodeRed.deploy(flow(kafka.brokers))
  const records = await readTopic(kafka.brokers, topic, { count: lines.length })
  assert.deepEqual(
    records.map(({ key, value }) => [key, value?.toString()]),
    lines.map((line) => [line, `{"line":"${line}"}`]),
  )
})
