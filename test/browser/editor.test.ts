import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { declarations } from '../../nodes/declarations.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type EditorPage, launchBrowser, openEditor } from './editor-page.ts'

let nodeRed: NodeRed
let browser: Browser
let editor: EditorPage

before(async () => {
  nodeRed = await startNodeRed({ env: { PLANT_TLS: 'false' } })
  browser = await launchBrowser()
  editor = await openEditor(browser, nodeRed.url, 'en-US')
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
})

const draggable = declarations.filter(({ kind }) => kind !== 'config')
const reasonAt = (name: string) => editor.field(name).locator('.rowline-problem:visible')
const input = (name: string) => editor.field(name).locator('input:visible, select:visible').first()
const isShown = (name: string) => editor.field(name).isVisible()

/** Every label of the open form, folded ones too. */
async function labelsOf(page: EditorPage): Promise<readonly string[]> {
  return await page.page.locator('.rowline-form').last().locator('label > span').allTextContents()
}

async function unfold(page: EditorPage): Promise<void> {
  const summary = page.page.locator('.rowline-form').last().locator('.rowline-advanced > summary')
  if ((await summary.count()) > 0) await summary.click()
}

async function photograph(page: EditorPage, name: string): Promise<void> {
  await page.screenshot(name)
  await unfold(page)
  await page.page
    .locator('.rowline-form')
    .last()
    .evaluate((form) => form.scrollIntoView(false))
  await page.screenshot(`${name}-advanced`)
}

/** Opens the dialog of every type, the config nodes from a node that refers to them. */
async function lookAtAll(page: EditorPage, language: string): Promise<Map<string, readonly string[]>> {
  const labels = new Map<string, readonly string[]>()
  for (const [i, { type, fields }] of draggable.entries()) {
    await page.openNode(await page.addFromPalette(type, 200, 100 + 60 * i))
    labels.set(type, await labelsOf(page))
    await photograph(page, `${type}-${language}`)
    for (const [name, { nodeType }] of Object.entries(fields).filter(([, { kind }]) => kind === 'node')) {
      if (!(await page.field(name).isVisible())) continue
      await page.addConfig(name)
      labels.set(nodeType!, await labelsOf(page))
      await photograph(page, `${nodeType}-${language}`)
      await page.cancelConfig()
    }
    await page.cancel()
  }
  return labels
}

test('the palette shows the nodes in a category of their own', async () => {
  const category = editor.page.locator('.red-ui-palette-category', { hasText: /^\s*rowline/ })
  const types = await category
    .locator('.red-ui-palette-node')
    .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-palette-type')))
  assert.deepEqual(types.sort(), draggable.map(({ type }) => type).sort())
})

test('every dialog opens without an error and labels every field', async () => {
  const labels = await lookAtAll(editor, 'en')
  assert.deepEqual([...labels.keys()].sort(), declarations.map(({ type }) => type).sort())
  for (const { type, fields } of declarations) {
    assert.deepEqual([...labels.get(type)!].sort(), ['Name', ...Object.values(fields).map(({ label }) => label)].sort())
  }
  assert.deepEqual(editor.errors, [])
})

test('a wrong value shows the reason at its field until it is corrected', async () => {
  await editor.openNode(await editor.addFromPalette('mqtt-v3-in', 500, 100))
  assert.equal(await reasonAt('source').innerText(), 'is required')
  assert.equal(await reasonAt('subscriptions').innerText(), 'Row 1, Topic filter: is required')
  const filter = editor.field('subscriptions').locator('[data-column="filter"]:visible')
  await filter.fill('plant/#/line')
  assert.match(await reasonAt('subscriptions').innerText(), /^Row 1, Topic filter: may have # only as its last level/)
  await filter.fill('plant/${SITE}/#')
  assert.equal(await reasonAt('subscriptions').count(), 0)
  await unfold(editor)
  await input('settleTimeoutMs').fill('5 parsecs')
  assert.match(await reasonAt('settleTimeoutMs').innerText(), /^must be a time from 100 ms to/)
  await input('settleTimeoutMs').fill('2 min')
  assert.equal(await reasonAt('settleTimeoutMs').count(), 0)
  await editor.cancel()
})

test('a dialog leaves the flow beside it visible', async () => {
  for (const [i, { type }] of draggable.entries()) {
    await editor.openNode(await editor.addFromPalette(type, 350, 100 + 60 * i))
    const { width } = (await editor.page.locator('.red-ui-tray').last().boundingBox())!
    assert.ok(width < 600, `${type} is ${width} pixels wide`)
    await editor.cancel()
  }
})

test('the explanation of a field opens below it', async () => {
  await editor.openNode(await editor.addFromPalette('file-sink', 500, 200))
  const note = editor.field('path').locator('.rowline-note')
  assert.equal(await note.isVisible(), false)
  await editor.field('path').locator('.rowline-explain').click()
  assert.match(await note.innerText(), /user directory/)
  await editor.cancel()
})

test('fields appear when the field they depend on asks for them', async () => {
  await editor.openNode(await editor.addFromPalette('kafka-sink', 500, 300))
  await editor.addConfig('cluster')
  assert.equal(await isShown('ca'), false)
  await input('useTls').check()
  assert.equal(await isShown('ca'), true)
  assert.equal(await isShown('user'), false)
  await input('saslMechanism').selectOption('PLAIN')
  assert.equal(await isShown('user'), true)
  await input('brokers').fill('127.0.0.1:1')
  assert.match(await reasonAt('user').innerText(), /is required to sign in/)
  await editor.cancelConfig()
  await unfold(editor)
  assert.deepEqual([await isShown('schemaRegistryUrl'), await isShown('schema')], [false, false])
  await input('valueFormat').selectOption('json-schema')
  assert.deepEqual([await isShown('schemaRegistryUrl'), await isShown('schema')], [true, true])
  await input('autoRegister').uncheck()
  assert.deepEqual([await isShown('schema'), await isShown('schemaVersion')], [false, true])
  await input('valueFormat').selectOption('plain')
  assert.deepEqual([await isShown('autoRegister'), await isShown('schemaVersion')], [false, false])
  await editor.cancel()
})

test('what is entered survives Done, deploy and a reload of the page', async () => {
  await editor.reload()
  const source = await editor.addFromPalette('mqtt-v3-in', 500, 400)
  await editor.openNode(source)
  await fillSource()
  await editor.done()
  const decoder = await editor.addFromPalette('row-decoder', 500, 460)
  await editor.openNode(decoder)
  await fillDecoder()
  await editor.done()
  await editor.deploy()
  await checkFlow(source, decoder)
  await editor.reload()
  await checkDialogs(source, decoder)
  assert.deepEqual(editor.errors, [])
})

async function fillSource(): Promise<void> {
  const table = editor.field('subscriptions')
  await table.locator('[data-column="filter"]:visible').fill('plant/+/#')
  await table.locator('.red-ui-editableList-addButton').click()
  await table.locator('[data-column="filter"]:visible').nth(1).fill('debug/#')
  await table.locator('[data-column="qos"]:visible').nth(1).selectOption('0')
  await table.locator('[data-column="partitions"]:visible').nth(1).fill('4')
  await unfold(editor)
  await input('acknowledge').selectOption('onReceipt')
  await input('settleTimeoutMs').fill('2 min')
  await input('windowBytes').fill('32 MiB')
  await editor.addConfig('source')
  await input('host').fill('127.0.0.1')
  await input('port').fill('1')
  await input('user').fill('reader')
  await input('password').fill('secret words')
  await editor.field('useTls').locator('.rowline-environment').click()
  await input('useTls').fill('${PLANT_TLS}')
  await editor.doneConfig()
}

/** What is marked in the open code editor. */
const marks = () =>
  editor.page.evaluate(
    "monaco.editor.getModelMarkers({ owner: 'rowline' }).map((mark) => ({ line: mark.startLineNumber, text: mark.message }))",
  )

async function fillDecoder(): Promise<void> {
  await editor.addConfig('schema')
  await editor.field('schema').locator('.node-text-editor').click()
  await editor.page.keyboard.type('ts BIGINT,\noops')
  const reason = await reasonAt('schema').innerText()
  assert.match(reason, /^line 2: /)
  assert.deepEqual(await marks(), [{ line: 2, text: reason }])
  const shown = editor.page.locator('.rowline-shown').last()
  assert.equal(await shown.innerText(), 'The columns appear here once the schema has no error.')
  await editor.page.locator('.squiggly-error').first().waitFor()
  await editor.screenshot('code-mark')
  await editor.page.keyboard.type(' DOUBLE')
  assert.equal(await reasonAt('schema').count(), 0)
  assert.deepEqual(await marks(), [])
  await editor.doneConfig()
  await unfold(editor)
  await input('failOnMissingField').check()
}

async function checkFlow(source: string, decoder: string): Promise<void> {
  const flow = (await (await nodeRed.request('/flows')).json()) as { readonly [property: string]: unknown }[]
  const find = (wanted: (node: { readonly [property: string]: unknown }) => boolean) => flow.find(wanted)!
  const node = find(({ id }) => id === source)
  const row = { qos: '1', route: '', to: '', partitions: '' }
  assert.deepEqual(node.subscriptions, [
    { ...row, filter: 'plant/+/#' },
    { ...row, filter: 'debug/#', qos: '0', partitions: '4' },
  ])
  assert.equal(node.acknowledge, 'onReceipt')
  assert.equal(node.settleTimeoutMs, '2 min')
  assert.equal(node.windowBytes, '32 MiB')
  const broker = find(({ type }) => type === 'mqtt-v3-source')
  assert.equal(node.source, broker.id)
  assert.equal(broker.useTls, '${PLANT_TLS}')
  assert.equal('password' in broker, false)
  const schema = find(({ type }) => type === 'row-schema')
  assert.equal(schema.schema, 'ts BIGINT,\noops DOUBLE')
  assert.equal(find(({ id }) => id === decoder).failOnMissingField, true)
}

async function checkDialogs(source: string, decoder: string): Promise<void> {
  await editor.openNode(source)
  const filters = editor.field('subscriptions').locator('[data-column="filter"]:visible')
  assert.deepEqual(
    await filters.evaluateAll((cells) => cells.map((cell) => (cell as unknown as { value: string }).value)),
    ['plant/+/#', 'debug/#'],
  )
  assert.equal(await editor.field('acknowledge').locator('select').inputValue(), 'onReceipt')
  await editor.editConfig('source')
  assert.equal(await input('host').inputValue(), '127.0.0.1')
  assert.equal(await input('user').inputValue(), 'reader')
  assert.equal(await input('password').inputValue(), '__PWRD__')
  assert.equal(await input('useTls').inputValue(), '${PLANT_TLS}')
  await editor.cancelConfig()
  await editor.cancel()
  await editor.openNode(decoder)
  assert.equal(await editor.field('failOnMissingField').locator('input:checked').count(), 1)
  assert.equal(await reasonAt('schema').count(), 0)
  await editor.cancel()
}

const pasted = `{
  'bootstrap.servers': '127.0.0.1:1', 'client.id': '',
  'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN',
  'sasl.username': 'bridge', 'sasl.password': 'secret words',
  'compression.type': 'brotli', 'linger.ms': 20, 'partitioner': 'consistent', 'allow.auto.create.topics': '\${CREATE}',
  'acks': 'all', 'transactional.id': 't',
}`

/** Fills the open form; what the list below says afterwards. */
async function importInto(page: EditorPage, text: string): Promise<readonly string[]> {
  const section = page.page.locator('.rowline-form').last().locator('.rowline-import')
  await section.locator('summary').click()
  await section.locator('textarea').fill(text)
  await section.locator('button').click()
  await section.locator('li').first().waitFor()
  return await section.locator('li').allInnerTexts()
}

test('pasted settings of a Kafka client fill sink and cluster, and each says what has become of it', async () => {
  const sink = await editor.addFromPalette('kafka-sink', 500, 560)
  await editor.openNode(sink)
  const lines = await importInto(editor, pasted)
  assert.deepEqual(lines, [
    'bootstrap.servers Belongs to the kafka cluster: paste the same text there.',
    ...['security.protocol', 'sasl.mechanism', 'sasl.username', 'sasl.password'].map(
      (key) => `${key} Belongs to the kafka cluster: paste the same text there.`,
    ),
    'compression.type not applied: Compression must be one of none, gzip, snappy, lz4, zstd',
    'linger.ms set: Linger',
    'partitioner set: Partitioner',
    'allow.auto.create.topics set: Create topics',
    'acks Rowline always waits for all in-sync replicas.',
    'transactional.id not applied',
  ])
  await editor.screenshot('import-sink')
  await editor.addConfig('cluster')
  const clusterLines = await importInto(editor, pasted)
  assert.ok(clusterLines.includes('sasl.mechanism set: Sign in with'))
  assert.equal(await isShown('user'), true)
  await editor.screenshot('import-cluster')
  await editor.doneConfig()
  await editor.done()
  await editor.deploy()
  const flow = (await (await nodeRed.request('/flows')).json()) as { readonly [property: string]: unknown }[]
  const stored = flow.find(({ id }) => id === sink)!
  assert.deepEqual(
    [stored.lingerMs, stored.partitioner, stored.autoCreateTopics, stored.compression],
    ['20', 'consistent', '${CREATE}', 'none'],
  )
  const cluster = flow.find(({ id }) => id === stored.cluster)!
  assert.deepEqual([cluster.brokers, cluster.useTls, cluster.saslMechanism], ['127.0.0.1:1', true, 'PLAIN'])
  assert.equal('password' in cluster, false)
  const path = `/credentials/kafka-cluster/${cluster.id}`
  assert.deepEqual(await (await nodeRed.request(path)).json(), {
    user: 'bridge',
    has_password: true,
    tokenClientId: '',
    has_tokenClientSecret: false,
    has_passphrase: false,
    has_keystorePassword: false,
  })
  assert.doesNotMatch(JSON.stringify(flow), /secret words/)
})

test('what a flow leaves out is shown as its default, and what it has wrong is named', async () => {
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'Bare' },
    { id: 'cluster', type: 'kafka-cluster', brokers: '127.0.0.1:1', useTls: 'false', saslMechanism: 'GSSAPI' },
    {
      id: 'sink',
      type: 'kafka-sink',
      z: 'tab',
      cluster: 'cluster',
      includeMetadata: false,
      x: 200,
      y: 80,
      wires: [[], []],
    },
  ])
  await editor.reload()
  await editor.openNode('sink')
  assert.equal(await input('keyTemplate').inputValue(), '{topic}')
  assert.equal(await input('compression').inputValue(), 'none')
  assert.equal(await input('autoCreateTopics').isChecked(), true)
  assert.equal(await input('includeMetadata').isChecked(), false)
  await unfold(editor)
  assert.equal(await input('lingerMs').inputValue(), '5 ms')
  await editor.editConfig('cluster')
  assert.equal(await input('useTls').isChecked(), false)
  assert.equal(
    await reasonAt('saslMechanism').innerText(),
    'must be one of none, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER',
  )
  await editor.cancelConfig()
  await editor.cancel()
})

test('a table can refer to nodes by their names', async () => {
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'Routes' },
    { id: 'schemaA', type: 'row-schema', name: 'pressures', schema: 'bar DOUBLE' },
    { id: 'schemaB', type: 'row-schema', name: 'levels', schema: 'metres DOUBLE' },
    { id: 'decoder', type: 'row-decoder', z: 'tab', x: 200, y: 80, wires: [[], []] },
  ])
  await editor.reload()
  await editor.openNode('decoder')
  assert.equal(await reasonAt('schema').innerText(), 'is required')
  const routes = editor.field('routes')
  await routes.locator('.red-ui-editableList-addButton').click()
  await routes.locator('[data-column="route"]:visible').fill('tank')
  assert.equal(await reasonAt('routes').innerText(), 'Row 1, Schema: is required')
  await routes.locator('[data-column="schema"]:visible').selectOption({ label: 'levels' })
  assert.equal(await reasonAt('routes').count(), 0)
  assert.equal(await reasonAt('schema').count(), 0)
  assert.equal(await editor.field('schema').locator('.input-error').count(), 0)
  await editor.screenshot('routes')
  await editor.done()
  await editor.deploy()
  const flow = (await (await nodeRed.request('/flows')).json()) as { readonly [property: string]: unknown }[]
  const { routes: stored, routesSchema1 } = flow.find(({ id }) => id === 'decoder') ?? {}
  assert.deepEqual([stored, routesSchema1], [[{ route: 'tank', schema: 'routesSchema1' }], 'schemaB'])
})

/** Node-RED's editor, of which a test asks what a user would press for. */
interface EditorGlobal {
  readonly RED: {
    readonly nodes: {
      node(id: string): (FlowNode & { valid?: boolean; users: { id: string }[] }) | undefined
      createExportableNodeSet(nodes: readonly unknown[]): FlowNode[]
      import(nodes: readonly FlowNode[], options: object): { nodes: FlowNode[] }
    }
    readonly editor: { editConfig(name: string, type: string, id: string): void }
  }
}

test('what Routes refers to is counted as used, exported with the decoder, and copied with it', async () => {
  const routes = [
    { route: 'tank', schema: 'schemaB' },
    { route: 'pipe', schema: 'schemaA' },
  ]
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'Routes' },
    { id: 'schemaA', type: 'row-schema', name: 'pressures', schema: 'bar DOUBLE' },
    { id: 'schemaB', type: 'row-schema', name: 'levels', schema: 'metres DOUBLE' },
    { id: 'decoder', type: 'row-decoder', z: 'tab', x: 200, y: 80, routes, wires: [[], []] },
  ])
  await editor.reload()
  const { users, exported, copied } = await editor.page.evaluate(() => {
    const { nodes } = (globalThis as unknown as EditorGlobal).RED
    const users = ['schemaA', 'schemaB'].map((id) => nodes.node(id)!.users.map((user) => user.id))
    const exported = nodes.createExportableNodeSet([nodes.node('decoder')])
    const importMap = { schemaA: 'copy', schemaB: 'copy' }
    const { nodes: copies } = nodes.import(exported, { generateIds: true, importMap })
    return { users, exported, copied: nodes.createExportableNodeSet(copies) }
  })
  assert.deepEqual(users, [['decoder'], ['decoder']])
  const schemas = (nodes: readonly FlowNode[]) => nodes.filter(({ type }) => type === 'row-schema')
  assert.deepEqual(
    schemas(exported)
      .map(({ id }) => id)
      .sort(),
    ['schemaA', 'schemaB'],
  )
  const copy = copied.find(({ type }) => type === 'row-decoder')!
  const nameOf = (id: unknown) => schemas(copied).find((schema) => schema.id === id)?.name
  assert.deepEqual([nameOf(copy.routesSchema1), nameOf(copy.routesSchema2)], ['levels', 'pressures'])
  assert.notEqual(copy.routesSchema1, 'schemaB')
  assert.deepEqual(copy.routes, [
    { route: 'tank', schema: 'routesSchema1' },
    { route: 'pipe', schema: 'routesSchema2' },
  ])
})

test('a decoder whose schema is deleted or was never there is red, and says in its form which row it is', async () => {
  const valid = () =>
    editor.page.evaluate(() => (globalThis as unknown as EditorGlobal).RED.nodes.node('decoder')!.valid !== false)
  const routes = [
    { route: 'tank', schema: 'routesSchema1' },
    { route: 'state', schema: 'routesSchema2' },
  ]
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'Routes' },
    { id: 'schemaA', type: 'row-schema', name: 'levels', schema: 'metres DOUBLE' },
    {
      ...{ id: 'decoder', type: 'row-decoder', z: 'tab', x: 200, y: 80, routes, wires: [[], []] },
      ...{ routesSchema1: 'schemaA', routesSchema2: 'gone' },
    },
  ])
  const { text } = await nodeRed.statusIs('decoder', ({ fill }) => fill === 'red')
  assert.equal(text, 'Routes, row 2 (state): refers to a node that does not exist ')
  await editor.reload()
  assert.equal(await valid(), false)
  await editor.openNode('decoder')
  assert.equal(await reasonAt('routes').innerText(), 'Row 2, Schema: refers to a node that does not exist')
  await editor.field('routes').locator('.red-ui-editableList-item-remove').nth(1).click()
  await reasonAt('routes').waitFor({ state: 'hidden' })
  await editor.done()
  assert.equal(await valid(), true)
  await editor.page.evaluate(() =>
    (globalThis as unknown as EditorGlobal).RED.editor.editConfig('', 'row-schema', 'schemaA'),
  )
  await editor.page.locator('.red-ui-tray-toolbar button', { hasText: 'Delete' }).last().click()
  await editor.page.waitForSelector('#node-config-dialog-ok', { state: 'detached' })
  assert.equal(await valid(), false)
  await editor.openNode('decoder')
  assert.equal(await reasonAt('routes').innerText(), 'Row 1, Schema: is required')
  await editor.cancel()
  assert.deepEqual(editor.errors, [])
})

test('a removed row is gone after Done', async () => {
  const id = await editor.addFromPalette('mqtt-v3-in', 500, 520)
  await editor.openNode(id)
  const table = editor.field('subscriptions')
  await table.locator('.red-ui-editableList-addButton').click()
  await table.locator('[data-column="filter"]:visible').nth(1).fill('only/#')
  await table.locator('.red-ui-editableList-item-remove').first().click()
  await reasonAt('subscriptions').waitFor({ state: 'hidden' })
  await editor.done()
  await editor.openNode(id)
  const filters = editor.field('subscriptions').locator('[data-column="filter"]:visible')
  assert.equal(await filters.count(), 1)
  assert.equal(await filters.inputValue(), 'only/#')
  await editor.cancel()
})

test('the palette tooltip and the help of a node tell what it does', async () => {
  await editor.page.locator('.red-ui-palette-node[data-palette-type="kafka-sink"]').hover()
  await editor.page.locator('.red-ui-popover', { hasText: 'Writes readings to Kafka' }).waitFor()
})

test('with a German browser the dialogs are German', async () => {
  const german = await openEditor(browser, nodeRed.url, 'de')
  const labels = await lookAtAll(german, 'de')
  assert.ok(labels.get('mqtt-v3-source')!.includes('Benutzer'))
  assert.ok(labels.get('kafka-sink')!.includes('Schlüssel'))
  for (const { type } of declarations) {
    const raw = labels.get(type)!.filter((label) => label.trim() === '' || label.includes('.field.'))
    assert.deepEqual(raw, [], type)
  }
  await german.openNode(await german.addFromPalette('kafka-sink', 500, 100))
  assert.equal(await german.field('cluster').locator('.rowline-problem').innerText(), 'ist nötig')
  await german.field('topic').locator('input:visible').first().fill('{plant}')
  assert.equal(
    await german.field('topic').locator('.rowline-problem').innerText(),
    'kennt {topic}, {filter}, {route}, {to}, {node}, {tag} und {topic.name}, nicht {plant}',
  )
  assert.deepEqual(german.errors, [])
})

test('a schema is filled in as a list of columns, and what is wrong in it is said at its row', async () => {
  await editor.openNode(await editor.addFromPalette('row-decoder', 500, 400))
  await editor.addConfig('schema')
  assert.equal(await isShown('columns'), false)
  await editor.field('writtenAs').locator('select').selectOption('columns')
  assert.deepEqual([await isShown('columns'), await isShown('schema')], [true, false])
  assert.equal(await reasonAt('columns').innerText(), 'needs at least one row')
  const table = editor.field('columns')
  await table.locator('.red-ui-editableList-addButton').click()
  await table.locator('[data-column="name"]:visible').fill('pressure')
  await table.locator('[data-column="type"]:visible').fill('DECIMAL(10, 2')
  assert.match(await reasonAt('columns').innerText(), /^Row 1, Type: line 1: expected "\)", found the end$/)
  await editor.screenshot('row-schema-columns')
  await table.locator('[data-column="type"]:visible').fill('DECIMAL(10, 2)')
  await table.locator('[data-column="required"]:visible').check()
  assert.equal(await reasonAt('columns').count(), 0)
  await editor.doneConfig()
  assert.equal(await reasonAt('schema').count(), 0)
  await editor.cancel()
  assert.deepEqual(editor.errors, [])
})

test('a node that messages control has an input and a third output, needs no rows, and loses the wires with them', async () => {
  const id = await editor.addFromPalette('mqtt-v3-in', 700, 100)
  const node = () =>
    editor.page.evaluate(`(() => {
      const { inputs, outputs, valid } = RED.nodes.node("${id}")
      const [stored] = RED.nodes.createExportableNodeSet([RED.nodes.node("${id}")])
      return [inputs, outputs, stored.inputs, stored.outputs, stored.wires.length, valid]
    })()`)
  await editor.openNode(id)
  await editor.addConfig('source')
  await input('host').fill('127.0.0.1')
  await editor.doneConfig()
  await unfold(editor)
  await input('dynamic').check()
  await editor.field('subscriptions').locator('.red-ui-editableList-item-remove').click()
  await editor.field('subscriptions').locator('[data-cells]:not(.rowline-cells)').first().waitFor({ state: 'detached' })
  await editor.done()
  assert.deepEqual(await node(), [1, 3, 1, 3, 3, true])
  await editor.openNode(id)
  assert.equal(await reasonAt('subscriptions').count(), 0)
  await unfold(editor)
  await input('dynamic').uncheck()
  assert.equal(await reasonAt('subscriptions').innerText(), 'needs at least one row')
  await editor.done()
  assert.deepEqual(await node(), [0, 2, 0, 2, 2, false])
})
