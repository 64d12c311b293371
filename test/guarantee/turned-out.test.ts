import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import type { NodeAPI } from 'node-red'
import type { FlowNode } from '../../nodes/shared/guarantee/flow-graph.ts'
import { withFacts } from '../../nodes/shared/guarantee/pipelines.ts'
import type { FlowMessage, FlowResult, Holder } from '../../nodes/shared/handle.ts'
import { LateSenders } from '../../nodes/shared/late-senders.ts'
import { factsOf, PipelineWatch } from '../../nodes/shared/pipeline-watch.ts'
import { rowlineOf } from '../../nodes/shared/rowline.ts'
import type { RowlineSnapshot } from '../../nodes/shared/snapshot.ts'
import { temporaryDirectory } from '../services/processes.ts'
import { broker, judge, kafka, node, source, types } from './wirings.ts'

const snapshot = (lateSenders: readonly string[] = []): RowlineSnapshot => ({
  memory: { heldBytes: 0, maxBytes: 1 },
  lateCompletions: 0,
  lateSenders,
  nodes: [],
})

test('a node that was seen to send after it was done limits the pipelines that have it', () => {
  const [first, second] = judge([
    source(['n']),
    node('n', 'influxdb out', [['kafka']]),
    source(['kafka'], { subscriptions: [] }, 'in2'),
    kafka(),
  ])
  const facts = factsOf(snapshot(['n', 'elsewhere']))
  const late = { code: 'sendsLate', node: 'n', values: {} }
  const { guarantee, limit, findings } = withFacts(first!, facts)
  assert.deepEqual(
    [guarantee, limit, findings.map(({ code }) => code)],
    ['atMostOnce', late, ['sendsLate', 'thirdParty']],
  )
  assert.equal(withFacts(second!, facts).guarantee, 'atLeastOnce')
})

test('a late sender is warned of once, and forgotten when flows start; one that was replaced counts for nothing', () => {
  const warnings: string[] = []
  const holder = (): Holder =>
    Object.assign({ id: 'n', type: 'trigger' }, { warn: (text: string) => warnings.push(text) })
  const nodes = [holder(), holder()] as const
  let current: Holder | undefined = nodes[0]
  const senders = new LateSenders((id) => (id === 'n' ? current : undefined))
  senders.note(nodes[0])
  senders.note(nodes[0])
  assert.deepEqual([senders.ids, warnings.length], [['n'], 1])
  senders.clear()
  assert.deepEqual(senders.ids, [])
  senders.note(nodes[0])
  assert.deepEqual([senders.ids, warnings.length], [['n'], 2], 'a deploy that left it as it was')
  senders.clear()
  current = nodes[1]
  senders.note(nodes[0])
  assert.deepEqual([senders.ids, warnings.length], [[], 2])
})

test('the pipelines are worked out once for all who ask within a second, and anew after a deploy', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const flow = [broker(), source(['n']), node('n', 'function', [['kafka']], { func: 'return msg' }), kafka()]
  const RED = {
    auth: { needsPermission: () => () => {} },
    nodes: { eachNode: (each: (one: FlowNode) => void) => flow.forEach(each), getNode: () => undefined },
    log: { warn: () => {}, info: () => {} },
  }
  let late: readonly string[] = []
  const watched = { types, snapshot: () => snapshot(late), tallyOf: () => undefined }
  const watch = new PipelineWatch(RED as unknown as NodeAPI, watched)
  const promised = () => watch.views().map(({ guarantee }) => guarantee)
  watch.judge()
  assert.deepEqual(promised(), ['atLeastOnce'])
  late = ['n']
  const first = watch.views()
  t.mock.timers.tick(899)
  assert.equal(watch.views(), first)
  t.mock.timers.tick(1)
  assert.deepEqual(promised(), ['atMostOnce'])
  late = []
  watch.judge()
  assert.deepEqual(promised(), ['atLeastOnce'])
})

test('a deploy sets back which nodes were seen to send late', async () => {
  const events = new EventEmitter()
  const handlers = new Map<string, (event: unknown) => void>()
  const late = { id: 'n', type: 'trigger', warn: () => {} }
  const RED = {
    events,
    settings: { userDir: temporaryDirectory('late') },
    hooks: { add: (name: string, handler: (event: unknown) => void) => handlers.set(name, handler), remove: () => {} },
    auth: { needsPermission: () => () => {} },
    nodes: { eachNode: () => {}, getNode: (id: string) => (id === 'n' ? late : undefined) },
    log: { warn: () => {}, info: () => {} },
  }
  const rowline = rowlineOf(RED as unknown as NodeAPI)
  const { tracker } = rowline
  events.emit('flows:started')
  tracker.acquire()
  const msg: FlowMessage = {}
  const { status } = await new Promise<FlowResult>((onFinished) =>
    tracker.sent(tracker.track(msg, { origin: undefined, batch: false, timeoutMs: 60_000, onFinished })),
  )
  assert.equal(status, 'accepted')
  const send = { msg, source: { id: 'n', node: late }, destination: { id: 'k', node: { id: 'k', type: 'debug' } } }
  handlers.get('onSend.rowline')!([send])
  assert.deepEqual(rowline.snapshot().lateSenders, ['n'])
  events.emit('flows:stopping')
  events.emit('flows:started')
  assert.deepEqual(rowline.snapshot().lateSenders, [])
  tracker.release()
})
