import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import type { FakeSession } from '../services/fake-session.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { delayed, type FlowShape, functionNode, shapes, slowSink } from './flow-shapes.ts'

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')

describe('a reading is acknowledged when the flow has finished with it', () => {
  let broker: FakeBroker
  let nodeRed: NodeRed
  let session: FakeSession

  before(async () => {
    broker = await startFakeBroker({ window: 100 })
    nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, 'fixtures') })
    session = broker.session('shapes', { t: 1 })
  })
  after(async () => {
    await nodeRed.kill9()
    await broker.close()
  })

  const source = (options: object = {}): FlowNode[] => [
    { id: 'broker', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(broker.port), clientId: 'shapes' },
    {
      id: 'in',
      type: 'mqtt-v3-in',
      z: 'flow',
      x: 1,
      y: 1,
      source: 'broker',
      settleTimeoutMs: '1500',
      subscriptions: [{ filter: 't', qos: '1' }],
      wires: [[], []],
      ...options,
    },
  ]
  const tabs = ['flow', 'other'].map((id) => ({ id, type: 'tab', label: id }))

  async function deploy(nodes: readonly FlowNode[], options: object, first: readonly FlowNode[] = []): Promise<void> {
    for (const file of readdirSync(nodeRed.userDir)) if (file.endsWith('.ndjson')) rmSync(join(nodeRed.userDir, file))
    rmSync(join(nodeRed.userDir, 'rowline/dead-letter'), { recursive: true, force: true })
    await nodeRed.deploy([...tabs, ...first, ...source(options), ...nodes])
    await nodeRed.statusIs('in', ({ fill }) => fill === 'green')
  }

  const lines = (file: string): string[] => {
    const path = join(nodeRed.userDir, file)
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
  }
  const linesOf = (shape: FlowShape) =>
    Object.fromEntries(Object.keys(shape.lines ?? {}).map((sink) => [sink, lines(`${sink}.ndjson`).length]))
  const deadLetters = () => lines('rowline/dead-letter/in/rejected.ndjson').map((line) => JSON.parse(line))

  /** What was on disk at the moment of the first PUBACK. */
  async function publishAndWatch(shape: FlowShape) {
    const before = session.acknowledged.length
    const messages = shape.messages ?? 1
    for (let i = 0; i < messages; i++) broker.publish({ topic: 't', qos: 1, payload: shape.payload ?? '{"value":1}' })
    const seen = await until(
      () => session.acknowledged.length > before && { lines: linesOf(shape), deadLetters: deadLetters() },
      { what: 'the first PUBACK', timeoutMs: 8000, intervalMs: 1, output: () => nodeRed.log() },
    )
    await until(() => session.acknowledged.length === before + messages, { what: 'all PUBACKs', timeoutMs: 8000 })
    return seen as Exclude<typeof seen, false>
  }

  for (const shape of shapes) {
    it(`${shape.name}: ${shape.ending}`, async () => {
      await deploy(shape.nodes, { wires: [shape.to, []] }, shape.first)
      const atAck = await publishAndWatch(shape)
      const expected = shape.lines ?? {}
      if (shape.ending === 'after') {
        assert.deepEqual(atAck.lines, expected)
        assert.deepEqual(atAck.deadLetters, [])
      }
      if (shape.ending === 'failed') assert.equal(atAck.deadLetters[0]?.reason, 'flow-failed')
      if (shape.ending === 'abandoned') assert.equal(atAck.deadLetters[0]?.reason, 'abandoned')
      if (shape.ending === 'early') {
        assert.notDeepEqual(atAck.lines, expected, 'it is not early any longer: say so in the README')
        await until(() => nodeRed.log().includes(`node "${shape.culprit}" sends messages after`), {
          what: `the late sender ${shape.culprit} in the log`,
          timeoutMs: 5000,
          output: () => nodeRed.log(),
        })
        assert.ok(readme.includes(shape.name), `README's limits do not list "${shape.name}"`)
      }
      await until(() => JSON.stringify(linesOf(shape)) === JSON.stringify(expected), {
        what: `lines ${JSON.stringify(expected)}`,
        timeoutMs: 5000,
      })
      await wait(50)
      assert.deepEqual(broker.violations, [])
    })
  }

  it('a batch goes to a sink and to a Change node that writes to it: the sink sees the original', async () => {
    const overwrite = { t: 'set', p: 'payload[0].payload', pt: 'msg', to: 'overwritten', tot: 'str' }
    const nodes: FlowNode[] = [
      { id: 'c', type: 'change', z: 'flow', x: 1, y: 1, rules: [overwrite], reg: false, wires: [['l']] },
      slowSink('k', 400),
      slowSink('l', 100),
      slowSink('m', 400),
    ]
    for (const wires of [
      ['c', 'k', 'm'],
      ['k', 'c', 'm'],
    ]) {
      await deploy(nodes, { output: 'batches', wires: [wires, []] })
      const shape = { name: '', to: [], nodes, ending: 'after', lines: { k: 1, l: 1, m: 1 } } as const
      const atAck = await publishAndWatch(shape)
      assert.deepEqual(atAck.lines, shape.lines)
      assert.deepEqual(lines('k.ndjson'), ['{"value":1}'])
      assert.deepEqual(lines('m.ndjson'), ['{"value":1}'])
      assert.match(lines('l.ndjson')[0]!, /overwritten/)
    }
  })

  it('a batch that goes to several Rowline nodes is not cloned for them, and is for any other node', async () => {
    const warnWhenCloned = 'get seen() { node.warn("a reading was cloned"); return 1 }'
    const func = `msg.payload = [{ topic: 't', payload: '{}', ${warnWhenCloned} }]; return msg`
    const clones = () => nodeRed.log().split('a reading was cloned').length - 1
    for (const [targets, expected] of [
      [['k', 'l'], 0],
      [['k', 'l', 'c'], 1],
    ] as const) {
      const change: FlowNode = { id: 'c', type: 'change', z: 'flow', x: 1, y: 1, rules: [], reg: false, wires: [[]] }
      const nodes = [functionNode('f', func, [targets]), slowSink('k', 50), slowSink('l', 50), change]
      await deploy(nodes, { output: 'batches', wires: [['f'], []] })
      const before = clones()
      const atAck = await publishAndWatch({ name: '', to: [], nodes, ending: 'after', lines: { k: 1, l: 1 } })
      assert.deepEqual(atAck.lines, { k: 1, l: 1 })
      assert.equal(clones() - before, expected, `${targets}`)
    }
  })

  for (const output of ['reading', 'batches']) {
    it(`redeploy of everything while a delay node has the message (${output}): handed over again`, async () => {
      const nodes = (ms: number): FlowNode[] => [
        {
          id: 'd',
          type: 'delay',
          z: 'flow',
          x: 1,
          y: 1,
          ...delayed(ms),
          wires: [['k']],
        },
        slowSink('k', 100),
      ]
      const options = { output, settleTimeoutMs: '60000', wires: [['d'], []] }
      await deploy(nodes(60_000), options)
      const before = session.acknowledged.length
      broker.publish({ topic: 't', qos: 1, payload: '{"value":2}' })
      await wait(400)
      await nodeRed.deploy([...tabs, ...source(options), ...nodes(100)])
      await until(() => session.acknowledged.length > before, { what: 'the PUBACK', timeoutMs: 15_000 })
      assert.deepEqual(lines('k.ndjson'), ['{"value":2}'])
    })

    it(`redeploy of the sink alone while it has the message (${output}): handed over again, none is lost`, async () => {
      const options = { output, settleTimeoutMs: '60000', wires: [['k'], []] }
      await deploy([slowSink('k', 0, [[], []], { path: '/dev/null/impossible.ndjson' })], options)
      const before = session.acknowledged.length
      for (let i = 0; i < 5; i++) broker.publish({ topic: 't', qos: 1, payload: `{"value":${i}}` })
      await wait(600)
      assert.equal(session.acknowledged.length, before, 'nothing may be acknowledged while the sink cannot write')
      const sink = slowSink('k', 50)
      await nodeRed.deploy([...tabs, ...source(options), sink], 'nodes')
      await until(() => session.acknowledged.length === before + 5, {
        what: 'the PUBACKs',
        timeoutMs: 20_000,
        output: () => nodeRed.log(),
      })
      assert.deepEqual(
        lines('k.ndjson'),
        [0, 1, 2, 3, 4].map((i) => `{"value":${i}}`),
      )
      assert.deepEqual(broker.violations, [])
    })
  }
})
