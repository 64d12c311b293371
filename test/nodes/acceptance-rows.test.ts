import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { factoryTable, readings } from '../rows/readings.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  connectionsIn,
  deploySubscribed,
  flowBuilder,
  linesOf,
  publishAll,
  startLoggingMosquitto,
  subscriptionsIn,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

let broker: Mosquitto
let nodeRed: NodeRed

before(async () => {
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
})

const topic = 'factory_iot/north/101'
const everything = [{ filter: 'factory_iot/#', qos: '1' }]

interface RowFlow {
  readonly flow: readonly FlowNode[]
  readonly id: (name: string) => string
  /** Of the rows, in the user directory. */
  readonly file: string
}

/** in -> row-decoder -> file-sink. */
function rowFlow(port: number, { clean = false, settings = {} } = {}): RowFlow {
  const { id, node, source } = flowBuilder()
  const file = `${id('rows')}.ndjson`
  const parts = source(port, everything, ['decoder'], settings)
  const flow = [
    ...parts.map((part) => (part.type === 'mqtt-v3-source' ? { ...part, clean } : part)),
    node('row-schema', 'schema', { schema: factoryTable }),
    node('row-decoder', 'decoder', { schema: id('schema') }, [['sink'], []]),
    node('file-sink', 'sink', { path: file }, [[], []]),
  ]
  return { flow, id, file }
}

test('A1: the whole DDL, pasted, gives BIGINT, a row of seven fields and DOUBLE; the rest of it does no harm', async () => {
  const { flow, file, id } = rowFlow(broker.port)
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [
    [
      topic,
      '{"ts":9007199254740993,"metadata":{"siteId":101.9,"unit":7,"location":{"latitude":"1.5"}},"measurement":"2"}',
    ],
    [topic, '{"ts":"noon"}'],
  ])
  assert.deepEqual(await waitForLines(nodeRed, file, 1), [
    '{"ts":9007199254740993,"metadata":{"siteId":101,"deviceId":null,"sensorId":null,"unit":"7","ts_human":null,' +
      '"location":{"latitude":1.5,"longitude":null},"deviceType":null},"measurement":2}',
  ])
  const [deadLetter] = await waitForDeadLetters(nodeRed, id('decoder'), 1)
  assert.match(deadLetter!.error.message, /\/ts.*BIGINT/)
})

test('A2: readings in batches become the same rows, and one that is no reading does not hold up the others', async () => {
  const { flow, file, id } = rowFlow(broker.port, { settings: { output: 'batches', lingerMs: '200 ms' } })
  await deploySubscribed(nodeRed, broker, flow)
  const before = acknowledgementsIn(broker)
  const payloads = readings.map(({ payload }) => payload)
  await publishAll(
    broker.port,
    [payloads[0]!, 'nonsense', payloads[1]!, '', payloads[2]!].map((payload) => [topic, payload]),
  )
  assert.deepEqual(
    await waitForLines(nodeRed, file, 3),
    readings.map(({ row }) => row),
  )
  assert.equal((await waitForDeadLetters(nodeRed, id('decoder'), 1))[0]!.payload, 'nonsense')
  await acknowledged(broker, before + 5)
})

for (const clean of [true, false]) {
  test(`A5: 8 of 8 arrive when the broker is restarted after 3, with clean ${clean}`, async () => {
    await using restarted = await startLoggingMosquitto()
    const { flow, file, id } = rowFlow(restarted.port, { clean })
    await deploySubscribed(nodeRed, restarted, flow)
    const readingOf = (n: number) => [topic, `{"ts":${n}}`] as const
    await publishAll(restarted.port, [1, 2, 3].map(readingOf))
    await waitForLines(nodeRed, file, 3)
    await restarted.restart()
    await until(() => subscriptionsIn(restarted) === 1, { what: 'the new subscription' })
    await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
    await publishAll(restarted.port, [4, 5, 6, 7, 8].map(readingOf))
    await acknowledged(restarted, 5)
    assert.deepEqual(
      (await waitForLines(nodeRed, file, 8)).map((line) => JSON.parse(line).ts),
      [1, 2, 3, 4, 5, 6, 7, 8],
    )
  })
}

test('a broker that is away makes the node yellow, and what is published before it is connected again arrives', async () => {
  await using kept = await startMosquitto({ persistence: true })
  const { flow, file, id } = rowFlow(kept.port)
  await nodeRed.deploy(flow)
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
  await kept.stop()
  const address = `127.0.0.1:${kept.port}`
  await nodeRed.statusIs(id('in'), ({ fill, text }) => fill === 'yellow' && (text?.includes(address) ?? false))
  await kept.restart()
  await publishAll(kept.port, [[topic, '{"ts":1}']])
  assert.equal((await waitForLines(nodeRed, file, 1)).length, 1)
})

interface BadInput {
  readonly what: string
  readonly topic?: string
  readonly payload: string
  readonly reason: string
  readonly message: RegExp
}

const badInput: readonly BadInput[] = [
  { what: 'no JSON', payload: 'temperature=21', reason: 'json', message: /not valid JSON/ },
  { what: 'truncated JSON', payload: '{"ts":1,"metadata":{"siteId":', reason: 'json', message: /not valid JSON/ },
  { what: 'a list', payload: '[1]', reason: 'type', message: /expected ROW/ },
  { what: 'an object for a number', payload: '{"measurement":{}}', reason: 'type', message: /\/measurement: .*DOUBLE/ },
  { what: 'text for a row', payload: '{"metadata":"x"}', reason: 'type', message: /\/metadata: .*ROW/ },
  {
    what: 'text for a number in a row',
    payload: '{"metadata":{"siteId":"x"}}',
    reason: 'type',
    message: /siteId: .*INT/,
  },
  { what: '5 MB that are no JSON', payload: 'x'.repeat(5_000_000), reason: 'json', message: /not valid JSON/ },
  {
    what: 'a topic of 65 kB',
    topic: `factory_iot/${'t'.repeat(65_000)}`,
    payload: '{',
    reason: 'json',
    message: /JSON/,
  },
]

test('bad input is a dead letter with its bytes and a clear reason, and the connection stays up', async () => {
  const { flow, file, id } = rowFlow(broker.port)
  await deploySubscribed(nodeRed, broker, flow)
  const [acknowledgements, connections] = [acknowledgementsIn(broker), connectionsIn(broker)]
  await publishAll(
    broker.port,
    badInput.map((bad) => [bad.topic ?? topic, bad.payload]),
  )
  const deadLetters = await waitForDeadLetters(nodeRed, id('decoder'), badInput.length)
  for (const [i, { what, payload, reason, message, ...bad }] of badInput.entries()) {
    const deadLetter = deadLetters[i]!
    assert.equal(deadLetter.reason, reason, what)
    assert.match(deadLetter.error.message, message, what)
    assert.equal(deadLetter.topic, bad.topic ?? topic, what)
    assert.ok(deadLetter.payload === payload, `${what}: the payload is kept as it was`)
    assert.equal(deadLetter.error.source, id('decoder'))
  }
  await acknowledged(broker, acknowledgements + badInput.length)
  const large = `{"ts":5,"x":"${'y'.repeat(5_000_000)}"}`
  await publishAll(broker.port, [
    [topic, large],
    [badInput.at(-1)!.topic!, '{"ts":6}'],
  ])
  assert.deepEqual(
    (await waitForLines(nodeRed, file, 2)).map((line) => JSON.parse(line).ts),
    [5, 6],
  )
  assert.equal(connectionsIn(broker), connections)
})

test('a wired output 2 gets each rejected reading with its bytes, and no dead letter is written', async () => {
  const { flow, id } = rowFlow(broker.port)
  const { id: debugId, node } = flowBuilder()
  const debug = node('debug', 'rejected', { active: true, tosidebar: true, complete: 'true' }, [])
  const wired = flow.map((each) =>
    each.id === id('decoder') ? { ...each, wires: [[id('sink')], [debugId('rejected')]] } : each,
  )
  await deploySubscribed(nodeRed, broker, [...wired, { ...debug, z: id('tab') }])
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [[topic, '{"ts":"x"}']])
  await acknowledged(broker, before + 1)
  const shown = () => (nodeRed.debugMessages() as { id: string; msg: string }[]).filter((each) => each.id === debug.id)
  await until(() => shown().length > 0, { what: 'the rejected reading' })
  await wait(200)
  assert.equal(shown().length, 1)
  const { payload, topic: from, qos, reason, error } = JSON.parse(shown()[0]!.msg)
  assert.equal(Buffer.from(payload.data).toString(), '{"ts":"x"}')
  assert.deepEqual({ from, qos, reason, code: error.code }, { from: topic, qos: 1, reason: 'type', code: 'ROW_TYPE' })
  assert.deepEqual(linesOf(nodeRed, `rowline/dead-letter/${id('decoder')}/rejected.ndjson`), [])
})
