import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sinks } from '../../src/sinks/index.ts'
import { kpiDecoder, kpiSchema } from '../rows/plant-kpi.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { type Pubsub, type PubsubMessage, project, startPubsub } from '../services/pubsub.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  flowBuilder,
  importExample,
  linesOf,
  nodeOf,
  publishAll,
  startLoggingMosquitto,
  type Values,
  waitForDeadLetters,
} from './acceptance-flow.ts'

/**
 * Says on SIGURG (Node-RED ends on SIGUSR2) how late the event loop came to a timer of 1 ms, less the time for which the
 * thread was ready and the machine gave it no CPU, which is not our fault. What blocks counts, also where it uses no CPU.
 */
const probe = `const { openSync, readSync } = await import('node:fs')
const schedule = openSync('/proc/thread-self/schedstat')
const text = Buffer.alloc(100)
const waitedMs = () => Number(text.toString('latin1', 0, readSync(schedule, text, 0, 100, 0)).split(' ')[1]) / 1e6
const delays = []
let last = { at: performance.now(), waited: waitedMs() }
setInterval(() => {
  const now = { at: performance.now(), waited: waitedMs() }
  delays.push(Math.max(0, now.at - last.at - 1 - (now.waited - last.waited)))
  last = now
}, 1).unref()
process.on('SIGURG', () => {
  delays.sort((a, b) => a - b)
  console.log('turns ' + delays.length + ' p99 ' + delays[Math.floor(delays.length * 0.99)] + ' max ' + delays.at(-1))
  delays.length = 0
  const found = Object.keys(require.cache).filter((name) => /google-auth-library.*js$/.test(name))
  console.log('google files ' + found.length)
})`
const requiring = `import { createRequire } from 'node:module'
const require = createRequire('file:///')
${probe}`

let broker: Mosquitto
let pubsub: Pubsub
let nodeRed: NodeRed

before(async () => {
  pubsub = await startPubsub()
  broker = await startLoggingMosquitto({ maxInflight: 0 })
  nodeRed = await startNodeRed({
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(requiring)}` },
  })
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
  await pubsub.stop()
})

const filter = 'FCTS/FAE/+/SolvExtract/+'
const topicOf = (site: string, tag = 'SX_PLS_FLOW.PV') => `FCTS/FAE/${site}/SolvExtract/${tag}`
const payload = (site: string, value: number) =>
  `{"site_code":"${site}","sensor_id":"SX-FIT-101","timestamp":"2025-07-01T12:00:00Z","value":${value}}`

const event = {
  data: 'mapped',
  mapping: ['site_code', 'sensor_id', 'kpi', 'timestamp', 'value'].map((name) => ({
    name,
    value: `{payload.${name === 'kpi' ? 'pi_tag' : name}}`,
  })),
  orderingKey: '{topic.site_code}',
  attributes: [
    { name: 'site', value: '{topic.site_code}' },
    { name: 'pi_tag', value: '{topic.pi_tag}' },
  ],
}

/** in -> row-decoder -> pubsub-sink, with a topic of its own and `APP_ENV` as a variable of the tab. */
async function kpiFlow(
  sink: Values,
  { environment, type = 'pubsub-sink' }: { environment?: string; type?: string } = {},
) {
  const { id, node, source } = flowBuilder()
  const topic = id('kpis')
  await pubsub.createTopic(topic)
  const [tab, ...parts] = source(broker.port, [{ filter, qos: '1' }], ['decoder'])
  const env = environment === undefined ? [] : [{ name: 'APP_ENV', value: environment, type: 'str' }]
  const targets: { readonly [type: string]: Values } = {
    'pubsub-sink': { cloud: id('google'), topic, ...event },
    'kafka-sink': { cluster: id('cluster'), topic: 'never' },
    'mqtt-v3-out': { source: id('target'), topic: 'never' },
    'file-sink': { path: `${topic}.ndjson` },
  }
  const flow: FlowNode[] = [
    { ...tab!, env },
    ...parts,
    node('row-schema', 'schema', { schema: kpiSchema }),
    node('row-decoder', 'decoder', { schema: id('schema'), ...kpiDecoder }, [['sink'], []]),
    node('google-cloud', 'google', { projectId: project, pubsubEmulator: pubsub.address }),
    // Nobody is there: a sink that writes nothing does not ask.
    node('kafka-cluster', 'cluster', { brokers: '127.0.0.1:1' }),
    node('mqtt-v3-source', 'target', { host: '127.0.0.1', port: '1' }),
    node(type, 'sink', { ...targets[type], ...sink }, [[], []]),
  ]
  return { flow, id, topic }
}

/** The message of F1. Gives its `rowline.id`. */
function isEvent({ orderingKey, data, attributes }: PubsubMessage): string | undefined {
  assert.equal(orderingKey, 'SAF')
  assert.equal(
    String(data),
    '{"site_code":"SAF","sensor_id":"SX-FIT-101","kpi":"SX_PLS_FLOW.PV","timestamp":"2025-07-01T12:00:00Z","value":412.75}',
  )
  const { 'rowline.id': id, ...others } = attributes
  assert.deepEqual(others, {
    'mqtt.topic': topicOf('SAF'),
    'mqtt.qos': '1',
    'mqtt.retain': 'false',
    'mqtt.dup': 'false',
    source: 'mqtt',
    site: 'SAF',
    pi_tag: 'SX_PLS_FLOW.PV',
  })
  return id
}

describe('F1: a reading becomes an event in Pub/Sub', () => {
  for (const delivery of ['confirm', 'outbox']) {
    test(`with ${delivery}: data, attributes and ordering key are those of the plant, and it is acknowledged`, async () => {
      const { flow, topic } = await kpiFlow({ delivery })
      await deploySubscribed(nodeRed, broker, flow)
      const acknowledgedBefore = acknowledgementsIn(broker)
      await publishAll(broker.port, [[topicOf('SAF'), payload('SAF', 412.75)]])
      await acknowledged(broker, acknowledgedBefore + 1)
      await until(() => pubsub.stored(topic).length > 0, { what: 'the message' })
      const [message, ...others] = pubsub.stored(topic)
      assert.equal(others.length, 0)
      const id = isEvent(message!)
      if (delivery === 'outbox') assert.match(id!, /^[0-9a-f]{16}-\d+$/)
      else assert.equal(id, undefined)
    })
  }

  test('no PUBACK while Pub/Sub does not take it, and a missing topic is red until it is there', async () => {
    const { flow, id, topic } = await kpiFlow({ delivery: 'confirm', maxRetryBackoffMs: '1 s' })
    await pubsub.deleteTopic(topic)
    await deploySubscribed(nodeRed, broker, flow)
    const acknowledgedBefore = acknowledgementsIn(broker)
    await publishAll(broker.port, [[topicOf('SAF'), payload('SAF', 1)]])
    const status = await nodeRed.statusIs(id('sink'), ({ fill }) => fill === 'red')
    assert.match(status.text!, /does not exist|topic/i)
    assert.equal(acknowledgementsIn(broker), acknowledgedBefore)
    await pubsub.createTopic(topic)
    await acknowledged(broker, acknowledgedBefore + 1)
    await nodeRed.statusIs(id('sink'), ({ fill }) => fill === 'green')
    assert.equal(pubsub.stored(topic).length, 1)
  })

  test('an attribute name of Google is red at deploy, and the reading goes to the dead letters where it gives the name', async () => {
    const fixed = await kpiFlow({ attributes: [{ name: 'googlish', value: 'x' }] })
    await nodeRed.deploy(fixed.flow)
    await nodeRed.statusIs(fixed.id('sink'), ({ fill, text }) => fill === 'red' && /goog/.test(text ?? ''))
    const given = await kpiFlow({ attributes: [{ name: '{payload.site_code}', value: 'x' }] })
    await deploySubscribed(nodeRed, broker, given.flow)
    const acknowledgedBefore = acknowledgementsIn(broker)
    await publishAll(broker.port, [
      [topicOf('google'), payload('google', 1)],
      [topicOf('SAF'), payload('SAF', 2)],
    ])
    const [letter] = await waitForDeadLetters(nodeRed, given.id('sink'), 1)
    assert.deepEqual(
      [letter!.reason, letter!.error.code, letter!.payload],
      ['invalid', 'RECORD_INVALID', payload('google', 1)],
    )
    await acknowledged(broker, acknowledgedBefore + 2)
    await until(() => pubsub.stored(given.topic).length === 1, { what: 'the good one' })
  })
})

describe('F4: the environment decides whether anything leaves', () => {
  for (const environment of ['DEV', 'PPRD', 'PRD'])
    test(`${environment}: readings are published`, async () => {
      const { flow, topic } = await kpiFlow({ environment: '${APP_ENV}', delivery: 'confirm' }, { environment })
      await deploySubscribed(nodeRed, broker, flow)
      await publishAll(broker.port, [[topicOf('SAF'), payload('SAF', 1)]])
      await until(() => pubsub.stored(topic).length === 1, { what: 'the message' })
    })

  for (const { type } of sinks.filter((sink) => sink.type !== 'bigquery-sink'))
    test(`LOCAL: a ${type} says dry-run, logs each reading, has it acknowledged and writes nothing`, async () => {
      const { flow, id, topic } = await kpiFlow({ environment: '${APP_ENV}' }, { environment: 'LOCAL', type })
      await deploySubscribed(nodeRed, broker, flow)
      await nodeRed.statusIs(id('sink'), ({ fill, text }) => fill === 'grey' && /^dry-run \(LOCAL\)/.test(text ?? ''))
      const acknowledgedBefore = acknowledgementsIn(broker)
      await publishAll(broker.port, [
        [topicOf('SAF'), payload('SAF', 412.75)],
        [topicOf('CMC'), payload('CMC', 1)],
      ])
      await acknowledged(broker, acknowledgedBefore + 2)
      const status = await nodeRed.statusIs(id('sink'), ({ text }) => /2 logged/.test(text ?? ''))
      assert.equal(status.text, 'dry-run (LOCAL) · 2 logged')
      for (const site of ['SAF', 'CMC'])
        assert.match(nodeRed.log(), new RegExp(`dry run, not written: ${topicOf(site)} .*"site_code":"${site}"`))
      assert.deepEqual(pubsub.stored(topic), [])
      assert.deepEqual(linesOf(nodeRed, `${topic}.ndjson`), [])
    })

  for (const [what, environment] of [
    ['not set', undefined],
    ['PROD', 'PROD'],
    ['set to nothing', ''],
  ] as const)
    test(`${what}: red at deploy, nothing is sent and nothing acknowledged`, async () => {
      const { flow, id, topic } = await kpiFlow(
        { environment: '${APP_ENV}' },
        { ...(environment !== undefined && { environment }) },
      )
      await deploySubscribed(nodeRed, broker, flow)
      const status = await nodeRed.statusIs(id('sink'), ({ fill }) => fill === 'red')
      assert.match(status.text!, /^Environment: /)
      const acknowledgedBefore = acknowledgementsIn(broker)
      const received = () => broker.log().split('Sending PUBLISH to nr-').length - 1
      const receivedBefore = received()
      await publishAll(broker.port, [[topicOf('SAF'), payload('SAF', 1)]])
      await until(() => received() > receivedBefore, { what: 'the reading to reach the flow' })
      // A second reading, of a flow that works, is acknowledged after the first would have been.
      await publishAll(broker.port, [[topicOf('CMC'), payload('CMC', 1)]])
      await until(() => received() > receivedBefore + 1, { what: 'the second reading' })
      assert.equal(acknowledgementsIn(broker), acknowledgedBefore)
      assert.deepEqual(pubsub.stored(topic), [])
    })
})

/** What it does with BigQuery is in acceptance-bigquery. */
const noBigQuery = { bigqueryEmulator: 'http://127.0.0.1:1', bigqueryStorageEmulator: '127.0.0.1:1' }

describe('the examples', () => {
  test('07: with the variables set, and nothing edited but the emulator, a reading becomes an event', async () => {
    await pubsub.createTopic('example-07')
    const env = {
      MQTT_BROKER: '127.0.0.1',
      MQTT_PORT: String(broker.port),
      MQTT_TOPIC: filter,
      GCP_PROJECT_ID: project,
      PUBSUB_TOPIC: 'example-07',
      BIGQUERY_DATASET: 'plant',
      BIGQUERY_TABLE: 'kpis',
      APP_ENV: 'DEV',
    }
    await using plant = await startNodeRed({ env })
    const imported = await importExample(plant, '07 Plant KPIs to PubSub and BigQuery')
    const flow = adjust(imported, { 'google-cloud': { pubsubEmulator: pubsub.address, ...noBigQuery } })
    await deploySubscribed(plant, broker, flow)
    await publishAll(broker.port, [
      [topicOf('SAF'), payload('SAF', 412.75)],
      [topicOf('CMC'), payload('SAF', 1)],
    ])
    await until(() => pubsub.stored('example-07').length > 0, { what: 'the message' })
    isEvent(pubsub.stored('example-07')[0]!)
    const [letter] = await waitForDeadLetters(plant, nodeOf(flow, 'row-decoder').id, 1)
    assert.equal(letter!.reason, 'site-mismatch')
  })

  test('08: with broker and emulator set, a reading becomes an event', async () => {
    await pubsub.createTopic('kpis')
    const flow = adjust(await importExample(nodeRed, '08 Local development'), {
      'mqtt-v3-source': { host: '127.0.0.1', port: String(broker.port) },
      'google-cloud': { projectId: project, pubsubEmulator: pubsub.address, ...noBigQuery },
    })
    await deploySubscribed(nodeRed, broker, flow)
    await publishAll(broker.port, [[topicOf('SAF'), payload('SAF', 412.75)]])
    await until(() => pubsub.stored('kpis').length > 0, { what: 'the message' })
    isEvent(pubsub.stored('kpis')[0]!)
  })
})

/** Of the turns since it was last asked. */
async function probed() {
  const answers = () => [...nodeRed.log().matchAll(/turns (\d+) p99 ([\d.]+) max ([\d.]+)/g)]
  const before = answers().length
  process.kill(nodeRed.pid, 'SIGURG')
  await until(() => answers().length > before, { what: 'the probe' })
  const [count, p99, max] = answers().at(-1)!.slice(1).map(Number)
  return { count: count!, p99: p99!, max: max! }
}

test('F10: with a Pub/Sub that takes 2 s for each answer, the handlers do not block and all arrive', async () => {
  const { flow, id, topic } = await kpiFlow({ delivery: 'confirm' })
  await deploySubscribed(nodeRed, broker, flow)
  await pubsub.fault({ topic, delayMs: 2000, count: -1 })
  await probed()
  const readings = Array.from({ length: 5000 }, (_, n) => [topicOf('SAF'), payload('SAF', n)] as const)
  const start = performance.now()
  for (let sent = 0; sent < readings.length; sent += 250) {
    await publishAll(broker.port, readings.slice(sent, sent + 250))
    await until(() => performance.now() - start >= (sent + 250) * 2, { what: 'the next half second' })
  }
  // Before the wait for the rest, in which there is little to do.
  const { count, p99, max } = await probed()
  await until(() => pubsub.stored(topic).length >= readings.length, {
    what: 'all messages',
    timeoutMs: 90_000,
    intervalMs: 500,
    output: () => `${pubsub.stored(topic).length} so far`,
  })
  await nodeRed.statusIs(id('in'), ({ text }) => !/ open/.test(text ?? ''))
  process.stderr.write(`event loop delay: ${count} turns, p99 ${p99} ms, at most ${max} ms\n`)
  assert.ok(count > 200 && p99 < 50, `p99 is ${p99} ms of ${count} turns`)
  assert.deepEqual(
    pubsub.stored(topic).map(({ data }) => (JSON.parse(String(data)) as { readonly value: number }).value),
    readings.map((_, n) => n),
  )
  await pubsub.heal()
})

test('a flow without Google nodes loads none of its libraries', async () => {
  await using other = await startNodeRed({
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(requiring)}` },
  })
  const { id, node, source } = flowBuilder()
  const flow = [
    ...source(broker.port, [{ filter, qos: '1' }], ['sink']),
    node('kafka-cluster', 'cluster', { brokers: '127.0.0.1:1' }),
    node('kafka-sink', 'sink', { cluster: id('cluster'), topic: id('kafka') }, [[], []]),
  ]
  await deploySubscribed(other, broker, flow)
  await other.statusIs(id('sink'), ({ text }) => /not reachable|cannot be reached/.test(text ?? ''))
  const loadedFiles = async () => {
    const answers = () => [...other.log().matchAll(/google files (\d+)/g)]
    const before = answers().length
    process.kill(other.pid, 'SIGURG')
    await until(() => answers().length > before, { what: 'the probe' })
    return Number(answers().at(-1)![1])
  }
  assert.equal(await loadedFiles(), 0)
  await other.deploy([
    ...flow,
    node('google-cloud', 'google', { projectId: project, credentialsMode: 'file', credentialsFile: 'nowhere.json' }),
    node('pubsub-sink', 'google-sink', { cloud: id('google'), topic: 'readings' }, [[], []]),
  ])
  const status = await other.statusIs(id('google-sink'), ({ fill }) => fill === 'red')
  assert.match(status.text!, /^no access: ENOENT/)
  assert.ok((await loadedFiles()) > 0, 'the probe sees the library where it is used')
})
