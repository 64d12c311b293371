import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { PipelineView } from '../../nodes/shared/pipeline-view.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { flowBuilder, type Values, waitForLines } from './acceptance-flow.ts'

/** Of the word "password". */
const password = '$2b$08$lTynEFsddDUK3Iza/TxaYOojmhj51NclkBEdRV0TBvbaUVXovOfge'
const deployer = [
  'flows.read',
  'flows.write',
  'nodes.read',
  'settings.read',
  'status.read',
  'debug.read',
  'inject.write',
]

let broker: FakeBroker
let nodeRed: NodeRed
let token: string
let builder: ReturnType<typeof flowBuilder>

before(async () => {
  broker = await startFakeBroker({ window: 100 })
  const users = [{ username: 'reader', password, permissions: 'read' }]
  const adminAuth = { type: 'credentials', users, default: { permissions: deployer } }
  const nodesDir = join(import.meta.dirname, 'fixtures')
  nodeRed = await startNodeRed({ nodesDir, settings: { adminAuth }, env: { APP_ENV: 'LOCAL' } })
  const grant = {
    client_id: 'node-red-admin',
    grant_type: 'password',
    scope: '',
    username: 'reader',
    password: 'password',
  }
  const answer = await nodeRed.request('/auth/token', { method: 'POST', body: new URLSearchParams(grant) })
  token = ((await answer.json()) as { readonly access_token: string }).access_token
})
after(async () => {
  await nodeRed.kill9()
  await broker.close()
})
beforeEach(() => {
  builder = flowBuilder()
})

async function pipelines(): Promise<readonly PipelineView[]> {
  const answer = await nodeRed.request('/rowline/pipelines', { headers: { Authorization: `Bearer ${token}` } })
  assert.equal(answer.status, 200)
  return (await answer.json()) as readonly PipelineView[]
}

async function deploy(qos: string, sink: Values = {}, ...more: readonly FlowNode[]): Promise<void> {
  const { node, source, id } = builder
  const file = node('file-sink', 'file', { path: `${id('rows')}.ndjson`, ...sink }, [[], []])
  await nodeRed.deploy([...source(broker.port, [{ filter: 't', qos }], ['decoder']), decoder(), file, ...more])
  await nodeRed.statusIs(id('in'), ({ shape }) => shape === 'dot')
}

const decoder = () => builder.node('row-decoder', 'decoder', { format: 'json' }, [['file'], []])
const said = () =>
  nodeRed
    .log()
    .split('\n')
    .filter((line) => line.includes(`"${builder.id('in')}" delivers`))

test('who may not read is refused; who may gets names, codes and numbers, and nothing of a payload', async () => {
  assert.equal((await nodeRed.request('/rowline/pipelines')).status, 401)
  await deploy('1')
  broker.publish({ topic: 't', qos: 1, payload: '{"canary-1":1}' })
  broker.publish({ topic: 't', qos: 1, payload: 'canary-2' })
  await waitForLines(nodeRed, `${builder.id('rows')}.ndjson`, 1)
  const found = await until(
    async () => (await pipelines()).find(({ rejected, sinks }) => rejected === 1 && sinks[0]?.confirmed === 1),
    { what: 'a confirmed and a rejected reading' },
  )
  const { tab, guarantee, limit, findings, received, sinks, reasons, last, phase } = found!
  const at = builder.id('file')
  assert.deepEqual(
    { tab, guarantee, limit, findings, received, phase, reasons },
    {
      tab: builder.id('in').split('-')[0],
      guarantee: 'atLeastOnce',
      limit: undefined,
      findings: [
        {
          code: 'brokerQueue',
          node: builder.id('in'),
          values: {},
          at: builder.id('in'),
          name: builder.id('in'),
          type: 'mqtt-v3-in',
        },
      ],
      received: 2,
      phase: 'connected',
      reasons: [{ reason: 'json', count: 1 }],
    },
  )
  assert.deepEqual(sinks, [
    { id: at, at, name: at, type: 'file-sink', accepted: true, confirmed: 1, pending: 0, retries: 0 },
  ])
  assert.deepEqual(
    last.map(({ code, node }) => [code, node]),
    [['JSON_INVALID', builder.id('decoder')]],
  )
  assert.ok(!JSON.stringify(found).includes('canary'))
})

test('a limited pipeline is said after each deploy, and once when it no longer is', async () => {
  await deploy('0')
  assert.deepEqual(said().length, 1)
  assert.match(
    said()[0]!,
    /\[warn\].* at most once: mqtt-v3-in ".+" subscribes to t with QoS 0: .* Choose QoS 1 .*\[qos0\]/,
  )
  await deploy('0')
  assert.equal(said().length, 2)
  await deploy('1')
  assert.match(said()[2]!, /\[info\].* delivers at least once$/)
  await deploy('1')
  assert.equal(said().length, 3)
})

test('a variable counts with its value, and a sink in a subflow for its instance', async () => {
  const { node, id } = builder
  const inner = node('file-sink', 'inner', { path: 'inner.ndjson', environment: '${APP_ENV}', x: 1, y: 1 }, [[], []])
  const subflow = {
    id: id('sf'),
    type: 'subflow',
    name: 'sf',
    in: [{ x: 0, y: 0, wires: [{ id: id('inner') }] }],
    out: [],
  }
  const instance = node(`subflow:${id('sf')}`, 'decoder', { x: 1, y: 1 }, [])
  const { source } = builder
  await nodeRed.deploy([
    ...source(broker.port, [{ filter: 't', qos: '1' }], ['decoder']),
    instance,
    subflow,
    { ...inner, z: id('sf') },
  ])
  const [found] = await pipelines()
  assert.deepEqual(
    found!.findings.map(({ code, at, values }) => [code, at, values]),
    [
      ['dryRun', id('inner'), { environment: 'LOCAL' }],
      ['brokerQueue', id('in'), {}],
    ],
  )
  assert.deepEqual(
    found!.sinks.map(({ id: place, at }) => [place, at]),
    [[`${id('decoder')}-${id('inner')}`, id('inner')]],
  )
})

test('a broker that grants only QoS 0 is found out while the pipeline runs', async () => {
  broker.loweredFilters.add('t')
  await deploy('1')
  await until(() => said().length > 0, { what: 'the line in the log', output: nodeRed.log })
  assert.match(said()[0]!, /at most once: .*the broker grants only QoS 0 for t\..*\[qosGranted\]/)
  assert.equal((await pipelines())[0]!.guarantee, 'atMostOnce')
  broker.loweredFilters.clear()
})

test('a node that was seen to send after it was done limits its pipeline, until flows start without it', async () => {
  const { node, source, id } = builder
  const entry = (to: string) => source(broker.port, [{ filter: 't', qos: '1' }], [to])
  const late = node('probe-late', 'late', {}, [['decoder']])
  const file = node('file-sink', 'file', { path: `${id('rows')}.ndjson` }, [[], []])
  await nodeRed.deploy([...entry('late'), late, decoder(), file])
  await nodeRed.statusIs(id('in'), ({ shape }) => shape === 'dot')
  const promised = async () => (await pipelines())[0]!.guarantee
  assert.equal(await promised(), 'atLeastOnce')
  broker.publish({ topic: 't', qos: 1, payload: '{"n":1}' })
  await until(async () => (await promised()) === 'atMostOnce', { what: 'the proof', output: nodeRed.log })
  const [{ limit, findings }] = (await pipelines()) as [PipelineView]
  assert.deepEqual([limit, findings[0]?.at], ['sendsLate', id('late')])
  await until(() => said().length > 0, { what: 'the line in the log', output: nodeRed.log })
  assert.match(said()[0]!, /at most once: probe-late ".+" was seen to send .*\[sendsLate\]/)
  await nodeRed.deploy([...entry('decoder'), decoder(), file])
  assert.equal(await promised(), 'atLeastOnce')
})
