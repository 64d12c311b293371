import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { flowBuilder, waitForDeadLetters } from './acceptance-flow.ts'

test('a topic taken from the flow file while Node-RED is down is unsubscribed at the next start', async () => {
  await using broker = await startFakeBroker()
  await using nodeRed = await startNodeRed()
  const session = broker.session('sessions')
  await nodeRed.deploy([
    { id: 'tab', type: 'tab', label: 'sessions' },
    { id: 'broker', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(broker.port), clientId: 'sessions' },
    {
      id: 'in',
      type: 'mqtt-v3-in',
      z: 'tab',
      x: 1,
      y: 1,
      source: 'broker',
      subscriptions: [
        { filter: 'old/#', qos: '1' },
        { filter: 'kept/#', qos: '1' },
      ],
      wires: [[], []],
    },
  ])
  await until(() => session.subscriptions.size === 2, { what: 'both subscriptions' })
  const memory = join(nodeRed.userDir, 'rowline/sessions/broker')
  await until(() => existsSync(memory) && readFileSync(memory, 'utf8').includes('old/#'), {
    what: 'the answer of the broker to be known',
  })
  await nodeRed.kill9()
  const flowFile = join(nodeRed.userDir, 'flows.json')
  writeFileSync(flowFile, readFileSync(flowFile, 'utf8').replace('old/#', 'new/#'))
  await nodeRed.restart()
  await until(() => !session.subscriptions.has('old/#'), { what: 'the UNSUBSCRIBE', timeoutMs: 60_000 })
  assert.deepEqual([...session.subscriptions.keys()].sort(), ['kept/#', 'new/#'])
  assert.deepEqual(broker.violations, [])
})

test('what is in the flow when its broker forgets the session, and the connection is replaced: it is stored as dead letters', async () => {
  await using broker = await startFakeBroker()
  await using nodeRed = await startNodeRed()
  const { id, node, source } = flowBuilder()
  const hang = { func: 'return; node.done()', outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] }
  const withKeepalive = (keepalive: string) => [
    ...source(broker.port, [{ filter: 't', qos: '1' }], ['hang']).map((one) =>
      one.id === id('broker') ? { ...one, clientId: 'forgotten', keepalive } : one,
    ),
    node('function', 'hang', hang, [[]]),
  ]
  const isSubscribed = () => until(() => broker.session('forgotten').subscriptions.size > 0, { what: 'SUBACK' })
  await nodeRed.deploy(withKeepalive('60'))
  await isSubscribed()
  for (const payload of ['1', '2', '3']) broker.publish({ topic: 't', payload, qos: 1 })
  await nodeRed.statusIs(id('in'), ({ text }) => text?.includes('3 open') ?? false)
  const { length } = broker.connects
  broker.forgetSessions()
  await until(() => broker.connects.length > length, { what: 'the next connection' })
  await isSubscribed()
  await nodeRed.deploy(withKeepalive('31'))
  const stored = await waitForDeadLetters(nodeRed, id('broker'), 3)
  assert.deepEqual(
    stored.map(({ payload, error }) => [payload, error.code]),
    ['1', '2', '3'].map((payload) => [payload, 'UNROUTED']),
  )
})
