import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { toJson } from '../../src/core/record.ts'
import { factoryTable, readings } from '../rows/readings.ts'
import { type Mode, modes, readVectors, rowOf, type Vector } from '../rows/vectors.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startLoggingMosquitto,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

const vectors = readVectors(readFileSync(new URL('../fixtures/flink-json-conformance.jsonl', import.meta.url), 'utf8'))

let broker: Mosquitto
let nodeRed: NodeRed

before(async () => {
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed?.stop()
  await broker?.stop()
})

/** The same schema and timestamp format have one route. */
const routeOf = ({ type, timestampFormat }: Vector) => `${timestampFormat} ${type}`
const routes = [...new Set(vectors.map(routeOf))]
const topicOf = (vector: Vector) => `a3/${routes.indexOf(routeOf(vector))}`

/** What a Flink user would paste: the timestamp format is an option of the table. */
function tableOf(route: string): string {
  const { type, timestampFormat } = vectors.find((vector) => routeOf(vector) === route)!
  return `CREATE TABLE t (${type.slice('ROW<'.length, -1)}) WITH ('json.timestamp-format.standard' = '${timestampFormat}')`
}

interface RowsFlow {
  readonly flow: readonly FlowNode[]
  readonly id: (name: string) => string
  readonly file: string
}

/** in -> row-decoder with a schema for each route -> file-sink. */
function vectorFlow(mode: Mode): RowsFlow {
  const { id, node, source } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const subscriptions = routes.map((route, i) => ({ filter: `a3/${i}`, qos: '1', route }))
  const flow = [
    ...source(broker.port, subscriptions, ['decoder']),
    ...routes.map((route, i) => node('row-schema', `schema${i}`, { schema: tableOf(route) })),
    node(
      'row-decoder',
      'decoder',
      { ...modes[mode], routes: routes.map((route, i) => ({ route, schema: id(`schema${i}`) })) },
      [['sink'], []],
    ),
    node('file-sink', 'sink', { path: file }, [[], []]),
  ]
  return { flow, id, file }
}

/** What the decoder makes of a vector, which `conformance.test.ts` compares with Flink. */
function outcomeOf(vector: Vector, mode: Mode): string | undefined {
  try {
    const row = rowOf(vector, mode)
    return row && toJson(row)
  } catch {
    return 'rejected'
  }
}

for (const mode of Object.keys(modes) as Mode[]) {
  test(`A3: the 175 vectors give rows, rejected readings and skipped ones in mode ${mode}, all acknowledged`, async () => {
    const { flow, id, file } = vectorFlow(mode)
    await deploySubscribed(nodeRed, broker, flow)
    const before = acknowledgementsIn(broker)
    const payloadOf = ({ input, inputBase64 = '' }: Vector) => input ?? Buffer.from(inputBase64, 'base64')
    await publishAll(
      broker.port,
      vectors.map((vector) => [topicOf(vector), payloadOf(vector)]),
    )
    await acknowledged(broker, before + vectors.length)
    const outcomes = vectors.map((vector) => outcomeOf(vector, mode))
    const rows = outcomes.filter((outcome) => outcome !== undefined && outcome !== 'rejected')
    assert.deepEqual(await waitForLines(nodeRed, file, rows.length), rows)
    const rejected = vectors.filter((_, i) => outcomes[i] === 'rejected').map(topicOf)
    const letters = rejected.length === 0 ? [] : await waitForDeadLetters(nodeRed, id('decoder'), rejected.length)
    assert.deepEqual(
      letters.map(({ topic }) => topic),
      rejected,
    )
    await nodeRed.deploy([])
  })
}

test('A6: a table with the computed column and its watermark is pasted, and the seconds are in the rows', async () => {
  const { id, node, source } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const table = factoryTable.replace(
    'measurement     DOUBLE',
    `$&,
    ts_WM AS TO_TIMESTAMP(FROM_UNIXTIME(CAST(\`ts\` AS BIGINT) / 1000)),
    other AS UPPER(metadata.unit),
    WATERMARK FOR ts_WM AS ts_WM`,
  )
  const flow = [
    ...source(broker.port, [{ filter: 'a6', qos: '1' }], ['decoder']),
    node('row-schema', 'schema', { schema: table }),
    node('row-decoder', 'decoder', { schema: id('schema') }, [['sink'], []]),
    node('file-sink', 'sink', { path: file }, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [['a6', readings[0].payload]])
  const [line] = await waitForLines(nodeRed, file, 1)
  assert.equal(line, readings[0].row.replace(/}$/, ',"ts_WM":"2024-10-19 04:35:51"}'))
  assert.match(nodeRed.log(), /"other AS UPPER\(metadata\.unit\)" has no effect/)
  assert.match(nodeRed.log(), /"WATERMARK FOR ts_WM AS ts_WM" has no effect/)
})

test('a schema filled in as a list of columns makes rows of all types, and bytes and decimals are exact in the sink', async () => {
  const { id, node, source } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const columns = [
    { name: 'b', type: 'BYTES', required: true },
    { name: 'd', type: 'DECIMAL(38, 18)' },
    { name: 't', type: 'TIMESTAMP(3)' },
    { name: 'l', type: 'ARRAY<BIGINT>' },
  ]
  const flow = [
    ...source(broker.port, [{ filter: 'columns', qos: '1' }], ['decoder']),
    node('row-schema', 'schema', { writtenAs: 'columns', columns }),
    node('row-decoder', 'decoder', { schema: id('schema'), timestampFormat: 'ISO-8601' }, [['one', 'two'], []]),
    node('file-sink', 'one', { path: file }, [[], []]),
    node('file-sink', 'two', { path: `two-${file}`, delivery: 'outbox' }, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, flow)
  const reading =
    '{"b":"AP+A","d":12345678901234567890.123456789012345678,"t":"2024-10-19T04:35:51","l":[9007199254740993]}'
  await publishAll(broker.port, [
    ['columns', '{"d":1}'],
    ['columns', reading],
  ])
  assert.deepEqual(await waitForLines(nodeRed, file, 1), [reading])
  assert.deepEqual(await waitForLines(nodeRed, `two-${file}`, 1), [reading])
  const [rejected] = await waitForDeadLetters(nodeRed, id('decoder'), 1)
  assert.equal(rejected!.reason, 'missing')
})
