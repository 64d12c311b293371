import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type MetricName, metricTable } from '../../src/metrics/table.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  importExample,
  nodeOf,
  publishAll,
  startLoggingMosquitto,
} from '../nodes/acceptance-flow.ts'
import { readings } from '../rows/readings.ts'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic } from '../services/kafka-topics.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { projectDirectory } from '../services/package.ts'
import { freePort, until } from '../services/processes.ts'
import { type Prometheus, startPrometheus } from '../services/prometheus.ts'
import { type Plant, type PlantOptions, plant, traffic } from './plant.ts'

const file = (name: string) => readFileSync(join(projectDirectory, 'monitoring', name), 'utf8')
const canary = 'canary-8f2e'
const credentials = { user: 'plant', password: `password-${canary}` }
const connection = { username: credentials.user, password: credentials.password }

let broker: Mosquitto
let kafka: Awaited<ReturnType<typeof sharedKafka>>
let nodeRed: NodeRed
let prometheus: Prometheus
let options: PlantOptions
let made: Plant
let wall: readonly FlowNode[]
let published: Promise<void> = Promise.resolve()
const end = new AbortController()

before(async () => {
  kafka = await sharedKafka()
  broker = await startLoggingMosquitto({ users: { [credentials.user]: credentials.password }, conf: ['max_qos 1'] })
  nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, '../nodes/fixtures') })
  const { port } = nodeRed
  prometheus = await startPrometheus({
    scrapes: [
      { job: 'rowline', path: '/rowline/metrics', port },
      { job: 'rowline-rows', path: '/rowline/rows', port },
    ],
    rules: file('alerts.yml').replace(/for: \w+/g, 'for: 1s'),
  })
  await isSeen('rowline_health == 1')
  const nobody = `127.0.0.1:${await freePort()}`
  const run = `t${randomUUID().slice(0, 8)}`
  options = { brokerPort: broker.port, credentials, kafka: kafka.brokers, nobody, run }
  made = plant(options)
  const values = { host: '127.0.0.1', port: String(broker.port), credentials }
  wall = adjust(await importExample(nodeRed, '15 Rows on a wall'), { 'mqtt-v3-source': values })
  await nodeRed.deploy([...made.flow, ...wall])
  for (const id of [made.id('in'), made.id('held-in'), nodeOf(wall, 'mqtt-v3-in').id])
    await nodeRed.statusIs(id, ({ fill }) => fill === 'green')
  published = traffic(options, canary, end.signal)
})
after(async () => {
  end.abort()
  await published
  await prometheus.stop()
  await nodeRed.kill9()
  await broker.stop()
  await kafka.stop()
})

/** Resolves with the series as soon as there are some. */
async function isSeen(expression: string, timeoutMs = 60_000) {
  const found = async () => {
    const series = await prometheus.query(expression)
    return series.length > 0 ? series : undefined
  }
  return (await until(found, { what: expression, timeoutMs, intervalMs: 250, output: nodeRed.log }))!
}

test('A10: example 15 shows the rows that a change node has selected, and Prometheus finds them', async () => {
  const [first] = readings
  await publishAll(
    broker.port,
    readings.map(({ payload }) => ['factory_iot/north/101', payload.replace('"measurement":120', '"measurement":7')]),
    { connection },
  )
  await publishAll(broker.port, [['factory_iot/north/101', first.payload]], { connection })
  await isSeen('measurement{siteId="101",unit="BAR"} == 120')
  const shown = async () => {
    const series = await prometheus.query('measurement')
    return series.map(({ labels: { siteId, deviceId, unit }, value }) => `${siteId} ${deviceId} ${unit} ${value}`)
  }
  const expected = ['101 1004 BAR 120', '102 1008 Liter 25', '103 1014 Amp 24']
  await until(async () => String((await shown()).sort()) === String(expected), { what: 'three series' })
  const lines = (await (await nodeRed.request('/rowline/rows')).text()).split('\n')
  assert.ok(lines.includes('# TYPE measurement gauge'))
  assert.ok(lines.includes('measurement{deviceId="1004",siteId="101",unit="BAR"} 120'))
  await publishAll(broker.port, [['factory_iot/north/101', first.payload.replace(':120', ':null')]], { connection })
  const others = String(expected.slice(1))
  await until(async () => String((await shown()).sort()) === others, { what: 'the end of the series' })
})

/** The series of a metric; those of a histogram have names of their own. */
const seriesOf = (name: MetricName): readonly string[] =>
  metricTable[name].type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name]

test('every metric that the README lists comes with its labels, is above zero in this plant, and no other comes', async () => {
  for (const [name, { labels }] of Object.entries(metricTable))
    for (const series of seriesOf(name as MetricName)) {
      const found = await isSeen(`max_over_time(${series}[10m]) > 0`)
      const own = new Set(found.flatMap((one) => Object.keys(one.labels)))
      for (const others of ['instance', 'job', 'le']) own.delete(others)
      assert.deepEqual([...own].sort(), [...labels].sort(), series)
    }
  const text = await (await nodeRed.request('/rowline/metrics')).text()
  const told = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type])
  assert.deepEqual(
    told,
    Object.entries(metricTable).map(([name, { type }]) => [name, type]),
  )
})

interface Panel {
  readonly id: number
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}
const dashboard = JSON.parse(file('grafana-dashboard.json')) as { readonly panels: readonly Panel[] }
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

const ownNames = (expression: string) => expression.match(/\browline_\w+/g) ?? []

test('every expression of the dashboard finds something while readings flow, and no metric is left out of it', async () => {
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const expression of expressions) {
    const variables = { $__rate_interval: '10s', $pipeline: '.*', $reading: 'measurement' }
    const filled = Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), expression)
    assert.ok(!filled.includes('$'), expression)
    await isSeen(filled)
  }
  const shown = new Set(expressions.flatMap(ownNames))
  for (const name of Object.keys(metricTable) as MetricName[])
    assert.ok(
      seriesOf(name).some((series) => shown.has(series)),
      `the dashboard does not show ${name}`,
    )
})

const firing = async (alert: string) =>
  (await prometheus.alerts()).filter(({ labels, state }) => labels.alertname === alert && state === 'firing')

test('the alert rules are valid and about metrics that exist; that of a sink fires while it is down, and no longer', async () => {
  const rules = await prometheus.rules()
  assert.ok(rules.length > 10)
  for (const { name, query, health } of rules) {
    assert.equal(health, 'ok', name)
    for (const metric of ownNames(query)) assert.ok(metric in metricTable, `${name}: ${metric}`)
  }
  const nodesOf = async () => String((await firing('RowlineSinkFailing')).map(({ labels }) => labels.node).sort())
  const [away, waits] = [made.id('away'), made.id('waits')]
  await until(async () => (await nodesOf()) === `${away},${waits}`, { what: 'two sinks', timeoutMs: 60_000 })
  const [alert] = await firing('RowlineSinkFailing')
  assert.equal(alert!.annotations.summary, `${alert!.labels.node} in ${alert!.labels.pipeline} cannot write`)
  for (const other of ['RowlineUnhealthy', 'RowlineRejected', 'RowlineOutboxDropped', 'RowlineLateSender'])
    await until(async () => (await firing(other)).length > 0, { what: other, timeoutMs: 60_000 })
  await createTopic(kafka.brokers, made.missingTopic, 1)
  await until(async () => (await nodesOf()) === away, { what: 'the end of one alert', timeoutMs: 60_000 })
})

test('nothing of a payload and no password is in a metric, in health or in the log', async () => {
  const before = acknowledgementsIn(broker)
  await acknowledged(broker, before + 10)
  const texts = await Promise.all(
    ['metrics', 'health', 'rows'].map(async (path) => (await nodeRed.request(`/rowline/${path}`)).text()),
  )
  assert.match(texts[1]!, /"status":"failing"/)
  for (const text of [...texts, nodeRed.log()]) {
    assert.ok(text.length > 100)
    assert.ok(!text.includes(canary), text.slice(Math.max(0, text.indexOf(canary) - 200)).slice(0, 400))
  }
})
