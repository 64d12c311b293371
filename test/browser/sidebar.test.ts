import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { flowBuilder, publishAll, waitForLines } from '../nodes/acceptance-flow.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { type EditorPage, faintTexts, launchBrowser, openEditor } from './editor-page.ts'

let broker: Mosquitto
let nodeRed: NodeRed
let browser: Browser

before(async () => {
  broker = await startMosquitto()
  nodeRed = await startNodeRed()
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
  await nodeRed?.kill9()
  await broker?.stop()
})

const { id, node, source } = flowBuilder()

function flow(qos: string, sinks: readonly string[] = ['file']): readonly FlowNode[] {
  const place = (x: number, y: number) => ({ x, y })
  const [tab, connection, entry] = source(broker.port, [{ filter: 'plant/#', qos }], ['rows'], { name: 'Readings' })
  return [
    { ...tab!, label: 'Plant' },
    connection!,
    { ...entry!, ...place(150, 100) },
    node('row-schema', 'schema', { schema: 'n BIGINT' }),
    node('row-decoder', 'rows', { name: 'Rows', schema: id('schema'), ...place(350, 100) }, [sinks, []]),
    node('file-sink', 'file', { name: 'File', path: 'rows.ndjson', ...place(550, 100) }, [[], []]),
  ]
}

const tabContent = (page: Page) => page.locator('.rowline-sidebar')

async function openTab({ page }: EditorPage): Promise<void> {
  await page.evaluate(`RED.sidebar.show('rowline-sidebar')`)
  await tabContent(page).waitFor({ state: 'visible' })
}

const circle = (page: Page, state: 'good' | 'warn' | 'bad') =>
  tabContent(page).locator(`.rowline-card header .fa-circle.${state}`)

/** Waits until the tab says it: what it shows is a second old at most. */
async function shows(page: Page, what: RegExp): Promise<void> {
  await until(async () => what.test((await tabContent(page).innerText()).replace(/\s+/g, ' ')), {
    what: `${what} in the sidebar`,
    timeoutMs: 60_000,
    output: () => nodeRed.log().slice(-2000),
  })
}

test('before the first deploy the tab has the three first steps, and a tour that points at them', async () => {
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page } = editor
  await openTab(editor)
  await shows(page, /01 First rows.*address of your broker.*Deploy\./)
  await editor.screenshot('sidebar-empty')
  await page.locator('.rowline-empty button').click()
  for (const words of [/Import example 01/, /build your own/, /then deploy/, /has its numbers here/]) {
    const step = page.locator('.red-ui-tourGuide-popover-description')
    await until(async () => words.test((await step.last().textContent()) ?? ''), { what: `${words} in the tour` })
    if (words.source.startsWith('build')) await editor.screenshot('sidebar-tour')
    // Node-RED gives it the focus when the step is complete; pressed before, it throws.
    await page.locator('.red-ui-tourGuide-toolbar button:focus').click()
  }
  await page.locator('.red-ui-tourGuide-shade').waitFor({ state: 'detached' })
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})

test('the tab shows rates of real readings, dead letters with their reasons, and the node; once a second however busy', async () => {
  await nodeRed.deploy(flow('1'))
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page } = editor
  let requests = 0
  page.on('request', (request) => void (request.url().endsWith('/rowline/pipelines') && requests++))
  await page.evaluate(`RED.sidebar.show('info')`)
  await tabContent(page).waitFor({ state: 'hidden' })
  requests = 0
  await page.waitForTimeout(2500)
  assert.equal(requests, 0, 'nobody looks')
  await openTab(editor)
  await shows(page, /Readings · Plant at least once 0\/s in · 0\/s confirmed/)
  const opened = performance.now()
  const before = requests
  const load = new AbortController()
  const publishing = publishWhile(load.signal)
  await shows(
    page,
    /[1-9][\d,]*\/s in · [1-9][\d,]*\/s confirmed.* File [1-9][\d,]*\/s · [\d,]+ waiting.*2 dead letters since the start: json 1, type 1/,
  )
  await shows(page, /JSON_INVALID at .*, Rows/)
  await editor.screenshot('sidebar-running')
  const points = async () => ((await page.locator('.rowline-line1').getAttribute('points')) ?? '').split(' ').length
  await until(async () => (await points()) >= 2, { what: 'a line in the chart' })
  load.abort()
  const published = await publishing
  await waitForLines(nodeRed, 'rows.ndjson', published)
  await shows(page, / 0\/s in · 0\/s confirmed/)
  assert.ok(requests - before <= (performance.now() - opened) / 1000 + 2, `${requests} requests`)
  await page
    .locator(`.rowline-rejected .rowline-show[data-node="${id('rows')}"]`)
    .first()
    .click()
  await page
    .locator(`[id="${id('rows')}"] .red-ui-flow-node-highlighted, [id="${id('rows')}"].red-ui-flow-node-highlighted`)
    .first()
    .waitFor()
  await editor.screenshot('sidebar-show-node')
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})

/** Two bad readings, then good ones until told to stop. Gives how many were good. */
async function publishWhile(signal: AbortSignal): Promise<number> {
  await publishAll(broker.port, [
    ['plant/a', 'no JSON'],
    ['plant/a', '{"n":"x"}'],
  ])
  let published = 0
  while (!signal.aborted) {
    const group = Array.from({ length: 50 }, () => ['plant/a', `{"n":${published++}}`] as const)
    await publishAll(broker.port, group)
  }
  return published
}

test('a sink whose target is away shows what waits in its outbox, for how long, how often it has tried, and why', async () => {
  const cluster = node('kafka-cluster', 'cluster', { brokers: `127.0.0.1:${await freePort()}` })
  const values = { name: 'Kafka', cluster: id('cluster'), delivery: 'outbox', retryBackoffMs: '50 ms', x: 550, y: 200 }
  await nodeRed.deploy([...flow('1', ['file', 'kafka']), cluster, node('kafka-sink', 'kafka', values, [[], []])])
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page } = editor
  await openTab(editor)
  await publishAll(broker.port, [
    ['plant/a', '{"n":1}'],
    ['plant/a', '{"n":2}'],
    ['plant/a', '{"n":3}'],
  ])
  await shows(
    page,
    /Kafka 0\/s · outbox 3 · oldest [1-9]\d* (s|min) · [1-9][\d,]* retries not reachable: .+ \[TARGET_UNREACHABLE\]/,
  )
  const said = page.locator('.rowline-sink .rowline-error')
  assert.match((await said.getAttribute('title')) ?? '', /^Kafka at 127\.0\.0\.1:\d+ cannot be reached: /)
  await editor.screenshot('sidebar-outage')
  assert.match((await circle(page, 'warn').getAttribute('title')) ?? '', /^connected\nKafka: not reachable/)
  const load = new AbortController()
  const publishing = publishWhile(load.signal)
  await shows(
    page,
    /[1-9][\d,]*\/s in · 0\/s confirmed by the slowest sink.* File [1-9][\d,]*\/s .* Kafka 0\/s · outbox /,
  )
  await editor.screenshot('sidebar-slowest')
  load.abort()
  await publishing
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})

test('a decoder that cannot store what it rejects makes the circle yellow, and a sink that does not run red', async () => {
  await nodeRed.deploy([])
  const letters = join(nodeRed.userDir, 'rowline/dead-letter', id('rows'))
  rmSync(letters, { recursive: true, force: true })
  mkdirSync(dirname(letters), { recursive: true })
  writeFileSync(letters, 'where the folder belongs')
  await nodeRed.deploy(flow('1'))
  await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'green')
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page } = editor
  await openTab(editor)
  await circle(page, 'good').waitFor()
  await publishAll(broker.port, [['plant/a', 'no JSON']])
  await shows(page, /Rows .+ \[FILE_FAILED\]/)
  await circle(page, 'warn').waitFor()
  await editor.screenshot('sidebar-decoder')
  const [tab, ...rest] = flow('1')
  await nodeRed.deploy([tab!, ...rest.map((one) => (one.id === id('file') ? { ...one, path: '${NOWHERE}/a' } : one))])
  rmSync(letters)
  await shows(
    page,
    /0\/s confirmed .*File 0\/s · 0 waiting .+: needs the environment variable NOWHERE, which is not set \[CONFIG_INVALID\]/,
  )
  await circle(page, 'bad').waitFor()
  await editor.screenshot('sidebar-red')
  await nodeRed.deploy(flow('1'))
  await circle(page, 'good').waitFor()
  assert.deepEqual(editor.errors, [])
  await page.context().close()
})

test('the limiting node is named with what to do, and what the flow in the editor will be is said before it is deployed', async () => {
  await nodeRed.deploy(flow('0'))
  const editor = await openEditor(browser, nodeRed.url, 'en-US')
  const { page } = editor
  await openTab(editor)
  await shows(page, /at most once .*Readings subscribes to plant\/# with QoS 0.*Choose QoS 1/)
  await editor.openNode(id('in'))
  await editor.field('subscriptions').locator('[data-column="qos"]:visible').selectOption('1')
  await editor.done()
  await shows(page, /at most once after the next deploy: at least once/)
  await editor.screenshot('sidebar-undeployed')
  await editor.deploy()
  await shows(page, /Readings · Plant at least once 0\/s/)
  await page.context().close()
})

test('in German and in a dark theme; a user who may only read sees it', async () => {
  await nodeRed.deploy(flow('0'))
  const { userDir } = nodeRed
  await nodeRed.stop()
  const adminAuth = { type: 'credentials', users: [], default: { permissions: 'read' } }
  nodeRed = await startNodeRed({ userDir, settings: { adminAuth } })
  const editor = await openEditor(browser, nodeRed.url, 'de')
  const { page } = editor
  await page.evaluate("document.documentElement.classList.add('nr-theme-dark')")
  await openTab(editor)
  await shows(
    page,
    /höchstens einmal 0\/s herein · 0\/s bestätigt.*Readings abonniert plant\/# mit QoS 0: .*In der Zeile dieses Topics QoS 1 wählen/,
  )
  await editor.screenshot('sidebar-dark-de')
  const texts =
    '.rowline-sidebar :is(b, .rowline-class, .rowline-numbers, .rowline-sink, .rowline-quiet, .rowline-error)'
  assert.ok((await page.locator(texts).count()) >= 5)
  assert.deepEqual(await faintTexts(page, texts), [])
  const refused = await nodeRed.request('/flows', {
    method: 'POST',
    body: '[]',
    headers: { 'Content-Type': 'application/json' },
  })
  assert.equal(refused.status, 401)
  assert.deepEqual(editor.errors, [])
})
