import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startLoggingMosquitto,
  type Values,
  waitForLines,
} from './acceptance-flow.ts'

let broker: Mosquitto
let nodeRed: NodeRed

before(async () => {
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed({ env: { PLANT_BROKER: '127.0.0.1', PLANT: 'north' } })
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
})

interface Misconfiguration {
  readonly what: string
  /** The node that has it, and the values that are wrong. */
  readonly at: 'broker' | 'in' | 'schema' | 'decoder' | 'cluster' | 'kafka' | 'sink'
  readonly values: Values
  /** Which nodes turn red: the one with the mistake, or those that refer to a config node with it. */
  readonly red: 'in' | 'decoder' | 'kafka' | 'sink'
  readonly status: RegExp
}

const filter = (...filters: readonly string[]) => ({
  subscriptions: filters.map((each) => ({ filter: each, qos: '1' })),
})

const misconfigurations: readonly Misconfiguration[] = [
  { what: 'no broker', at: 'broker', values: { host: '' }, red: 'in', status: /^broker required$/ },
  { what: 'no topic', at: 'in', values: { subscriptions: [] }, red: 'in', status: /^topic required$/ },
  {
    what: 'a row without filter',
    at: 'in',
    values: filter(''),
    red: 'in',
    status: /Topic: row 1: Topic filter is required/,
  },
  { what: 'no source', at: 'in', values: { source: '' }, red: 'in', status: /^source required$/ },
  { what: 'port 0', at: 'broker', values: { port: '0' }, red: 'in', status: /Port: .* from 1 to 65535/ },
  { what: 'port 70000', at: 'broker', values: { port: '70000' }, red: 'in', status: /Port: .* from 1 to 65535/ },
  { what: 'a/#/c', at: 'in', values: filter('x', 'a/#/c'), red: 'in', status: /Topic: row 2: Topic filter .*#/ },
  { what: 'a+', at: 'in', values: filter('a+'), red: 'in', status: /Topic: row 1: Topic filter has "a\+"/ },
  { what: 'a/b#', at: 'in', values: filter('a/b#'), red: 'in', status: /Topic: row 1: Topic filter .*#/ },
  { what: 'an unset variable', at: 'broker', values: { host: '${NOWHERE}' }, red: 'in', status: /Broker: .*NOWHERE/ },
  {
    what: 'an unset variable inside a text',
    at: 'in',
    values: filter('factory/${NOWHERE}/#'),
    red: 'in',
    status: /Topic: .*NOWHERE/,
  },
  {
    what: 'an unknown type',
    at: 'schema',
    values: { schema: 'ts BIGINT,\nunit TEXT' },
    red: 'decoder',
    status: /Schema: .*line 2/,
  },
  { what: 'no schema', at: 'schema', values: { schema: '' }, red: 'decoder', status: /^schema required$/ },
  { what: 'no schema node', at: 'decoder', values: { schema: '' }, red: 'decoder', status: /^schema required$/ },
  { what: 'no Kafka brokers', at: 'cluster', values: { brokers: '' }, red: 'kafka', status: /^brokers required$/ },
  { what: 'Kafka port 0', at: 'cluster', values: { brokers: 'k:0' }, red: 'kafka', status: /Brokers: .*host:9092/ },
  { what: 'no cluster', at: 'kafka', values: { cluster: '' }, red: 'kafka', status: /^cluster required$/ },
  {
    what: 'a file size of nothing',
    at: 'sink',
    values: { maxFileBytes: '1' },
    red: 'sink',
    status: /File size: .*1 KiB/,
  },
]

/** A flow with every kind of node, and the mistake in one of them. */
function brokenFlow({ at, values }: Misconfiguration): { flow: FlowNode[]; id: (name: string) => string } {
  const { id, node, source } = flowBuilder()
  const flow = [
    ...source(broker.port, [{ filter: 'broken/#', qos: '1' }], ['decoder']),
    node('row-schema', 'schema', { schema: 'ts BIGINT' }),
    node('row-decoder', 'decoder', { schema: id('schema') }, [['kafka', 'sink'], []]),
    node('kafka-cluster', 'cluster', { brokers: '127.0.0.1:1' }),
    node('kafka-sink', 'kafka', { cluster: id('cluster') }, [[], []]),
    node('file-sink', 'sink', { path: `${id('rows')}.ndjson` }, [[], []]),
  ]
  return { flow: flow.map((each) => (each.id === id(at) ? { ...each, ...values } : each)), id }
}

test('B5: a mistake turns its node red at deploy and names the field; the other flows work', async () => {
  const healthy = flowBuilder()
  const rows = `${healthy.id('rows')}.ndjson`
  const broken = misconfigurations.map((each) => ({ ...each, ...brokenFlow(each) }))
  const sources = broken.filter(({ red }) => red !== 'in').length
  const flow = [
    ...broken.flatMap((each) => each.flow),
    ...healthy.source(broker.port, [{ filter: 'healthy', qos: '1' }], ['sink']),
    healthy.node('file-sink', 'sink', { path: rows }, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, flow, sources + 1)
  for (const { what, red, status, id } of broken) {
    const shown = await nodeRed.statusIs(id(red), ({ fill }) => fill === 'red')
    assert.match(shown.text!, status, what)
    assert.equal(shown.shape, 'ring', what)
  }
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [['healthy', '{"ts":1}']])
  assert.deepEqual(await waitForLines(nodeRed, rows, 1), ['{"ts":1}'])
  await acknowledged(broker, before + 1)
})

test('a node that is red keeps what it is sent: nothing is acknowledged, and after the correction it arrives', async () => {
  const { id, node, source } = flowBuilder()
  const path = `${id('rows')}.ndjson`
  const parts = (schema: string) => [
    ...source(broker.port, [{ filter: 'held', qos: '1' }], ['decoder']),
    node('row-schema', 'schema', { schema }),
    node('row-decoder', 'decoder', { schema: id('schema') }, [['sink'], []]),
    node('file-sink', 'sink', { path }, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, parts('ts BIGINTEGER'))
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [['held', '{"ts":7}']])
  await nodeRed.statusIs(id('in'), ({ text }) => text?.includes('1 open') ?? false)
  assert.equal(acknowledgementsIn(broker), before)
  const startMs = performance.now()
  await nodeRed.deploy(parts('ts BIGINT'))
  assert.ok(performance.now() - startMs < 6000, 'the deployment does not wait for a node that cannot finish')
  assert.deepEqual(await waitForLines(nodeRed, path, 1), ['{"ts":7}'])
  await acknowledged(broker, before + 1)
})

test('an environment variable works alone and inside longer text', async () => {
  const { id, node, source } = flowBuilder()
  const path = `${id('rows')}.ndjson`
  const parts = source(broker.port, [{ filter: 'factory/${PLANT}/#', qos: '1' }], ['sink'])
  const flow = [
    ...parts.map((part) => (part.id === id('broker') ? { ...part, host: '${PLANT_BROKER}' } : part)),
    node('file-sink', 'sink', { path }, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [
    ['factory/south/1', '{"n":1}'],
    ['factory/north/1', '{"n":2}'],
  ])
  assert.deepEqual(await waitForLines(nodeRed, path, 1), ['{"n":2}'])
})

test('logLevel debug: a line for each reading says topic, route and outcome and nothing of the payload; info writes none', async () => {
  const debug = { logLevel: 'debug' }
  const flow = ([where, values]: readonly [string, Values]) => {
    const { id, node, source } = flowBuilder()
    const subscriptions = [
      { filter: `${where}/a`, qos: '1', route: 'north' },
      { filter: `${where}/b`, qos: '1' },
    ]
    const path = `${id('rows')}.ndjson`
    const parts = [
      ...source(broker.port, subscriptions, ['confirm', 'outbox'], values),
      node('file-sink', 'confirm', { path, ...values }, [[], []]),
      node('file-sink', 'outbox', { path: `${path}.2`, delivery: 'outbox', ...values }, [[], []]),
    ]
    return { path, parts }
  }
  const loud = flow(['loud', debug])
  const quiet = flow(['quiet', { logLevel: 'info' }])
  await deploySubscribed(nodeRed, broker, [...loud.parts, ...quiet.parts], 2)
  const before = acknowledgementsIn(broker)
  const payload = '{"secret":"payload"}'
  await publishAll(
    broker.port,
    ['loud/a', 'loud/b', 'quiet/a', 'quiet/b'].map((topic) => [topic, payload]),
  )
  for (const { path } of [loud, quiet]) assert.deepEqual(await waitForLines(nodeRed, path, 1), [payload])
  await acknowledged(broker, before + 4)
  const lines = () => [...nodeRed.log().matchAll(/\[([\w-]+):[^\]]*\] (reading .*)$/gm)]
  await until(() => lines().length >= 4, { what: 'four lines', timeoutMs: 20_000, output: () => nodeRed.log() })
  assert.deepEqual(
    lines()
      .map(([, type, text]) => `${type} ${text}`)
      .sort(),
    [
      'file-sink reading "loud/a" route "north": in the outbox',
      'file-sink reading "loud/a" route "north": written',
      'mqtt-v3-in reading "loud/a" route "north": acknowledged',
      'mqtt-v3-in reading "loud/b" route "": rejected (UNROUTED), a dead letter',
    ],
  )
  assert.doesNotMatch(nodeRed.log(), /payload/)
})

test('logLevel debug of a decoder: what it decodes, skips and rejects, nothing of the payload', async () => {
  const { node, source } = flowBuilder()
  const decoder = { format: 'json', onEmpty: 'skip', logLevel: 'debug' }
  await deploySubscribed(nodeRed, broker, [
    ...source(broker.port, [{ filter: 'decoded', qos: '1', route: 'r' }], ['decoder']),
    node('row-decoder', 'decoder', decoder, [[], []]),
  ])
  const before = acknowledgementsIn(broker)
  await publishAll(broker.port, [
    ['decoded', '{"secret":"payload"}'],
    ['decoded', ''],
    ['decoded', 'secret payload'],
  ])
  await acknowledged(broker, before + 3)
  const lines = () => [...nodeRed.log().matchAll(/\[row-decoder:([^\]]*)\] (reading .*)$/gm)].map(([, , text]) => text)
  await until(() => lines().length >= 3, { what: 'three lines', output: () => nodeRed.log() })
  assert.deepEqual(lines(), [
    'reading "decoded" route "r": decoded',
    'reading "decoded" route "r": skipped',
    'reading "decoded" route "r": rejected (JSON_INVALID)',
  ])
  assert.doesNotMatch(lines().join(), /payload/)
})
