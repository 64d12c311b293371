import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { randomIntegers } from '../core/random.ts'
import { publishPacket, startScriptedBroker } from '../mqtt/scripted-broker.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import {
  type FlowBuilder,
  flowBuilder,
  linesOf,
  publishAll,
  startLoggingMosquitto,
  subscriptionsIn,
  type Values,
  waitForLines,
} from './acceptance-flow.ts'

const nodeRed = await startNodeRed()
after(() => nodeRed.stop())

/** What is posted becomes a control message; the answer is what the node or a catch node says to it. */
function controlled({ id, node, source }: FlowBuilder, port: number, values: Values, delayMs = 0) {
  const say = (name: string, code: string) => node('function', name, { func: code, outputs: 1 }, [['response']])
  const answer = 'const { subscriptions, topic, payload, connected } = msg'
  const [tab, broker, reader] = source(port, [], ['delay'])
  return [
    tab!,
    broker!,
    { ...reader!, dynamic: true, ...values, wires: [[id('delay')], [], [id('answers')]] },
    node('delay', 'delay', { pauseType: 'delay', timeout: String(delayMs), timeoutUnits: 'milliseconds' }, [['sink']]),
    node('file-sink', 'sink', { path: `${id('rows')}.ndjson`, content: 'record' }, [[], []]),
    node('http in', 'http', { url: `/${id('control')}`, method: 'post' }, [['message']]),
    node('function', 'message', { func: 'return { ...msg.payload, req: msg.req, res: msg.res }', outputs: 1 }, [
      ['in'],
    ]),
    node('complete', 'complete', { scope: [id('in')] }, [['done']]),
    say('done', `${answer}\nmsg.payload = { subscriptions, topic, payload, connected }\nreturn msg`),
    node('catch', 'catch', { scope: [id('in')] }, [['failed']]),
    say(
      'failed',
      'msg.payload = { code: msg.error.code, message: msg.error.message }\nmsg.statusCode = 400\nreturn msg',
    ),
    node('http response', 'response', {}, []),
    node('debug', 'answers', { active: true, tosidebar: true, complete: 'payload', targetType: 'msg' }, []),
  ]
}

const post = async ({ id }: FlowBuilder, body: object): Promise<Values> => {
  const response = await nodeRed.request(`/${id('control')}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, ...((await response.json()) as Values) }
}

const storedIn = ({ id }: FlowBuilder): string => join(nodeRed.userDir, 'rowline/sessions', `${id('in')}.by-message`)
const rowsOf = ({ id }: FlowBuilder) =>
  linesOf(nodeRed, `${id('rows')}.ndjson`).map((line) => {
    const { topic, route } = JSON.parse(line) as { readonly topic: string; readonly route?: string }
    return route === undefined ? topic : `${topic} ${route}`
  })
const untilRows = async (at: FlowBuilder, expected: readonly string[]) => {
  await waitForLines(nodeRed, `${at.id('rows')}.ndjson`, expected.length)
  assert.deepEqual(rowsOf(at).sort(), [...expected].sort())
}

test('messages subscribe and unsubscribe, connect and disconnect; what they subscribe outlives a kill -9', async () => {
  await using broker = await startLoggingMosquitto()
  const at = flowBuilder()
  const flow = (values: Values = {}) =>
    controlled(at, broker.port, { subscriptions: [{ filter: 'fixed/#', qos: '1' }], ...values })
  const publish = (...topics: readonly string[]) =>
    publishAll(
      broker.port,
      topics.map((topic) => [topic, '{}']),
      { qos: 2 },
    )
  await nodeRed.deploy(flow())
  await until(() => subscriptionsIn(broker) === 1, { what: 'the table' })
  const wanted = [{ topic: 'd/#', qos: 2, route: 'r' }, 'e']
  const listed = [
    { topic: 'd/#', qos: 2, route: 'r' },
    { topic: 'e', qos: 1 },
  ]
  const done = await post(at, { action: 'subscribe', topic: wanted })
  assert.deepEqual([done.status, done.subscriptions], [200, listed])
  await until(() => subscriptionsIn(broker) === 3, { what: 'one SUBSCRIBE per QoS' })
  await publish('d/1', 'e', 'fixed/1')
  const rows = ['d/1 r', 'e', 'fixed/1']
  await untilRows(at, rows)

  const wrong = await post(at, { action: 'subscribe', topic: ['f', 'a/#/b'] })
  assert.deepEqual([wrong.status, wrong.code], [400, 'CONTROL_INVALID'])
  assert.match(String(wrong.message), /"a\/#\/b": Topic filter may have # only as its last level/)
  assert.equal((await post(at, { action: 'unsubscribe', topic: 'fixed/#' })).status, 400)
  const answer = await post(at, { action: 'getSubscriptions' })
  assert.deepEqual([answer.topic, answer.payload, answer.connected], ['subscriptions', listed, true])
  await until(() => nodeRed.debugMessages().length > 0, { what: 'the answer at output 3' })

  assert.equal((await post(at, { action: 'disconnect' })).status, 200)
  await nodeRed.statusIs(at.id('in'), ({ text }) => text === 'disconnected by message')
  await publish('d/2')
  assert.equal((await post(at, { action: 'connect' })).status, 200)
  rows.push('d/2 r')
  await untilRows(at, rows)

  const answered = () => broker.log().split('Received PUBCOMP').length - 1
  await until(() => answered() === 2, { what: 'd/1 and d/2 to be done with' })
  await nodeRed.kill9()
  await publish('d/3', 'e', 'fixed/2')
  await nodeRed.restart()
  rows.push('d/3 r', 'e', 'fixed/2')
  await untilRows(at, rows)
  assert.deepEqual((await post(at, { action: 'unsubscribe', topic: true })).subscriptions, [])
  await until(() => broker.log().includes('Received UNSUBSCRIBE'), { what: 'the UNSUBSCRIBE' })
  await publish('d/4', 'e', 'fixed/3')
  rows.push('fixed/3')
  await untilRows(at, rows)
  assert.deepEqual(linesOf(nodeRed, `rowline/dead-letter/${at.id('broker')}/rejected.ndjson`), [])

  await post(at, { action: 'subscribe', topic: 'g' })
  await nodeRed.deploy(flow({ dynamic: false }))
  assert.match(nodeRed.log(), /"Control by message" is off: the subscriptions made by message are given up/)
  assert.equal(existsSync(storedIn(at)), false)
  const unsubscribed = () => broker.log().split('Received UNSUBSCRIBE').length - 1
  // Twice for the same where two looks at the session come at once.
  await until(() => unsubscribed() >= 2, { what: 'the end of what was given up', timeoutMs: 30_000 })
  writeFileSync(storedIn(at), '[{"topic":"g"')
  await nodeRed.deploy(flow())
  const { text } = await nodeRed.statusIs(at.id('in'), ({ fill }) => fill === 'red')
  assert.match(text!, /subscriptions made by message cannot be read/)
})

test('a kill -9 around a subscription by message never leaves one that is not known, and loses none that is', async () => {
  await using broker = await startFakeBroker()
  const at = flowBuilder()
  const clientId = 'by-message'
  const session = broker.session(clientId)
  const [tab, source, ...others] = controlled(at, broker.port, {})
  await nodeRed.deploy([tab!, { ...source!, clientId }, ...others])
  const random = randomIntegers(5)
  const stored = () =>
    existsSync(storedIn(at))
      ? (JSON.parse(readFileSync(storedIn(at), 'utf8')) as { readonly topic: string }[]).map(({ topic }) => topic)
      : []
  const expected: string[] = []
  for (let n = 0; n < 4; n++) {
    await nodeRed.statusIs(at.id('in'), ({ fill }) => fill === 'green')
    const gone = stored()[0]
    const message = n === 2 && gone ? { action: 'unsubscribe', topic: gone } : { action: 'subscribe', topic: `k/${n}` }
    void post(at, message).catch(() => {})
    await wait(random(1, 25))
    await nodeRed.kill9()
    const known = stored()
    broker.publish({ topic: `k/${n}`, payload: '{}', qos: 1 })
    const wasSubscribed = session.subscriptions.has(`k/${n}`)
    await nodeRed.restart()
    await until(() => known.every((topic) => session.subscriptions.has(topic)), { what: `${known} subscribed again` })
    if (wasSubscribed) expected.push(`k/${n}`)
    for (const topic of known) broker.publish({ topic, payload: '{}', qos: 1 })
    expected.push(...known)
    await waitForLines(nodeRed, `${at.id('rows')}.ndjson`, expected.length)
    // A line is there before it is synced and acknowledged.
    await until(() => session.inFlight + session.queued === 0, { what: 'the acknowledgements' })
  }
  assert.deepEqual(rowsOf(at).sort(), expected.sort())
  await until(() => session.subscriptions.size === stored().length, { what: 'what is known', timeoutMs: 30_000 })
  assert.deepEqual([...session.subscriptions.keys()].sort(), stored().sort())
  assert.deepEqual(broker.violations, [])
})

test('readings in flight when they are unsubscribed and Node-RED is killed are dead letters at worst', async () => {
  await using broker = await startFakeBroker({ window: 100 })
  const at = flowBuilder()
  const clientId = 'by-message-in-flight'
  const session = broker.session(clientId)
  const [tab, source, ...others] = controlled(at, broker.port, {}, 200)
  await nodeRed.deploy([tab!, { ...source!, clientId }, ...others])
  await nodeRed.statusIs(at.id('in'), ({ fill }) => fill === 'green')
  await post(at, { action: 'subscribe', topic: 'f/+' })
  await until(() => session.subscriptions.size === 1, { what: 'the subscription' })
  const topics = Array.from({ length: 60 }, (_, n) => `f/${n}`)
  for (const topic of topics.slice(0, 20)) broker.publish({ topic, payload: '{}', qos: 1 })
  await waitForLines(nodeRed, `${at.id('rows')}.ndjson`, 1)
  for (const topic of topics.slice(20)) broker.publish({ topic, payload: '{}', qos: 1 })
  assert.equal((await post(at, { action: 'unsubscribe', topic: 'f/+' })).status, 200)
  await nodeRed.kill9()
  await nodeRed.restart()
  await until(() => session.inFlight + session.queued === 0, { what: 'all acknowledgements', timeoutMs: 40_000 })
  const deadLetters = linesOf(nodeRed, `rowline/dead-letter/${at.id('broker')}/rejected.ndjson`)
  const stored = deadLetters.map((line) => (JSON.parse(line) as { readonly topic: string }).topic)
  assert.deepEqual([...new Set([...rowsOf(at), ...stored])].sort(), [...topics].sort())
  assert.ok(deadLetters.length > 0, 'some were in flight')
  assert.deepEqual([session.subscriptions.size, broker.violations], [0, []])
})

test('QoS that a broker lowers is yellow, in the log and a metric; the readings come', async () => {
  await using broker = await startScriptedBroker()
  broker.suback = ({ messageId }) => ({ cmd: 'suback', messageId: messageId!, granted: [0] })
  const at = flowBuilder()
  await nodeRed.deploy(controlled(at, broker.port, { subscriptions: [{ filter: 's', qos: '1' }] }))
  const status = await nodeRed.statusIs(at.id('in'), ({ text }) => text?.startsWith('QoS lowered') ?? false)
  assert.deepEqual(status, { fill: 'yellow', shape: 'dot', text: 'QoS lowered: s (QoS 0 for 1)' })
  await until(() => nodeRed.log().includes('[SUBSCRIPTION_LOWERED]'), { what: 'the log' })
  const metrics = await (await nodeRed.request('/rowline/metrics')).text()
  assert.match(metrics, new RegExp(`^rowline_source_qos_lowered\\{[^}]*${at.id('in')}[^}]*\\} 1$`, 'm'))
  ;(await broker.connection(1)).send({ ...publishPacket(0, '{}'), qos: 0 })
  await untilRows(at, ['s'])
})
