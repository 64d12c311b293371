import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import type { PipelineView } from '../../nodes/shared/pipeline-view.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { flowBuilder, type Values, waitForDeadLetters, waitForLines } from './acceptance-flow.ts'

let broker: FakeBroker
let kafka: Awaited<ReturnType<typeof sharedKafka>>
let nodeRed: NodeRed
let builder: ReturnType<typeof flowBuilder>

before(async () => {
  kafka = await sharedKafka()
  broker = await startFakeBroker({ window: 100 })
  nodeRed = await startNodeRed({ settings: { rowline: { maxUnconfirmedAgeMs: '3 s' } } })
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
  await kafka.stop()
})
beforeEach(() => {
  builder = flowBuilder()
})

interface Sample {
  readonly name: string
  readonly labels: { readonly [name: string]: string }
  readonly value: number
}

const scrape = async () => (await nodeRed.request('/rowline/metrics')).text()

/** The samples of an exposition whose name and labels are these, and perhaps others. */
function samples(text: string, name: string, labels: Sample['labels'] = {}): Sample[] {
  const lines = [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, found, inner = '', value]) => ({
    name: found!,
    labels: Object.fromEntries([...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key!, text!])),
    value: Number(value),
  }))
  const fits = (sample: Sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text)
  return lines.filter((sample) => sample.name === name && fits(sample))
}

const amount = (text: string, name: string, labels?: Sample['labels']) => samples(text, name, labels)[0]?.value

function flow(sink: Values): readonly FlowNode[] {
  const { id, node, source } = builder
  const rows = [
    { filter: 'plant/+', qos: '1', route: 'plant' },
    { filter: 'rest/#', qos: '1', route: 'rest' },
  ]
  return [
    ...source(broker.port, rows, ['decoder']),
    node('row-schema', 'schema', { writtenAs: 'json-schema', jsonSchema: '{"properties":{"n":{"type":"integer"}}}' }),
    node('row-decoder', 'decoder', { format: 'json-schema', schema: id('schema') }, [['kafka'], []]),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    node('kafka-sink', 'kafka', { cluster: id('cluster'), retryBackoffMs: '100 ms', ...sink }, [[], []]),
  ]
}

async function deploy(nodes: readonly FlowNode[]): Promise<void> {
  await nodeRed.deploy(nodes)
  await nodeRed.statusIs(builder.id('in'), ({ fill }) => fill === 'green')
}

/** The name of the tab. */
const pipeline = () => builder.id('kafka').split('-')[0]!

const canary = 'canary-8f2e'

for (const delivery of ['outbox', 'confirm'] as const)
  test(`D9, ${delivery}: ten good records, two invalid ones and a failure of the sink are counted, by node and route`, async () => {
    const topic = `metrics-${randomUUID()}`
    await deploy(flow({ delivery, topic, autoCreateTopics: false }))
    const kafkaNode = { node: builder.id('kafka') }
    await until(async () => amount(await scrape(), 'rowline_retries_total', kafkaNode)! >= 1, { what: 'a retry' })
    for (let n = 0; n < 10; n++) broker.publish({ topic: 'plant/a', qos: 1, payload: JSON.stringify({ n }) })
    for (let n = 0; n < 2; n++) broker.publish({ topic: 'rest/b', qos: 1, payload: JSON.stringify({ n: canary }) })
    await waitForDeadLetters(nodeRed, builder.id('decoder'), 2)
    await createTopic(kafka.brokers, topic, 1)
    await until(async () => amount(await scrape(), 'rowline_records_confirmed_total', kafkaNode) === 10, {
      what: 'ten confirmed records',
      timeoutMs: 60_000,
    })
    const judged = (await (await nodeRed.request('/rowline/pipelines')).json()) as readonly PipelineView[]
    const [weak] = judged[0]!.findings
    assert.deepEqual([weak!.code, weak!.node, weak!.values], ['oneReplica', builder.id('kafka'), { topics: topic }])
    const text = await scrape()
    const received = (route: string) =>
      amount(text, 'rowline_records_received_total', { node: builder.id('in'), route })
    assert.deepEqual([received('plant'), received('rest')], [10, 2])
    const refused = { node: builder.id('decoder'), type: 'row-decoder', reason: 'schema', route: 'rest' }
    assert.equal(amount(text, 'rowline_records_rejected_total', refused), 2)
    const labels = { ...kafkaNode, type: 'kafka-sink', route: 'plant', pipeline: pipeline() }
    assert.equal(amount(text, 'rowline_record_duration_seconds_count', labels), 10)
    assert.equal(amount(text, 'rowline_record_duration_seconds_bucket', { ...labels, le: '+Inf' }), 10)
    const buckets = samples(text, 'rowline_record_duration_seconds_bucket', labels).map(({ value }) => value)
    assert.deepEqual(
      buckets,
      buckets.toSorted((a, b) => a - b),
    )
    assert.ok(amount(text, 'rowline_record_duration_seconds_sum', labels)! > 0)
    assert.equal(amount(text, 'rowline_source_connected', { node: builder.id('in') }), 1)
    assert.equal(amount(text, 'rowline_outbox_entries', kafkaNode), delivery === 'outbox' ? 0 : undefined)
    await until(async () => amount(await scrape(), 'rowline_health') === 1, { what: 'health' })
    assert.ok(!text.includes(canary))
    await nodeRed.deploy([])
    assert.equal(
      amount(await scrape(), 'rowline_records_confirmed_total', kafkaNode),
      10,
      'counters outlive their node',
    )
  })

async function problems() {
  const response = await fetch(`${nodeRed.url}/rowline/health`)
  const { status, problems } = (await response.json()) as Health
  assert.deepEqual([response.status, status], problems.length > 0 ? [503, 'failing'] : [200, 'ok'])
  return problems
}

/** What is no reason for 503. */
async function remarks() {
  return ((await (await fetch(`${nodeRed.url}/rowline/health`)).json()) as Health).remarks
}

/** Resolves with the problems once there are so many. */
async function problemsAre(count: number, timeoutMs: number) {
  const found = async () => {
    const now = await problems()
    return now.length === count ? now : undefined
  }
  return (await until(found, { what: `${count} problems`, timeoutMs }))!
}

test('D9: three failed writes make health 0 although nothing waits long; the third does, and the first confirmation ends it', async () => {
  await using patient = await startNodeRed()
  const topic = `metrics-${randomUUID()}`
  await patient.deploy(flow({ topic, autoCreateTopics: false, retryBackoffMs: '1 s', maxRetryBackoffMs: '1 s' }))
  await patient.statusIs(builder.id('in'), ({ fill }) => fill === 'green')
  const state = async () => {
    const text = await (await patient.request('/rowline/metrics')).text()
    const kafkaNode = { node: builder.id('kafka') }
    return [amount(text, 'rowline_retries_total', kafkaNode)!, amount(text, 'rowline_health')] as const
  }
  const seen = new Map<number, number | undefined>()
  const third = async () => {
    const [retries, health] = await state()
    seen.set(retries, health)
    return retries >= 3
  }
  await until(third, { what: 'three failed writes', timeoutMs: 60_000 })
  for (const [retries, health] of seen) assert.equal(health, retries < 3 ? 1 : 0, `after ${retries} failures`)
  broker.publish({ topic: 'plant/a', qos: 1, payload: '{"n":1}' })
  await createTopic(kafka.brokers, topic, 1)
  await until(async () => (await state())[1] === 1, { what: 'health', timeoutMs: 60_000 })
  assert.equal((await readTopic(kafka.brokers, topic, { count: 1 })).length, 1)
})

test('health is 0 while a reading is held that no sink has, at a node that is red', async () => {
  const { id, node, source } = builder
  await deploy([
    ...source(broker.port, [{ filter: 'plant/+', qos: '1' }], ['wrong']),
    node('file-sink', 'wrong', { path: 'rows', batchRecords: 'many' }, [[], []]),
  ])
  assert.deepEqual(await problems(), [])
  const red = { pipeline: id('in').split('-')[0], node: id('wrong'), type: 'file-sink' }
  assert.deepEqual(await remarks(), [{ ...red, problem: 'wrong configuration: Batch records' }])
  broker.publish({ topic: 'plant/a', qos: 1, payload: '{"n":1}' })
  const [held] = await problemsAre(1, 3000 + 10_000)
  assert.deepEqual([held!.node, held!.type], [id('in'), 'mqtt-v3-in'])
  assert.match(held!.problem, /^a reading has waited for \d+ s$/)
  assert.ok(amount(await scrape(), 'rowline_oldest_unconfirmed_seconds', { node: id('in') })! > 3)
  await nodeRed.deploy([])
  assert.deepEqual(await problems(), [])
})

test('D9: health is 0 within 10 s of a record passing its limit, names the node, and is 1 after the next confirmation', async () => {
  const topic = `metrics-${randomUUID()}`
  await deploy(flow({ topic, autoCreateTopics: false }))
  broker.publish({ topic: 'plant/a', qos: 1, payload: '{"n":1}' })
  const [waits, fails] = await problemsAre(2, 3000 + 10_000)
  assert.deepEqual([waits!.node, waits!.pipeline, waits!.type], [builder.id('kafka'), pipeline(), 'kafka-sink'])
  assert.match(waits!.problem, /^a reading has waited for \d+ s$/)
  assert.match(fails!.problem, /^\d+ writes failed in a row$/)
  assert.equal(amount(await scrape(), 'rowline_health'), 0)
  await createTopic(kafka.brokers, topic, 1)
  await until(async () => (await problems()).length === 0, { what: 'health', timeoutMs: 60_000 })
  assert.equal(amount(await scrape(), 'rowline_health'), 1)
  await nodeRed.deploy([])
})

interface Health {
  readonly status: string
  readonly problems: readonly HealthProblem[]
  readonly remarks: readonly HealthProblem[]
}

interface HealthProblem {
  readonly pipeline: string
  readonly node: string
  readonly type: string
  readonly problem: string
}

test('with a port and a token of their own the numbers are there, for those who send the token, and nowhere else', async () => {
  const metricsPort = await freePort()
  await using own = await startNodeRed({ settings: { rowline: { metricsPort, metricsToken: 'open sesame' } } })
  const ask = (path: string, token?: string) =>
    fetch(`http://127.0.0.1:${metricsPort}${path}`, token === undefined ? {} : { headers: { Authorization: token } })
  assert.equal((await ask('/rowline/metrics')).status, 401)
  assert.equal((await ask('/rowline/metrics', 'Bearer wrong')).status, 401)
  const response = await ask('/rowline/metrics', 'Bearer open sesame')
  assert.equal(response.status, 200)
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  assert.equal(amount(await response.text(), 'rowline_health'), 1)
  assert.equal((await ask('/rowline/health', 'Bearer open sesame')).status, 200)
  assert.deepEqual(
    [(await ask('/rowline/rows')).status, (await ask('/rowline/rows', 'Bearer open sesame')).status],
    [401, 200],
  )
  assert.equal((await ask('/elsewhere', 'Bearer open sesame')).status, 404)
  assert.equal((await fetch(`${own.url}/rowline/metrics`)).status, 404)
})

test('a gauge shows rows of batches, and sends what has no number to output 2; both are acknowledged', async () => {
  const { id, node, source } = builder
  const file = `${id('rejected')}.ndjson`
  const subscriptions = [{ filter: 'wall/#', qos: '1' }]
  const gauge = { valueColumn: 'n', metric: 'wall_n', labels: [{ column: 'site' }], maxSeries: '2' }
  await deploy([
    ...source(broker.port, subscriptions, ['decoder'], { output: 'batches', lingerMs: '200 ms', windowRecords: '6' }),
    node('row-decoder', 'decoder', { format: 'json' }, [['gauge'], []]),
    node('prometheus-gauge', 'gauge', gauge, [['print'], ['file']]),
    node('debug', 'print', { active: true, tosidebar: true, complete: 'payload' }, []),
    node('file-sink', 'file', { path: file, content: 'record' }, [[], []]),
  ])
  const payloads = [
    '{"site":1,"n":1}',
    '{"site":2,"n":"x"}',
    '{"site":1,"n":9007199254740993}',
    '{"site":2,"n":-2}',
    '{"site":3,"n":3}',
    '{"site":4}',
  ]
  for (let round = 0; round < 3; round++)
    for (const payload of payloads) broker.publish({ topic: 'wall/a', qos: 1, payload })
  const letters = (await waitForLines(nodeRed, file, 6)).map((line) => JSON.parse(line).payload)
  assert.deepEqual(new Set(letters), new Set([payloads[1], payloads[5]]))
  await until(async () => amount(await scrape(), 'rowline_source_unacknowledged', { node: id('in') }) === 0, {
    what: 'the acknowledgements',
  })
  const rows = (await (await nodeRed.request('/rowline/rows')).text()).split('\n')
  assert.deepEqual(
    rows.filter((line) => line.startsWith('wall_n{')),
    ['wall_n{site="1"} 9007199254740992', 'wall_n{site="2"} -2'],
  )
  const text = await scrape()
  const labels = { node: id('gauge') }
  assert.equal(amount(text, 'rowline_gauge_series', labels), 2)
  assert.equal(amount(text, 'rowline_gauge_unshown_total', labels), 3)
  for (const reason of ['missing', 'type'])
    assert.equal(amount(text, 'rowline_records_rejected_total', { ...labels, reason }), 3, reason)
  const full = /^\d+\/s · 2 series · 3 not shown · 6 rejected$/
  await nodeRed.statusIs(id('gauge'), ({ fill, text = '' }) => fill === 'yellow' && full.test(text))
  assert.equal(nodeRed.log().split('"Most series" (2) is reached').length - 1, 1)
  const shown = nodeRed.debugMessages() as readonly { readonly id: string; readonly msg: string }[]
  const passed = shown.filter((each) => each.id === id('print')).flatMap(({ msg }) => JSON.parse(msg) as unknown[])
  assert.equal(passed.length, 12, 'what is rejected does not go on')
  await nodeRed.deploy([])
  assert.ok(!(await (await nodeRed.request('/rowline/rows')).text()).includes('wall_n'))
})
