import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { importExample } from '../nodes/acceptance-flow.ts'
import { kpiTopic } from '../rows/plant-kpi.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type EditorPage, launchBrowser, openEditor } from './editor-page.ts'

const env = {
  MQTT_BROKER: '127.0.0.1',
  MQTT_PORT: '1',
  MQTT_TOPIC: 'FCTS/#',
  GCP_PROJECT_ID: 'plant-data',
  PUBSUB_TOPIC: 'kpis',
  BIGQUERY_DATASET: 'history',
  BIGQUERY_TABLE: 'kpis',
  APP_ENV: 'LOCAL',
}

let nodeRed: NodeRed
let browser: Browser
let editor: EditorPage
let flow: readonly FlowNode[]

/** The flow of example 07, with a sink of every other kind beside its own. */
before(async () => {
  nodeRed = await startNodeRed({ env })
  const example = await importExample(nodeRed, '07 Plant KPIs to PubSub and BigQuery')
  const decoder = example.find(({ type }) => type === 'row-decoder')!
  const { z } = decoder
  const others: FlowNode[] = [
    {
      id: 'kafka',
      type: 'kafka-sink',
      z,
      x: 700,
      y: 400,
      cluster: 'cluster',
      topic: 'kpi.{topic.site_code}',
      wires: [],
    },
    { id: 'cluster', type: 'kafka-cluster', brokers: '127.0.0.1:1' },
    { id: 'out', type: 'mqtt-v3-out', z, x: 700, y: 460, source: 'target', topic: 'kpi/{topic.pi_tag}', wires: [] },
    { id: 'target', type: 'mqtt-v3-source', host: '127.0.0.1', port: '1' },
    { id: 'file', type: 'file-sink', z, x: 700, y: 520, path: 'kpis.ndjson', environment: 'LOCAL', wires: [] },
  ]
  const [rows, rejected] = decoder.wires as string[][]
  const wires = [[...rows!, 'kafka', 'out', 'file'], rejected]
  flow = [...example.map((node) => (node === decoder ? { ...node, wires } : node)), ...others]
  await nodeRed.deploy(flow)
  browser = await launchBrowser()
  editor = await openEditor(browser, nodeRed.url, 'en-US')
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
})

const reading = '{"site_code":"SAF","sensor_id":"SX-FIT-101","timestamp":"2025-07-01T12:00:00Z","value":412.75}'
const row =
  '{"site_code":"SAF","sensor_id":"SX-FIT-101","pi_tag":"SX_PLS_FLOW.PV","timestamp":"2025-07-01T12:00:00Z","value":412.75}'
const part = () => editor.page.locator('.rowline-part').last()
const idOf = (type: string) => flow.find((node) => node.type === type)!.id

async function inForm(type: string, work: () => Promise<void>): Promise<void> {
  await editor.openNode(idOf(type))
  await part().locator('summary').click()
  try {
    await work()
  } finally {
    await editor.cancel()
  }
}

/** Every part by its name. */
async function shown(): Promise<{ readonly [part: string]: string }> {
  await part().locator('.rowline-preview-show').click()
  await part().locator('[role=status] > *').first().waitFor()
  assert.deepEqual(await part().locator('.rowline-preview-problem').allInnerTexts(), [])
  const cells = await part().locator('.rowline-preview :is(th, td)').allInnerTexts()
  return Object.fromEntries(cells.flatMap((text, i) => (i % 2 === 0 ? [[text, cells[i + 1]!]] : [])))
}

async function refused(payload: string): Promise<string> {
  await part().locator('textarea').fill(payload)
  await part().locator('.rowline-preview-show').click()
  return part().locator('.rowline-preview-problem').innerText()
}

test('a decoder shows the row of a payload, why it is rejected, and what the form says now', () =>
  inForm('row-decoder', async () => {
    await part().locator('.rowline-preview-topic').fill(kpiTopic)
    await part().locator('textarea').fill(reading)
    assert.deepEqual(await shown(), {
      site_code: '"SAF"',
      sensor_id: '"SX-FIT-101"',
      pi_tag: '"SX_PLS_FLOW.PV"',
      timestamp: '"2025-07-01T12:00:00Z"',
      value: '412.75',
    })
    await editor.screenshot('preview-decoder')
    assert.match(await refused(reading.replace('412.75', '"high"')), /^Rejected by the row decoder \(type\): .*value/)
    assert.match(await refused('{"site_code":'), /^Rejected by the row decoder \(json\): /)
    await editor.screenshot('preview-rejected')
    await editor.field('topicPattern').locator('input').fill('FCTS/FAE/{site_code}/Leach/{pi_tag}')
    assert.match(await refused(reading), /\(topic-structure\)/)
    await editor.field('topicPattern').locator('input').fill('FCTS/FAE/{site')
    assert.match(await refused(reading), /^Something is wrong with the configuration:\nrow decoder: /)
  }))

const results = () => part().locator('[role=status]')

test('once shown, the preview follows the form and the sample by itself, with one question at a time', () =>
  inForm('row-decoder', async () => {
    const { page } = editor
    const [topic, payload] = [part().locator('.rowline-preview-topic'), part().locator('textarea')]
    let [open, mostOpen, asked] = [0, 0, 0]
    await page.route('**/rowline/preview', async (route) => {
      mostOpen = Math.max(mostOpen, ++open)
      asked++
      await new Promise((resolve) => setTimeout(resolve, 400))
      await route.continue()
      open--
    })
    await topic.fill(kpiTopic)
    await payload.fill(reading)
    await page.waitForTimeout(600)
    assert.deepEqual([asked, await results().innerText()], [0, ''], 'nobody wants to see it')
    assert.equal((await shown()).value, '412.75')
    assert.equal(asked, 1)

    await payload.fill(reading.replace('412.75', '7.5'))
    await results().getByText('7.5', { exact: true }).waitFor()
    await editor.field('topicPattern').locator('input').fill('FCTS/FAE/{site_code}/Leach/{pi_tag}')
    await results()
      .getByText(/\(topic-structure\)/)
      .waitFor()
    const before = asked
    // In the page: a way to it and back for each change may take longer than the pause that asks.
    await payload.evaluate(async (element) => {
      for (let n = 0; n < 30; n++) {
        Object.assign(element, { value: `{"n":${n}` }).dispatchEvent(new Event('input', { bubbles: true }))
        await new Promise((resolve) => setTimeout(resolve, n < 15 ? 20 : 150))
      }
    })
    await editor.field('topicPattern').locator('input').fill('FCTS/FAE/{site')
    await results()
      .getByText(/^Something is wrong with the configuration/)
      .waitFor()
    await page.waitForTimeout(1000)
    assert.ok(asked - before <= 3, `${asked - before} questions`)
    assert.equal(mostOpen, 1)
    assert.match(await results().innerText(), /^Something is wrong with the configuration/, 'the newest wins')
    await page.unroute('**/rowline/preview')
    await payload.fill(reading)
    await page.waitForTimeout(600)
  }))

const metadata = {
  'mqtt.topic': kpiTopic,
  'mqtt.qos': '1',
  'mqtt.retain': 'false',
  'mqtt.dup': 'false',
  source: 'mqtt',
}
const named = (kind: string, values: object) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${kind} ${name}`, value]))

const expected: { readonly [type: string]: object } = {
  'pubsub-sink': {
    topic: 'projects/plant-data/topics/kpis',
    'ordering key': 'SAF',
    ...named('attribute', { ...metadata, site: 'SAF', pi_tag: 'SX_PLS_FLOW.PV' }),
    data: row.replace('pi_tag', 'kpi'),
  },
  'bigquery-sink': {
    table: 'plant-data.history.kpis',
    ...named('column', {
      site_code: 'SAF',
      sensor_id: 'SX-FIT-101',
      pi_tag: 'SX_PLS_FLOW.PV',
      timestamp: '2025-07-01T12:00:00.000000Z',
      value: '412.75',
      mqtt_topic: kpiTopic,
    }),
  },
  'kafka-sink': { topic: 'kpi.SAF', key: kpiTopic, ...named('header', metadata), value: row },
  'mqtt-v3-out': { topic: 'kpi/SX_PLS_FLOW.PV', qos: '1', retain: 'false', payload: row },
  'file-sink': { file: 'kpis.ndjson', line: row },
}

for (const [type, parts] of Object.entries(expected))
  test(`${type} shows what its target gets of the message behind the decoder`, () =>
    inForm(type, async () => {
      const { 'column ingested_at': at, ...found } = await shown()
      await editor.screenshot(`preview-${type}`)
      assert.deepEqual(found, parts)
      if (type === 'bigquery-sink') assert.ok(Math.abs(Date.now() - Date.parse(at!)) < 60_000, at)
    }))

test('a variable that is not set is named, and bytes may be given in hex', () =>
  inForm('file-sink', async () => {
    await editor.field('path').locator('input').fill('${NOWHERE}/a')
    assert.match(await refused(reading), /^Something is wrong with the configuration:\nfile sink: .*NOWHERE/)
    await part().locator('select').selectOption('hex')
    assert.match(await refused('7b 22'), /^Rejected by the row decoder \(json\)/)
    await part().locator('select').selectOption('text')
    await part().locator('textarea').fill(reading)
    await editor.field('path').locator('input').fill('kpis.ndjson')
    assert.equal((await shown()).line, row)
    assert.deepEqual(editor.errors, [])
  }))

test('with Routes the topic decides which schema a payload is shown by, and none is not taken for one', async () => {
  const subscriptions = [
    { filter: 'plant/+/pressure', qos: '1', route: 'pressure', to: '' },
    { filter: '${MQTT_TOPIC}', qos: '1', route: 'kpi', to: '' },
  ]
  const at = (y: number) => ({ z: 'routes', x: 300, y })
  await nodeRed.deploy([
    { id: 'routes', type: 'tab', label: 'Routes' },
    { id: 'bars', type: 'row-schema', schema: 'bar DOUBLE' },
    { id: 'in', type: 'mqtt-v3-in', source: '', subscriptions, ...at(60), wires: [['junction'], []] },
    { id: 'junction', type: 'junction', ...at(100), wires: [['decoder']] },
    {
      ...{ id: 'decoder', type: 'row-decoder', ...at(140), wires: [['file'], []] },
      ...{ routes: [{ route: 'pressure', schema: 'routesSchema1' }], routesSchema1: 'bars' },
    },
    { id: 'file', type: 'file-sink', path: 'rows.ndjson', environment: 'LOCAL', ...at(200), wires: [[], []] },
  ])
  await editor.reload()
  const show = async (topic: string) => {
    await part().locator('.rowline-preview-topic').fill(topic)
    await part().locator('.rowline-preview-show').click()
    const notice = part().locator('.rowline-preview-route')
    await notice.waitFor()
    return [await notice.innerText(), await part().locator('.rowline-preview td').last().innerText()]
  }
  for (const [id, row, other] of [
    ['decoder', '1', '{"bar": 1}'],
    ['file', '{"bar":1}', '{"bar": 1}'],
  ] as const) {
    await editor.openNode(id)
    await part().locator('summary').click()
    await part().locator('textarea').fill('{"bar": 1}')
    assert.deepEqual(await show('plant/1/pressure'), ['Route pressure, by the topics of mqtt v3 in.', row])
    assert.deepEqual(await show('FCTS/x'), ['No schema was applied: the route kpi is not in Routes.', other])
    const [unknown] = await show('elsewhere')
    assert.match(unknown!, /^No schema was applied: no topic of an mqtt v3 in before this node/)
    assert.equal(await part().locator('.rowline-preview-route.rowline-preview-problem').count(), 1)
    if (id === 'decoder') {
      const cell = editor.field('routes').locator('[data-column="route"]:visible')
      await cell.focus()
      const offered = editor.page.locator('#rowline-routes option')
      assert.deepEqual(
        await offered.evaluateAll((options) => options.map((option) => (option as unknown as { value: string }).value)),
        ['kpi', 'pressure'],
      )
    }
    await editor.cancel()
  }
  assert.deepEqual(editor.errors, [])
})
