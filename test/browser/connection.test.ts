import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import type { Browser } from 'playwright-core'
import { sampleLimits } from '../../src/mqtt/sample-limits.ts'
import { type Kafka, sharedKafka } from '../services/kafka.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { type EditorPage, faintTexts, launchBrowser, openEditor } from './editor-page.ts'

const [right, wrong] = ['right-canary-words', 'wrong-canary-words']

let broker: Mosquitto
let kafka: Pick<Kafka, 'brokers' | 'stop'>
let nodeRed: NodeRed
let browser: Browser
let editor: EditorPage

before(async () => {
  broker = await startMosquitto({ users: { anna: right } })
  kafka = await sharedKafka()
  nodeRed = await startNodeRed({ env: { PLANT_BROKER: '127.0.0.1' } })
  await nodeRed.deploy(plant())
  browser = await launchBrowser()
  editor = await openEditor(browser, nodeRed.url, 'en-US')
})
after(async () => {
  await browser?.close()
  await nodeRed?.stop()
  await kafka?.stop()
  await broker?.stop()
})

const at = (x: number, y: number) => ({ z: 'tab', x, y, wires: [[], []] })

/** The source runs under the id of the gateway, with the right password. */
const plant = () => [
  { id: 'tab', type: 'tab', label: 'Plant' },
  {
    ...{
      id: 'source',
      type: 'mqtt-v3-source',
      name: 'plant broker',
      host: '${PLANT_BROKER}',
      port: String(broker.port),
    },
    ...{ clientId: 'the-gateway', credentials: { user: 'anna', password: right } },
  },
  { id: 'in', type: 'mqtt-v3-in', source: 'source', subscriptions: [{ filter: 'plant/#', qos: '1' }], ...at(200, 80) },
  { id: 'cluster', type: 'kafka-cluster', name: 'plant kafka', brokers: kafka.brokers },
  { id: 'kafka', type: 'kafka-sink', cluster: 'cluster', topic: 'not-there-yet', ...at(500, 80) },
  {
    ...{ id: 'cloud', type: 'google-cloud', name: 'plant cloud', projectId: 'rowline-test' },
    ...{ pubsubEmulator: '127.0.0.1:1', bigqueryEmulator: 'http://127.0.0.1:1' },
  },
  { id: 'schema', type: 'row-schema', name: 'pressures', schema: 'bar DOUBLE' },
  { id: 'decoder', type: 'row-decoder', schema: 'schema', ...at(200, 160) },
  {
    ...{ id: 'core broker', type: 'mqtt-broker', broker: '127.0.0.1', port: String(broker.port) },
    ...{ autoConnect: false, usetls: false, protocolVersion: '4', keepalive: '60', cleansession: true },
  },
  { ...at(200, 240), id: 'core', type: 'mqtt in', topic: '', qos: '2', broker: 'core broker', wires: [[]] },
  { id: 'pubsub', type: 'pubsub-sink', cloud: 'cloud', topic: 'readings', ...at(500, 160) },
]

const form = (page = editor) => page.page.locator('.rowline-form').last()
const input = (name: string) => editor.field(name).locator('input:visible, select:visible').first()

/** Presses the button and waits for the end; what the list says then, and the line beside the button. */
async function testConnection(page = editor): Promise<{ steps: readonly string[]; said: string }> {
  await form(page).locator('.rowline-test').click()
  await form(page).locator('.rowline-test:enabled').waitFor()
  const items = form(page).locator('.rowline-steps > li')
  const steps = await items.evaluateAll((all) =>
    all.map((item) => `${item.getAttribute('data-state')} ${(item as unknown as { innerText: string }).innerText}`),
  )
  return {
    steps: steps.map((step) => step.replace(/\s*\n\s*/g, ': ')),
    said: await form(page).locator('.rowline-said').innerText(),
  }
}

async function show(page: EditorPage, name: string): Promise<void> {
  await form(page).evaluate((all) => all.scrollIntoView(false))
  await page.screenshot(name)
}

test('the stored password and a variable of the environment are used, and the running session is left alone', async () => {
  await editor.openNode('in')
  await editor.editConfig('source')
  assert.equal(await input('password').inputValue(), '__PWRD__')
  const { steps, said } = await testConnection()
  await show(editor, 'test-mqtt-right')
  assert.equal(said, 'Everything works.')
  assert.deepEqual(
    steps.map((step) => step.replace(/rowline-[0-9a-f]+/, 'rowline-…')),
    [
      `passed TCP 127.0.0.1:${broker.port}: reached`,
      `passed Sign in at 127.0.0.1:${broker.port}: MQTT 3.1.1, session present: no. Asked as rowline-…, with a clean session.`,
      'skipped Limits of the broker: Only brokers of MQTT 5 tell them.',
    ],
  )
  assert.doesNotMatch(broker.log(), /the-gateway already connected|the-gateway .*disconnect/)
})

test('a password that was just typed is used, and a wrong one says so', async () => {
  await input('password').fill(wrong)
  const { steps, said } = await testConnection()
  await show(editor, 'test-mqtt-wrong')
  assert.equal(said, 'Something is wrong.')
  assert.match(steps.at(-1) ?? '', /^failed Sign in at .*refuses the connection: user name or password is wrong/)
  assert.deepEqual(await input('protocolVersion').locator('option').allTextContents(), ['3.1.1', '5', '3.1', 'auto'])
  await input('protocolVersion').selectOption('5')
  await input('password').fill(right)
  const { steps: better } = await testConnection()
  assert.match(
    better.at(-1) ?? '',
    /^passed Limits of the broker: Receive maximum 20, largest packet no limit, QoS up to 2/,
  )
})

test('a value that cannot be used is named', async () => {
  await input('host').fill('${NOT_SET_ANYWHERE}')
  const { steps, said } = await testConnection()
  assert.deepEqual(steps, [
    'failed Settings: Broker: needs the environment variable NOT_SET_ANYWHERE, which is not set',
  ])
  assert.equal(said, 'Something is wrong.')
  await editor.cancelConfig()
  await editor.cancel()
})

test('a Kafka cluster is tested with the topics of its sinks', async () => {
  await editor.openNode('kafka')
  await editor.editConfig('cluster')
  const { steps, said } = await testConnection()
  await show(editor, 'test-kafka')
  assert.equal(said, 'It works. Read the remark.')
  assert.deepEqual(
    steps.map((step) => /^\w+ \w+/.exec(step)![0]),
    ['passed Broker', 'passed Sign', 'passed Cluster', 'passed Broker', 'noted Topic'],
  )
  await input('brokers').fill(`127.0.0.1:${await freePort()}`)
  const { steps: away } = await testConnection()
  assert.match(away.at(-1) ?? '', /^failed Broker .*Nothing listens there/)
  await editor.cancelConfig()
  await editor.cancel()
})

test('Google Cloud is tested for what its sinks use', async () => {
  await editor.openNode('pubsub')
  await editor.editConfig('cloud')
  const { steps } = await testConnection()
  await show(editor, 'test-google')
  assert.deepEqual(
    steps.map((step) => /^\w+ \w+/.exec(step)![0]),
    ['skipped Credentials', 'failed Pub', 'skipped BigQuery'],
  )
  await editor.cancelConfig()
  await editor.cancel()
})

/** As many as a sample takes, so that it ends at once. */
async function publishReadings(another = false): Promise<void> {
  const publisher = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, { username: 'anna', password: right })
  for (let n = 0; n < sampleLimits.messages; n++) {
    const reading = { ts: 1_751_371_200_000 + n, machine: `press ${n}`, bar: n + 0.5 }
    const payload = JSON.stringify(another && n === 0 ? { state: 'RUN' } : reading)
    await publisher.publishAsync(`plant/line1/press${n}`, payload, { qos: 1, retain: true })
  }
  await publisher.endAsync()
}

test('a sample of the broker is shown, and a schema inferred from it', async () => {
  await publishReadings()
  await editor.openNode('in')
  await form().locator('.rowline-sample').click()
  await form().locator('.rowline-sample:enabled').waitFor()
  assert.equal(await form().locator('.rowline-said').first().innerText(), `${sampleLimits.messages} messages`)
  const [first] = await form().locator('.rowline-samples > li').allInnerTexts()
  assert.match(first ?? '', /^plant\/line1\/press\d+\n\{"ts":17513712000\d\d,"machine":"press \d+","bar":\d+\.5\}$/)
  await show(editor, 'sample')
  await form().locator('.rowline-infer').click()
  await editor.page.waitForSelector('#node-config-dialog-ok', { state: 'visible' })
  await form().locator('.rowline-reasons > li').first().waitFor()
  await show(editor, 'sample-inferred')
  const shown = await form().locator('.rowline-shown').innerText()
  assert.match(shown, /ts: BIGINT.*\n.*machine: STRING.*\n.*bar: DOUBLE/)
  assert.equal(await form().locator('.rowline-differ').isVisible(), false)
  await editor.page.waitForTimeout(350)
  await editor.cancelConfig()
  assert.match(await form().locator('.rowline-next').innerText(), /^After "Add": choose the new schema/)
  await editor.cancel()
})

test('the last message of a sample is what the preview of a decoder begins with', async () => {
  await editor.openNode('in')
  await form().locator('.rowline-sample').click()
  await form().locator('.rowline-sample:enabled').waitFor()
  const last = await form().locator('.rowline-samples > li').last().innerText()
  await editor.cancel()
  await editor.openNode('decoder')
  await form().locator('.rowline-part summary').click()
  const [topic, payload] = ['.rowline-preview-topic', 'textarea'].map((each) => form().locator(`.rowline-part ${each}`))
  assert.equal(`${await topic!.inputValue()}\n${await payload!.inputValue()}`, last)
  await form().locator('.rowline-preview-show').click()
  const result = form().locator('.rowline-part [role=status]')
  await result.getByText(/^\d+\.5$/).waitFor({ timeout: 10_000 })
  await payload!.fill('no JSON')
  await result.getByText(/^Rejected by the row decoder/).waitFor({ timeout: 10_000 })
  await editor.editConfig('schema')
  await form().locator('.rowline-payloads > summary').click()
  await form().locator('.rowline-inputs').selectOption('in')
  await form().locator('.rowline-sample').click()
  await form().locator('.rowline-sample:enabled').waitFor()
  await editor.cancelConfig()
  assert.match(await payload!.inputValue(), /"bar":\d+\.5/)
  await result.getByText(/^\d+\.5$/).waitFor({ timeout: 10_000 })
  await editor.cancel()
})

test('where topics have different fields it is said, and the schema is made of the topic that is chosen', async () => {
  await publishReadings(true)
  await editor.openNode('decoder')
  await editor.editConfig('schema')
  await form().locator('.rowline-payloads > summary').click()
  await form().locator('.rowline-inputs').selectOption('in')
  await form().locator('.rowline-sample').click()
  await form().locator('.rowline-sample:enabled').waitFor()
  await form().locator('.rowline-infer').click()
  const differ = form().locator('.rowline-differ')
  assert.match(await differ.innerText(), /^The 20 topics have different fields\./)
  await show(editor, 'sample-differs')
  await form().locator('.rowline-topic').selectOption('plant/line1/press0')
  assert.equal(await form().locator('.rowline-shown').innerText(), 'state: STRING')
  assert.equal(await differ.isVisible(), false)
  await form().locator('.rowline-payloads textarea').fill('{"bar":1.5}')
  assert.equal(await form().locator('.rowline-topic').isVisible(), false)
  await editor.cancelConfig()
  await editor.cancel()
  await publishReadings()
})

test('a row schema samples by itself what an input reads', async () => {
  await editor.openNode('decoder')
  await editor.editConfig('schema')
  await form().locator('.rowline-payloads > summary').click()
  await form().locator('.rowline-inputs').selectOption('in')
  await form().locator('.rowline-sample').click()
  await form().locator('.rowline-sample:enabled').waitFor()
  const payloads = (await form().locator('.rowline-payloads textarea').inputValue()).split('\n')
  assert.equal(payloads.length, sampleLimits.messages)
  await form().locator('.rowline-infer').click()
  await show(editor, 'sample-schema')
  assert.match(await form().locator('.rowline-shown').innerText(), /machine: STRING/)
  await editor.cancelConfig()
  await editor.cancel()
})

test('topics that the source has read are offered in its filters, and in the topic of the core mqtt in', async () => {
  await editor.openNode('in')
  await editor.field('subscriptions').locator('[data-column="filter"]:visible').focus()
  const options = form().locator('#rowline-topics option')
  await options.nth(sampleLimits.messages).waitFor({ state: 'attached' })
  const offered = await options.evaluateAll((all) => all.map((option) => option.getAttribute('value')))
  assert.deepEqual(offered.slice(0, 3), ['plant/#', 'plant/line1/#', 'plant/line1/press0'])
  assert.equal(offered.length, 2 + sampleLimits.messages)
  await editor.cancel()
  await editor.openNode('core')
  await editor.page.locator('#node-input-topic').pressSequentially('press1')
  const completion = editor.page.locator('.red-ui-autoComplete-completion', { hasText: 'plant/line1/press1' })
  await completion.first().waitFor()
  await editor.screenshot('topics-core')
  await editor.cancel()
})

test('no secret is in the log or among the errors of the page', async () => {
  assert.doesNotMatch(nodeRed.log(), /canary-words/)
  assert.deepEqual(editor.errors, [])
})

test('with a German browser and a dark theme the steps are German', async () => {
  const german = await openEditor(browser, nodeRed.url, 'de', { colorScheme: 'dark' })
  await german.page.evaluate("document.documentElement.classList.add('nr-theme-dark')")
  await german.page.click('#red-ui-header-button-sidemenu')
  await german.page.click('#menu-item-rowline-first-rows')
  await german.page.fill('.rowline-first-rows [data-field=kafka] input', 'kafka:x')
  await show(german, 'first-rows-german')
  assert.deepEqual(await faintTexts(german.page, '.rowline-first-rows *'), [])
  await german.page.locator('.ui-dialog-buttonset button:visible').first().click()
  await german.openNode('in')
  await german.editConfig('source')
  const { steps, said } = await testConnection(german)
  await show(german, 'test-mqtt-german')
  assert.equal(said, 'Alles geht.')
  assert.match(steps[0] ?? '', /erreicht$/)
  assert.deepEqual(await faintTexts(german.page, '.rowline-steps li *, .rowline-said'), [])
  await german.field('host').locator('input').fill('plant:1884')
  await german.page.keyboard.press('Tab')
  const [host, port] = ['host', 'port'].map((name) => german.field(name).locator('input').inputValue())
  assert.deepEqual([await host, await port], ['plant', '1884'])
  await german.page.context().close()
})

test('four tests run at once and no more, a user who goes makes room, and a question has values', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { readonly port: number }
  const ask = (body: object, signal?: AbortSignal) =>
    nodeRed.request('/rowline/test/mqtt-v3-source', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    })
  const question = { values: { host: '127.0.0.1', port: String(port) } }
  const gone = new AbortController()
  const four = await Promise.all([1, 2, 3, 4].map(() => ask(question, gone.signal)))
  assert.deepEqual(
    four.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  assert.equal((await ask(question)).status, 429)
  gone.abort()
  const away = { values: { host: '127.0.0.1', port: String(await freePort()) } }
  await until(async () => (await ask(away)).status === 200, { what: 'room for another test' })
  assert.equal((await ask({})).status, 400)
  silent.close()
})

const hashes = {
  viewer: '$2b$04$8OU5vvtc5ibVMjdFIEQNYeILUj8eDk3SM5vL4iGdmcC8i4slGLCxO',
  engineer: '$2b$04$5pPbL3TnSKUwt3ozDkXiJ.BZTDXhwyJKbGjd0jRd8HzZNvYD84kM.',
}
const adminAuth = {
  type: 'credentials',
  users: [
    { username: 'viewer', password: hashes.viewer, permissions: 'read' },
    { username: 'engineer', password: hashes.engineer, permissions: '*' },
  ],
}

test('who may only read is refused, in the form and by the server', async () => {
  await nodeRed.stop()
  await using guarded = await startNodeRed({
    userDir: nodeRed.userDir,
    settings: { adminAuth },
    env: { PLANT_BROKER: '127.0.0.1' },
  })
  const question = { id: 'source', values: { host: '127.0.0.1', port: String(broker.port) } }
  const ask = (path: string, token?: string) =>
    guarded.request(`/rowline/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(question),
    })
  const viewer = await tokenOf(guarded, 'viewer', 'read')
  for (const path of ['test/mqtt-v3-source', 'sample/mqtt-v3-source', 'preview'])
    assert.deepEqual([(await ask(path)).status, (await ask(path, viewer)).status], [401, 401], path)
  const allowed = await ask('test/mqtt-v3-source', await tokenOf(guarded, 'engineer', '*'))
  assert.match(await allowed.text(), /"connect","state":"passed"/)
  const page = await openEditor(browser, guarded.url, 'en-US', { user: 'viewer', password: 'viewer words' })
  await page.openNode('in')
  await page.editConfig('source')
  const { steps, said } = await testConnection(page)
  await show(page, 'test-refused')
  assert.deepEqual(steps, [])
  const refusal = 'Your user may not do this: it needs the permission to change flows.'
  assert.equal(said, refusal)
  await page.cancelConfig()
  await form(page).locator('.rowline-sample').click()
  assert.equal(await form(page).locator('.rowline-said').first().innerText(), refusal)
  assert.equal(await form(page).locator('.rowline-samples > li').count(), 0)
  await page.cancel()
  await page.openNode('decoder')
  await form(page).locator('.rowline-part summary').click()
  await form(page).locator('.rowline-preview-show').click()
  assert.equal(await form(page).locator('.rowline-part [role=status]').innerText(), refusal)
  const engineer = await openEditor(browser, guarded.url, 'en-US', { user: 'engineer', password: 'engineer words' })
  await engineer.openNode('in')
  await engineer.editConfig('source')
  assert.equal((await testConnection(engineer)).said, 'Everything works.')
  const secrets = await page.page.content()
  for (const secret of [right, viewer]) {
    assert.ok(!secrets.includes(secret))
    assert.ok(!guarded.log().includes(secret))
  }
})

async function tokenOf(guarded: NodeRed, user: string, scope: string): Promise<string> {
  const form = {
    client_id: 'node-red-admin',
    grant_type: 'password',
    scope,
    username: user,
    password: `${user} words`,
  }
  const answer = await guarded.request('/auth/token', { method: 'POST', body: new URLSearchParams(form) })
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { readonly access_token: string }).access_token
}
