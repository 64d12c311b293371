import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { importExample } from '../nodes/acceptance-flow.ts'
import { factoryTable } from '../rows/readings.ts'
import { sensorSchema } from '../rows/sensor-schema.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type EditorPage, launchBrowser, openEditor } from './editor-page.ts'

let nodeRed: NodeRed
let browser: Browser
let editor: EditorPage

before(async () => {
  nodeRed = await startNodeRed()
  browser = await launchBrowser()
  editor = await openEditor(browser, nodeRed.url, 'en-US')
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
})

const dialog = () => editor.page.locator('.rowline-table-dialog')
const form = () => editor.page.locator('.rowline-form').last()
const flowNow = async () => (await (await nodeRed.request('/flows')).json()) as readonly FlowNode[]
const only = (flow: readonly FlowNode[], type: string, z?: string): FlowNode => {
  const found = flow.filter((node) => node.type === type && (z === undefined || node.z === z))
  assert.equal(found.length, 1, `${found.length} ${type}`)
  return found[0]!
}

async function openFromMenu(): Promise<void> {
  await editor.page.click('#red-ui-header-button-sidemenu')
  const entries = editor.page.locator('#red-ui-header-button-sidemenu-submenu > li')
  const ours = (await entries.allInnerTexts()).slice(-4).map((text) => text.trim())
  assert.deepEqual(
    [ours[0], ...ours.slice(1).sort()],
    ['', 'Rowline: First rows…', 'Rowline: Import settings of another program…', 'Rowline: Import table…'],
  )
  await editor.page.click('#menu-item-rowline-import-table')
  await dialog().waitFor()
}

/** Pastes a table and imports it; what the dialog says then, which is closed. */
async function importTable(text: string, into?: string): Promise<readonly string[]> {
  await dialog().locator('textarea').fill(text)
  if (into !== undefined) await dialog().locator('select').selectOption({ label: into })
  await editor.page.click('.rowline-apply')
  await dialog().locator('li').first().waitFor()
  const lines = await dialog().locator('li').allInnerTexts()
  await editor.page.locator('.ui-dialog-buttonset button', { hasText: 'Close' }).click()
  await dialog().waitFor({ state: 'detached' })
  return lines
}

const notices = [
  "'clean-session' is true: what is published while the connection is down is lost",
  "'executor.service.threads' is not needed: use poolSize",
  "the will has no message: an empty one is sent, which with 'last.will.retain' deletes the retained one",
]

const expectedSource = {
  host: 'localhost',
  port: '1883',
  clientId: 'flink_iot_consumer',
  clean: true,
  connectTimeoutMs: '30 s',
  keepalive: '60',
  maxReconnectDelayMs: '2 min',
  useTls: false,
  willTopic: 'disconnected/client',
  willPayload: '',
  willQos: '1',
  willRetain: true,
}

function assertHas(node: FlowNode, values: object): void {
  for (const [name, value] of Object.entries(values)) assert.deepEqual(node[name], value, name)
}

test('A1: the table of the example updates its nodes, and what is different here is listed', async () => {
  const example = await importExample(nodeRed, '04 Flink table')
  await nodeRed.deploy(example)
  await editor.reload()
  await openFromMenu()
  const lines = await importTable(factoryTable)
  assert.deepEqual(lines.slice(-3), notices)
  assert.deepEqual(
    lines.slice(0, -3).map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['mqtt-v3-source', 'row-schema', 'mqtt-v3-in', 'row-decoder'].map((type) => `Updated: ${type}`),
  )
  await editor.screenshot('import-table')
  await editor.deploy()
  const flow = await flowNow()
  assert.equal(flow.length, example.length)
  assertHas(only(flow, 'mqtt-v3-source'), expectedSource)
  assertHas(only(flow, 'mqtt-v3-in'), {
    subscriptions: [{ filter: 'factory_iot/north/101', qos: '1', route: '', to: '', partitions: '' }],
  })
  const schema = only(flow, 'row-schema')
  assertHas(schema, { writtenAs: 'sql', name: 'hive_catalog.mqtt.factory_iot_101' })
  assertHas(only(flow, 'row-decoder'), { format: 'json-row', schema: schema.id })
  await editor.openNode(only(flow, 'row-decoder').id)
  await editor.editConfig('schema')
  const tree = await form().locator('.rowline-shown').innerText()
  assert.deepEqual(
    tree.split('\n').filter((line) => !line.startsWith(' ')),
    ['ts: BIGINT', 'metadata: ROW (7 fields)', 'measurement: DOUBLE'],
  )
  await editor.screenshot('row-schema-tree')
  await editor.cancelConfig()
  await editor.cancel()
  assert.deepEqual(editor.errors, [])
})

test('a table with user and password makes new nodes, whose secrets are in the credential store, and undo takes them away', async () => {
  await nodeRed.deploy([{ id: 'empty', type: 'tab', label: 'Empty' }])
  await editor.reload()
  await openFromMenu()
  assert.deepEqual(await importTable("CREATE TABLE t (a INT) WITH ('connector' = 'kafka')"), [
    "table: line 1: the connector 'kafka' is not known: expected mqtt-v3 or mqtt",
  ])
  await openFromMenu()
  const table = factoryTable.replace("'qos' = '1'", "'qos' = '2', 'username' = 'reader', 'password' = 'secret words'")
  const lines = await importTable(table)
  assert.equal(lines.filter((line) => line.startsWith('New: ')).length, 4)
  await editor.deploy()
  const flow = await flowNow()
  const [source, input, decoder] = ['mqtt-v3-source', 'mqtt-v3-in', 'row-decoder'].map((type) => only(flow, type))
  assertHas(source!, expectedSource)
  assertHas(input!, { z: 'empty', source: source!.id, wires: [[decoder!.id], []] })
  assert.equal((input!.subscriptions as readonly { qos: string }[])[0]!.qos, '2')
  assert.equal(decoder!.schema, only(flow, 'row-schema').id)
  assert.doesNotMatch(JSON.stringify(flow), /secret words|reader/)
  assert.deepEqual(await storedSecrets(source!.id), { user: 'reader', has_password: true })
  await editor.page.click('#red-ui-workspace-chart')
  await editor.page.keyboard.press('Control+z')
  await editor.deploy()
  assert.deepEqual(
    (await flowNow()).map(({ type }) => type),
    ['tab'],
  )
  assert.deepEqual(editor.errors, [])
})

test('the button in a row schema leaves its dialogs and updates the nodes that use it; nodes of others stay as they are', async () => {
  const example = await importExample(nodeRed, '04 Flink table')
  const decoder = only(example, 'row-decoder')
  const tab = only(example, 'tab').id
  const other = { ...decoder, id: 'other', x: 380, y: 500, wires: [[], []] }
  await nodeRed.deploy([...example, other])
  await editor.reload()
  await editor.openNode(decoder.id)
  await editor.editConfig('schema')
  await form().locator('.rowline-import-table').click()
  await dialog().waitFor()
  assert.equal(await editor.page.locator('.red-ui-tray').count(), 0)
  const table = factoryTable
    .replace('hive_catalog.mqtt.factory_iot_101', 'another')
    .replace("'qos' = '1'", "'username' = 'reader', 'password' = 'secret words'")
  const lines = await importTable(table.replace(',measurement     DOUBLE', ',measurement     FLOAT'))
  assert.ok(lines.includes('New: row-schema another'), lines.join('\n'))
  await editor.deploy()
  const flow = await flowNow()
  const schemas = flow.filter(({ type }) => type === 'row-schema')
  assert.deepEqual(
    schemas.map(({ name, schema }) => [name, /measurement\W+FLOAT/.test(String(schema))]),
    [
      ['hive_catalog.mqtt.factory_iot_101', false],
      ['another', true],
    ],
  )
  assert.equal(flow.find(({ id }) => id === decoder.id)!.schema, schemas[1]!.id)
  assert.equal(flow.find(({ id }) => id === 'other')!.schema, schemas[0]!.id)
  const source = only(flow, 'mqtt-v3-source').id
  assert.equal(only(flow, 'mqtt-v3-in', tab).source, source)
  assert.doesNotMatch(JSON.stringify(flow), /secret words|reader/)
  assert.deepEqual(await storedSecrets(source), { user: 'reader', has_password: true })
  assert.deepEqual(editor.errors, [])
})

test('a schema is shown and written in every way, and inferred from payloads with the reasons', async () => {
  await nodeRed.deploy([{ id: 'tab', type: 'tab', label: 'Schemas' }])
  await editor.reload()
  await editor.openNode(await editor.addFromPalette('row-decoder', 300, 200))
  await editor.addConfig('schema')
  const shown = form().locator('.rowline-shown')
  const view = form().locator('.rowline-view select')
  assert.equal(await shown.innerText(), 'There are no columns yet.')
  assert.match(await editor.field('schema').locator('.rowline-example').innerText(), /^Example: ts BIGINT/)
  await form().locator('.rowline-payloads summary').click()
  await form()
    .locator('.rowline-payloads textarea')
    .fill('{"ts":1795313525345,"n":1,"bar":3,"v":2.5}\n{"ts":1795313525346,"n":2,"bar":3,"v":3,"unit":"bar"}\n')
  await form().locator('.rowline-infer').click()
  const reasons = form().locator('.rowline-reasons li > span')
  const whole = 'only whole numbers seen: write DOUBLE if fractions may come'
  assert.deepEqual(await reasons.allInnerTexts(), [
    'ts: BIGINT (number in 2 of 2)',
    `n: BIGINT (number in 2 of 2, ${whole})`,
    `bar: BIGINT (number in 2 of 2, ${whole})`,
    'v: DOUBLE (number in 2 of 2, 1 with a fraction)',
    'unit: STRING (text in 1 of 2, missing in 1)',
  ])
  await editor.screenshot('row-schema-whole')
  await form().locator('.rowline-reasons li', { hasText: 'bar: ' }).locator('button').click()
  assert.match(await shown.innerText(), /^n: BIGINT\nbar: DOUBLE$/m)
  assert.equal(await form().locator('.rowline-doubles').isVisible(), false)
  await form().locator('.rowline-infer').click()
  await form().locator('.rowline-doubles').click()
  assert.match(await shown.innerText(), /^n: DOUBLE\nbar: DOUBLE$/m)
  await form()
    .locator('.rowline-payloads textarea')
    .fill('{"ts":1795313525345,"v":2.5}\n{"ts":1795313525346,"v":3,"unit":"bar"}\n')
  await form().locator('.rowline-infer').click()
  assert.equal(await shown.innerText(), 'ts: BIGINT\nv: DOUBLE\nunit: STRING')
  await editor.screenshot('row-schema-inferred')
  await view.selectOption('big-query')
  assert.deepEqual(JSON.parse(await shown.innerText())[1], { name: 'v', type: 'FLOAT', mode: 'NULLABLE' })
  assert.equal(await form().locator('.rowline-use').isDisabled(), true)
  await view.selectOption('columns')
  await form().locator('.rowline-use').click()
  assert.equal(await editor.field('columns').locator('[data-column="name"]:visible').count(), 3)
  await view.selectOption('json-schema')
  await form().locator('.rowline-use').click()
  assert.equal(await editor.field('jsonSchema').isVisible(), true)
  await view.selectOption('sql')
  assert.equal(await shown.innerText(), '`ts` BIGINT,\n`v` DOUBLE,\n`unit` STRING')
  await editor.doneConfig()
  await editor.done()
  await editor.deploy()
  const schema = only(await flowNow(), 'row-schema')
  assert.equal(schema.writtenAs, 'json-schema')
  assert.deepEqual(Object.keys(JSON.parse(String(schema.jsonSchema)).properties), ['ts', 'v', 'unit'])
  assert.deepEqual(editor.errors, [])
})

test('what is wrong with a JSON Schema is said in the dialog, and what only compiling finds at deploy', async () => {
  const flow = (jsonSchema: object) => [
    { id: 'tab', type: 'tab', label: 'Wrong' },
    {
      id: 'schema',
      type: 'row-schema',
      name: 'sensor',
      writtenAs: 'json-schema',
      jsonSchema: JSON.stringify(jsonSchema),
    },
    {
      id: 'decoder',
      type: 'row-decoder',
      z: 'tab',
      format: 'json-schema',
      schema: 'schema',
      x: 200,
      y: 80,
      wires: [[], []],
    },
  ]
  await nodeRed.deploy(flow({ ...sensorSchema, $ref: '#/$defs/missing' }))
  const red = await nodeRed.statusIs('decoder', ({ fill }) => fill === 'red')
  assert.match(red.text!, /^JSON Schema: can't resolve reference #\/\$defs\/missing/)
  await nodeRed.deploy(flow({ properties: { id: { pattern: '^(a)\\1$' } } }))
  await editor.reload()
  await editor.openNode('decoder')
  await editor.editConfig('schema')
  const reason = editor.field('jsonSchema').locator('.rowline-problem:visible')
  assert.match(
    await reason.innerText(),
    /^at #\/properties\/id: the pattern "\^\(a\)\\\\1\$" cannot be used: .*refers back to a group/,
  )
  await editor.screenshot('row-schema-wrong')
  await editor.cancelConfig()
  await editor.cancel()
  assert.deepEqual(editor.errors, [])
})

/** What the editor is told of the credentials that are there. */
async function storedSecrets(source: string): Promise<{ readonly [name: string]: unknown }> {
  const told: { readonly [name: string]: unknown } = await (
    await nodeRed.request(`/credentials/mqtt-v3-source/${source}`)
  ).json()
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== false))
}
