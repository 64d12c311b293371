import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { type Heard, type Listener, listen } from '../sinks/mqtt-harness.ts'
import {
  acknowledged,
  acknowledgementsIn,
  adjust,
  deploySubscribed,
  flowBuilder,
  importExample,
  publishAll,
  startLoggingMosquitto,
  type Values,
  waitForDeadLetters,
} from './acceptance-flow.ts'

let broker: Mosquitto
let nodeRed: NodeRed

before(async () => {
  broker = await startLoggingMosquitto()
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await broker.stop()
})

const clientsIn = ({ log }: Mosquitto, pattern = /nr-\w+/) =>
  [...log().matchAll(new RegExp(` as (${pattern.source}(-out)?) `, 'g'))].map(([, clientId]) => clientId!)

async function hears(listener: Listener, count: number): Promise<readonly Heard[]> {
  const output = () => nodeRed.log()
  const heard = await until(
    async () => {
      const messages = await listener.heard()
      return messages.length >= count && messages
    },
    { what: `${count} messages`, timeoutMs: 60_000, output },
  )
  return heard as readonly Heard[]
}

for (const delivery of ['outbox', 'confirm'])
  test(`B1: example 09 bridges two brokers with different users both ways (${delivery})`, async () => {
    const user = (name: string) => ({ credentials: { user: name, password: `${name}-secret` } })
    const users = { users: { plant: 'plant-secret', office: 'office-secret', tester: 'tester-secret' } }
    const signIn = { username: 'tester', password: 'tester-secret' }
    await using plant = await startLoggingMosquitto(users)
    await using office = await startLoggingMosquitto(users)
    await using atOffice = await listen(office.port, 'flink-mqtt-v3-out', 4, signIn)
    await using atPlant = await listen(plant.port, 'from-office/#', 4, signIn)
    const address = ({ name }: FlowNode) =>
      name === 'Broker of the plant'
        ? { host: '127.0.0.1', port: String(plant.port), ...user('plant') }
        : { host: '127.0.0.1', port: String(office.port), ...user('office') }
    const example = adjust(await importExample(nodeRed, '09 Bridge two brokers'), { 'mqtt-v3-out': { delivery } })
    const flow = example.map((node) => (node.type === 'mqtt-v3-source' ? { ...node, ...address(node) } : node))
    const before = clientsIn(office).length
    await nodeRed.deploy(flow)
    for (const side of [plant, office])
      await until(() => side.log().includes('Sending SUBACK to nr-'), { what: 'the subscription', output: nodeRed.log })
    const send = (port: number, texts: readonly (readonly [string, string])[]) =>
      publishAll(port, texts, { qos: 2, connection: signIn })
    await send(
      plant.port,
      Array.from({ length: 10 }, () => ['flink-mqtt-source', 'I am flink mqtt message.'] as const),
    )
    await send(office.port, [['office/orders', '{"order":1}']])
    for (const { topic, payload, qos, retain } of await hears(atOffice, 10))
      assert.deepEqual(
        [topic, String(payload), qos, retain],
        ['flink-mqtt-v3-out', 'I am flink mqtt callback message.', 2, false],
      )
    assert.equal((await atOffice.heard()).length, 10)
    assert.deepEqual(
      (await hears(atPlant, 1)).map(({ topic, payload }) => [topic, String(payload)]),
      [['from-office/orders', '{"order":1}']],
    )
    for (const side of [plant, office]) {
      const clients = new Set(clientsIn(side).slice(side === office ? before : 0))
      assert.equal(clients.size, 2, 'one to read and one to publish')
      const [reading, publishing] = [...clients].sort((a, b) => a.length - b.length)
      assert.equal(publishing, `${reading}-out`)
    }
    assert.match(plant.log(), /as nr-\w+-out \(.*u'plant'/)
    assert.match(office.log(), /as nr-\w+-out \(.*u'office'/)
  })

/** in -> out at one broker. */
function bridge(out: Values, nodes: readonly FlowNode[] = [], first: readonly string[] = ['out'], source: Values = {}) {
  const builder = flowBuilder()
  const flow = [
    ...builder
      .source(broker.port, [{ filter: `${builder.id('in')}/#`, qos: '2' }], first)
      .map((node) => (node.type === 'mqtt-v3-source' ? { ...node, ...source } : node)),
    builder.node('mqtt-v3-out', 'out', { source: builder.id('broker'), ...out }, [[], []]),
    ...nodes,
  ]
  return { ...builder, flow }
}

test('B2: one message is one, fifty equal ones are fifty, a hundred texts are that hundred', async () => {
  for (const output of ['reading', 'batches']) {
    const { flow, id } = bridge({ topic: 'b2/{topic}', qos: '2' })
    await using listener = await listen(broker.port, `b2/${id('in')}/#`)
    await deploySubscribed(nodeRed, broker, adjust(flow, { 'mqtt-v3-in': { output } }))
    const texts = [
      'one',
      ...Array.from({ length: 50 }, () => 'MQTT is a message queue.'),
      ...Array.from({ length: 100 }, (_, n) => `Hello, World!${n}`),
    ]
    await publishAll(
      broker.port,
      texts.map((text) => [`${id('in')}/x`, text]),
      { qos: 2 },
    )
    const heard = (await hears(listener, texts.length)).map(({ payload }) => String(payload))
    assert.deepEqual(heard, texts)
  }
})

test('D13: the header names the topic, without it the form, with neither the message is rejected', async () => {
  const code = `
    const name = msg.topic.split('/')[1]
    if (name === 'text') msg.headers = { 'mqtt.topic': 'd13/text' }
    if (name === 'bytes') msg.headers = { 'mqtt.topic': Buffer.from('d13/bytes') }
    if (name === 'wild') msg.headers = { 'mqtt.topic': 'd13/+' }
    return msg`
  await using listener = await listen(broker.port, 'd13/#')
  const heard: string[] = []
  for (const [topic, rejected] of [
    ['d13/form', ['invalid-topic']],
    ['', ['invalid-topic', 'no-topic']],
  ] as const) {
    const builder = flowBuilder()
    const func = { func: code, outputs: 1, timeout: 0, noerr: 0, initialize: '', finalize: '', libs: [] }
    const flow = [
      ...builder.source(broker.port, [{ filter: `${builder.id('in')}/#`, qos: '1' }], ['func']),
      builder.node('function', 'func', func, [['out']]),
      builder.node('mqtt-v3-out', 'out', { source: builder.id('broker'), topic }, [[], []]),
    ]
    await deploySubscribed(nodeRed, broker, flow)
    await publishAll(
      broker.port,
      ['text', 'wild', 'bytes', 'none'].map((name) => [`${builder.id('in')}/${name}`, name]),
    )
    const letters = await waitForDeadLetters(nodeRed, builder.id('out'), rejected.length)
    assert.deepEqual(
      letters.map(({ reason }) => reason),
      rejected,
    )
    heard.push('d13/text', 'd13/bytes', ...(topic === '' ? [] : [topic]))
    const all = await hears(listener, heard.length)
    assert.deepEqual(
      all.map((message) => message.topic),
      heard,
    )
  }
})

test('B6: an idle connection for publishing closes, opens with the next message, and none is lost', async () => {
  const { flow, id, node } = bridge({ topic: 'b6/{topic}', qos: '1' }, [], ['out'], { idleTimeoutMs: '2 s' })
  const second = node(
    'mqtt-v3-in',
    'in2',
    { source: id('broker'), subscriptions: [{ filter: 'b6-other', qos: '1' }] },
    [['out'], []],
  )
  await using listener = await listen(broker.port, 'b6/#')
  const before = clientsIn(broker).length
  await deploySubscribed(nodeRed, broker, [...flow, second])
  const clients = () => clientsIn(broker).slice(before)
  const reading = () => clients().filter((clientId) => !clientId.endsWith('-out'))
  await until(() => clients().length >= 3, { what: 'both connections', output: broker.log })
  assert.equal(reading().length, 1, 'two nodes that read share one connection')
  const isClosed = () => {
    const log = broker.log()
    const clientId = clients().find((each) => each.endsWith('-out'))!
    return log.lastIndexOf(`Received DISCONNECT from ${clientId}`) > log.lastIndexOf(` as ${clientId} `)
  }
  for (const n of [1, 2, 3]) {
    await until(isClosed, { what: 'the end of the idle connection', output: broker.log })
    await publishAll(broker.port, [[`${id('in')}/x`, String(n)]])
    const heard = await hears(listener, n)
    assert.deepEqual(
      heard.map(({ payload }) => String(payload)),
      ['1', '2', '3'].slice(0, n),
    )
  }
  assert.equal(reading().length, 1, 'a connection that is read from stays')
})

test('the broker of origin is acknowledged when the other has confirmed (confirm), or when the disk has it (outbox)', async () => {
  for (const delivery of ['confirm', 'outbox']) {
    await using target = await startMosquitto()
    const builder = flowBuilder()
    const flow = [
      ...builder.source(broker.port, [{ filter: `${builder.id('in')}/#`, qos: '1' }], ['out']),
      builder.node('mqtt-v3-source', 'target', {
        host: '127.0.0.1',
        port: String(target.port),
        maxReconnectDelayMs: '500 ms',
      }),
      builder.node(
        'mqtt-v3-out',
        'out',
        { source: builder.id('target'), topic: 'x/{topic}', retain: 'always', delivery, maxRetryBackoffMs: '500 ms' },
        [['next'], []],
      ),
      builder.node('debug', 'next', { active: true, tosidebar: true, complete: 'true', targetType: 'full' }),
    ]
    await deploySubscribed(nodeRed, broker, flow)
    await nodeRed.statusIs(builder.id('out'), ({ fill }) => fill === 'green')
    await target.stop()
    const before = acknowledgementsIn(broker)
    await publishAll(broker.port, [[`${builder.id('in')}/x`, '{"n":1}']])
    await nodeRed.statusIs(builder.id('out'), ({ text }) => /waiting|outbox 1/.test(text ?? ''))
    if (delivery === 'outbox') await acknowledged(broker, before + 1)
    else assert.equal(acknowledgementsIn(broker), before)
    await target.restart()
    await acknowledged(broker, before + 1)
    await using listener = await listen(target.port, 'x/#')
    const [heard] = await hears(listener, 1)
    assert.equal(String(heard!.payload), '{"n":1}')
    const shown = () =>
      (nodeRed.debugMessages() as readonly { readonly id: string; readonly msg: string }[]).filter(
        ({ id }) => id === builder.id('next'),
      )
    await until(() => shown().length === 1, { what: 'the message behind output 1' })
    const { payload } = JSON.parse(shown()[0]!.msg) as { readonly payload: { readonly count?: number } }
    assert.equal(payload.count, delivery === 'outbox' ? 1 : undefined)
  }
})

test('a node without a broker, or with a topic that has wildcards, is red and keeps what it gets', async () => {
  for (const [values, problem] of [
    [{ source: '', topic: 't' }, /broker required/],
    [{ topic: 'a/#' }, /Topic: must not contain \+ or #/],
  ] as const) {
    const { flow, id } = bridge(values)
    await nodeRed.deploy(flow)
    const { text } = await nodeRed.statusIs(id('out'), ({ fill }) => fill === 'red')
    assert.match(text!, problem)
  }
})

test('B2, in numbers: a thousand readings of eight topics are published in the order of each topic', async () => {
  const { flow, id } = bridge({ topic: 'order/{topic}', qos: '1', delivery: 'confirm' })
  await using listener = await listen(broker.port, `order/${id('in')}/#`)
  await deploySubscribed(nodeRed, broker, flow)
  const topics = Array.from({ length: 8 }, (_, n) => `${id('in')}/${n}`)
  await publishNumbered({ port: broker.port, topics, count: 1000, qos: 1 })
  const heard = await hears(listener, 1000)
  const seen = new Map<string, number>()
  for (const { topic, payload } of heard) {
    const { n } = JSON.parse(String(payload)) as { readonly n: number }
    assert.ok(n > (seen.get(topic) ?? -1), `${n} of ${topic}`)
    seen.set(topic, n)
  }
  assert.equal(seen.size, 8)
})
