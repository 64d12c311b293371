import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import type { FakeSession } from '../services/fake-session.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { flowBuilder, linesOf, waitForDeadLetters, waitForLines } from './acceptance-flow.ts'

let broker: FakeBroker
let nodeRed: NodeRed
let session: FakeSession

before(async () => {
  broker = await startFakeBroker({ window: 100 })
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
})

const clientId = 'held'
let builder: ReturnType<typeof flowBuilder>
beforeEach(() => {
  broker.forgetSessions()
  session = broker.session(clientId, { t: 1 })
  builder = flowBuilder()
})

/** in -> a Function node -> file-sink. */
function flow(func: string, options: object = {}): readonly FlowNode[] {
  const { id, node, source } = builder
  const parts = source(broker.port, [{ filter: 't', qos: '1' }], ['f'], { ...options })
  return [
    ...parts.map((part) => (part.type === 'mqtt-v3-source' ? { ...part, clientId, reconnectPeriodMs: '50 ms' } : part)),
    node('function', 'f', { func, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] }, [['k']]),
    node('file-sink', 'k', { path: `${id('k')}.ndjson` }, [[], []]),
  ]
}

async function deploy(nodes: readonly FlowNode[]): Promise<void> {
  await nodeRed.deploy(nodes)
  await nodeRed.statusIs(builder.id('in'), ({ fill }) => fill === 'green')
}

const publish = (...payloads: readonly string[]) => {
  for (const payload of payloads) broker.publish({ topic: 't', qos: 1, payload })
}
const acknowledged = (count: number) =>
  until(() => session.acknowledged.length >= count, { what: `${count} PUBACKs`, output: () => nodeRed.log() })

test('while dead letters cannot be stored, the node says so and nothing is acknowledged', async () => {
  const { id, node, source } = builder
  const deadLetters = join(nodeRed.userDir, 'rowline/dead-letter')
  rmSync(deadLetters, { recursive: true, force: true })
  mkdirSync(join(nodeRed.userDir, 'rowline'), { recursive: true })
  writeFileSync(deadLetters, 'a file where the directory should be')
  const parts = source(broker.port, [{ filter: 't', qos: '1' }], ['decoder'])
  await deploy([
    ...parts.map((part) => (part.type === 'mqtt-v3-source' ? { ...part, clientId } : part)),
    node('row-decoder', 'decoder', { format: 'json' }, [[], []]),
  ])
  publish('no json')
  const shown = await nodeRed.statusIs(id('decoder'), ({ fill }) => fill !== 'green')
  assert.match(shown.text!, /^not written: ENOTDIR/)
  assert.match(nodeRed.log(), /rejected\.ndjson failed: .*\[FILE_FAILED\]/)
  assert.equal(session.acknowledged.length, 0)
  rmSync(deadLetters)
  assert.equal((await waitForDeadLetters(nodeRed, id('decoder'), 1))[0]!.payload, 'no json')
  await acknowledged(1)
  await nodeRed.statusIs(id('decoder'), ({ fill }) => fill === 'green')
})

test('full dead letters turn the node red and hold what is rejected; it goes on when files are moved away', async () => {
  const { id, node, source } = builder
  await nodeRed.deploy([])
  await using other = await startNodeRed({ settings: { rowline: { deadLetterBytes: '16 MiB' } } })
  await other.deploy([
    ...source(broker.port, [{ filter: 't', qos: '1' }], ['decoder']).map((part) =>
      part.type === 'mqtt-v3-source' ? { ...part, clientId } : part,
    ),
    node('row-decoder', 'decoder', { format: 'json' }, [[], []]),
  ])
  const payloads = Array.from({ length: 24 }, (_, n) => `${n} is no json ${'.'.repeat(1_000_000)}`)
  publish(...payloads)
  const shown = await other.statusIs(id('decoder'), ({ fill }) => fill === 'red')
  assert.equal(shown.text, 'size limit of the file reached')
  assert.match(other.log(), /limit of 16777216 bytes.*rowline\.deadLetterBytes in settings\.js\)\. \[FILE_FULL\]/)
  await wait(1500)
  const directory = join(other.userDir, 'rowline/dead-letter', id('decoder'))
  const room = payloadsIn(directory).length
  assert.ok(room > 10 && room < payloads.length, `${room} are stored`)
  assert.equal(session.acknowledged.length, room)
  const away = join(other.userDir, 'away')
  mkdirSync(away)
  for (const name of readdirSync(directory).filter((each) => each !== 'rejected.ndjson'))
    renameSync(join(directory, name), join(away, name))
  await acknowledged(payloads.length)
  await other.statusIs(id('decoder'), ({ fill }) => fill === 'green')
  assert.ok(isDeepStrictEqual([away, directory].flatMap(payloadsIn), payloads), 'every one is in the files, once')
})

/** Of all dead letters in a directory, in the order of their file names, the one being written last. */
const payloadsIn = (directory: string): readonly string[] =>
  readdirSync(directory)
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => (JSON.parse(line) as { readonly payload: string }).payload)

for (const [what, value] of [
  ['an object that contains itself', 'const value = { n: 1 }; value.self = value'],
  ['a function', 'const value = () => 1'],
] as const) {
  test(`a reading in a batch that became ${what} is a dead letter, and not nothing`, async () => {
    await deploy(flow(`${value}; msg.payload = [{ topic: "x", payload: value }]; return msg`, { output: 'batches' }))
    publish('1')
    const [deadLetter] = await waitForDeadLetters(nodeRed, builder.id('k'), 1)
    assert.equal(deadLetter!.reason, 'type')
    assert.match(deadLetter!.payload, /Circular|Function/)
    await acknowledged(1)
  })
}

test('a flow that fails gets the reading again where "When the flow fails" says redeliver', async () => {
  const failTwice = 'const n = (flow.get("n") ?? 0) + 1; flow.set("n", n); if (n < 3) throw new Error("no"); return msg'
  await deploy(flow(failTwice, { onFailure: 'redeliver' }))
  const connects = broker.connects.length
  publish('{"n":1}')
  await acknowledged(1)
  assert.deepEqual(linesOf(nodeRed, `${builder.id('k')}.ndjson`), ['{"n":1}'])
  assert.equal(broker.connects.length - connects, 2, 'the connection is taken down for each failure')
  assert.equal(session.acknowledged.length, 1)
})

test('with "Acknowledge" onReceipt the broker is told before the flow has finished', async () => {
  const later = 'setTimeout(() => { node.send(msg); node.done() }, 1000)'
  await deploy(flow(later, { acknowledge: 'onReceipt' }))
  publish('{"n":1}')
  await acknowledged(1)
  assert.deepEqual(linesOf(nodeRed, `${builder.id('k')}.ndjson`), [])
  assert.deepEqual(await waitForLines(nodeRed, `${builder.id('k')}.ndjson`, 1), ['{"n":1}'])
})

for (const limit of [{ windowRecords: '3' }, { windowBytes: '1 KiB' }]) {
  test(`a full window stops the reading of the connection and says so (${Object.keys(limit)})`, async () => {
    await deploy(flow('setTimeout(() => { node.send(msg); node.done() }, 300)', limit))
    const payloads = Array.from({ length: 60 }, (_, n) => JSON.stringify({ n, filler: 'x'.repeat(20_000) }))
    publish(...payloads)
    const shown = await nodeRed.statusIs(builder.id('in'), ({ text }) => text?.startsWith('window-limited') ?? false)
    const open = Number(/(\d+) open/.exec(shown.text!)?.[1])
    assert.ok(open < payloads.length, `${open} of ${payloads.length} are in the flow`)
    await acknowledged(payloads.length)
    assert.deepEqual(await waitForLines(nodeRed, `${builder.id('k')}.ndjson`, payloads.length), payloads)
    assert.deepEqual(broker.violations, [])
  })
}

test('a node that hung has its full time again after it was replaced', async () => {
  await deploy(flow('return; node.done()', { settleTimeoutMs: '3 s' }))
  publish('1', '2', '3')
  await acknowledged(3)
  await deploy(flow('setTimeout(() => { node.send(msg); node.done() }, 2500)', { settleTimeoutMs: '3 s' }))
  publish('4')
  assert.deepEqual(await waitForLines(nodeRed, `${builder.id('k')}.ndjson`, 1), ['4'])
  await acknowledged(4)
  assert.equal((await waitForDeadLetters(nodeRed, builder.id('in'), 3)).length, 3)
})

test('a node that hangs on every message gets two seconds after three in a row, and its full time after it finished one', async () => {
  const hang = 'if (msg.payload.toString() === "hang") return; node.done()'
  await deploy(flow(`${hang}; return`, { settleTimeoutMs: '5 s' }))
  const durations: number[] = []
  const hangs = async () => {
    const startMs = performance.now()
    const before = session.acknowledged.length
    publish('hang')
    await acknowledged(before + 1)
    durations.push(performance.now() - startMs)
  }
  for (let i = 0; i < 4; i++) await hangs()
  const hung = `function node "${builder.id('f')}" does not finish · 4 rejected`
  await nodeRed.statusIs(builder.id('in'), ({ fill, text }) => fill === 'yellow' && text === hung)
  publish('done')
  await acknowledged(5)
  await nodeRed.statusIs(builder.id('in'), ({ fill }) => fill === 'green')
  await hangs()
  const isFull = durations.map((ms) => ms > 4900)
  assert.deepEqual(isFull, [true, true, true, false, true], `${durations}`)
  const deadLetters = await waitForDeadLetters(nodeRed, builder.id('in'), 5)
  assert.deepEqual(
    deadLetters.map(({ reason }) => reason),
    Array(5).fill('abandoned'),
  )
  assert.match(deadLetters[3]!.error.message, /within 2000 ms.*function node/)
})

test('a user directory that cannot be written turns the nodes red; Node-RED goes on and nothing is acknowledged', async () => {
  await nodeRed.deploy([])
  await using other = await startNodeRed()
  writeFileSync(join(other.userDir, 'rowline'), 'a file where the directory should be')
  publish('{"n":1}')
  await other.deploy(flow('return msg'))
  for (const name of ['in', 'k']) {
    const shown = await other.statusIs(builder.id(name), ({ fill }) => fill === 'red')
    assert.match(shown.text!, /^Writing .*rowline\/instance/)
  }
  const health = await (await other.request('/rowline/health')).text()
  assert.ok(health.includes('failing: FILE_FAILED') && !health.includes(other.userDir), health)
  await wait(500)
  assert.equal(session.acknowledged.length, 0)
  assert.ok(!readdirSync(other.userDir).some((name) => name.endsWith('.ndjson')))
})
