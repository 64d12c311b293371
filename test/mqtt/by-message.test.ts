import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { IUnsubscribePacket, Packet } from 'mqtt-packet'
import { type ConfigOf, parseFields } from '../../src/config/fields.ts'
import type { Batch } from '../../src/core/source.ts'
import { inFields } from '../../src/mqtt/config.ts'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { ConnectionPool, type SessionMemory } from '../../src/mqtt/connection-pool.ts'
import { readRow } from '../../src/mqtt/control-message.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { sharedLease } from '../../src/mqtt/shared-lease.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { accepted, Collector, connect, connected, create, options, subscribed } from './harness.ts'
import { publishPacket, startScriptedBroker } from './scripted-broker.ts'

const never = new AbortController().signal
const rows = (...topics: readonly unknown[]) => topics.map(readRow)

/** A source without a table of its own at these connections; nothing that comes may be nobody's. */
function sourceAt(connections: readonly ConnectionOptions[], raw: object = {}) {
  const { config } = parseFields(inFields, { source: 'x', subscriptions: [], dynamic: true, ...raw })
  const memory = new Map<string, SessionMemory>()
  const pool = new ConnectionPool(memory)
  const batches: Batch[] = []
  const refused: string[] = []
  const leases = connections.map(
    (mine, i) => () =>
      pool.acquire(`source ${i}`, () => create(mine, ({ topic }) => refused.push(`unclaimed ${topic}`))),
  )
  const source = new MqttSource(config as ConfigOf<typeof inFields>, () => sharedLease(leases, 'g'), {
    batch: (batch) => batches.push(batch),
    refused: (batch) => refused.push(`unrouted ${batch.records[0]!.topic}`),
    changed: () => {},
  })
  const texts = () => batches.flatMap(({ records }) => records.map(({ payload }) => String(payload)))
  const settle = () => {
    for (const { delivery } of batches) delivery.settle(accepted)
  }
  const phase = (wanted: string) => until(() => source.status?.phase === wanted, { what: wanted })
  return { source, batches, refused, texts, settle, phase, memory }
}

test('subscribed by message: with its QoS, route and target; unsubscribed at once, and nothing else', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  const at = sourceAt([mine], { subscriptions: [{ filter: 'fixed', qos: '1' }] })
  await at.source.open(never)
  await subscribed(broker, mine)
  const session = broker.session(mine.clientId)
  await at.source.change(rows({ topic: 'd/+', qos: 2, route: 'r', to: 't_{topic}' }, { topic: 'e', qos: 0 }))
  assert.deepEqual(
    [...session.subscriptions],
    [
      ['fixed', 1],
      ['d/+', 2],
      ['e', 0],
    ],
  )
  broker.publish({ topic: 'd/1', payload: 'one', qos: 2 })
  await until(() => at.batches.length === 1, { what: 'the message' })
  const { qos, route, to, filter } = at.batches[0]!.records[0]!
  assert.deepEqual([qos, route, to, filter], [2, 'r', 't_d/1', 'd/+'])
  assert.deepEqual(session.acknowledged, [], 'acknowledged after the flow')
  await at.source.change(rows({ topic: 'd/+', qos: 1 }))
  await until(() => !session.subscriptions.has('e'), { what: 'the UNSUBSCRIBE' })
  assert.deepEqual(
    [...session.subscriptions],
    [
      ['fixed', 1],
      ['d/+', 1],
    ],
  )
  at.settle()
  await until(() => session.acknowledged.length === 1, { what: 'the PUBREC' })
  await at.source.change([])
  await until(() => session.subscriptions.size === 1, { what: 'the second UNSUBSCRIBE' })
  const remembered = () => at.memory.get('source 0')?.filters.map(([each]) => each)
  await until(() => remembered()?.length === 1, { what: 'the memory', output: () => String(remembered()) })
  await at.source.close()
  assert.deepEqual([at.refused, broker.violations], [[], []])
})

test('what the broker has queued for a subscription that ends is handed over, and acknowledged after the flow', async () => {
  await using broker = await startFakeBroker({ window: 5 })
  const mine = options(broker.port)
  const at = sourceAt([mine])
  await at.source.open(never)
  await at.phase('connected')
  await at.source.change(rows({ topic: 'd', route: 'r' }))
  const sent = Array.from({ length: 40 }, (_, n) => String(n))
  for (const payload of sent) broker.publish({ topic: 'd', payload, qos: 1 })
  await until(() => at.batches.length === 5, { what: 'a full window' })
  await at.source.change([])
  await until(() => broker.session(mine.clientId).subscriptions.size === 0, { what: 'the UNSUBSCRIBE' })
  for (let n = 0; n < sent.length; n += 5) {
    await until(() => at.batches.length >= n + 5, { what: `message ${n + 5}` })
    at.settle()
  }
  await until(() => broker.session(mine.clientId).acknowledged.length === 40, { what: 'all acknowledgements' })
  assert.deepEqual(at.texts(), sent)
  assert.ok(at.batches.every(({ records }) => records[0]!.route === 'r'))
  await at.source.close()
  assert.deepEqual([at.refused, broker.violations], [[], []])
})

test('disconnected with a full window: everything comes once, and is acknowledged over the next connection', async () => {
  await using broker = await startFakeBroker({ window: 100 })
  const mine = options(broker.port)
  const at = sourceAt([mine], { subscriptions: [{ filter: 'd', qos: '2' }], windowRecords: 10 })
  await at.source.open(never)
  await subscribed(broker, mine)
  const sent = Array.from({ length: 40 }, (_, n) => String(n))
  for (const [n, payload] of sent.entries()) broker.publish({ topic: 'd', payload, qos: n % 2 ? 2 : 1 })
  await until(() => at.batches.length >= 10, { what: 'a full window' })
  const handedOver = at.batches.length
  await at.source.disconnect()
  await at.phase('stopped')
  at.settle()
  for (const payload of ['late 1', 'late 2']) broker.publish({ topic: 'd', payload, qos: 1 })
  assert.equal(at.batches.length, handedOver, 'nothing comes meanwhile')
  await at.source.connect()
  assert.equal(at.source.status?.phase, 'connected')
  await until(
    () => {
      at.settle()
      return broker.session(mine.clientId).acknowledged.length >= 42
    },
    { what: 'all acknowledgements' },
  )
  assert.deepEqual(at.texts(), [...sent, 'late 1', 'late 2'])
  await at.source.close()
  assert.deepEqual([at.refused, broker.violations, broker.connects.length], [[], [], 2])
})

test('connect and disconnect also act between two attempts and after the last one; a node that comes connects', async () => {
  await using broker = await startFakeBroker()
  await broker.down()
  const mine = options(broker.port, { reconnect: { baseMs: 600_000, maxMs: 600_000 } })
  const at = sourceAt([mine], { subscriptions: [{ filter: 'd' }] })
  await at.source.open(never)
  await at.phase('waiting')
  await at.source.disconnect()
  await at.phase('stopped')
  await assert.rejects(at.source.connect(), { code: 'BROKER_UNREACHABLE' })
  await broker.up()
  await at.source.connect()
  assert.equal(at.source.status?.phase, 'connected')
  await at.source.close()
  await broker.down()
  const few = sourceAt([{ ...mine, connectAttempts: 1 }], { subscriptions: [{ filter: 'd' }] })
  await few.source.open(never)
  await few.phase('closed')
  await broker.up()
  await few.source.connect()
  await few.source.disconnect()
  await few.phase('stopped')
  const waiting = few.source.connect()
  await waiting
  await few.source.disconnect()
  await few.source.close()
  const shared = connect(mine, new Collector(['a']))
  await connected(shared.connection)
  await shared.connection.disconnect()
  shared.connection.subscribe(new Collector(['b']))
  await connected(shared.connection)
  await shared.connection.disconnect()
  await shared.connection.close()
})

test('an attempt that is ended from here says nothing of the version that the broker speaks', async () => {
  const versions: number[] = []
  const mute = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (connectPacket) => versions.push(connectPacket[8]!))
  })
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as { readonly port: number }
  const at = sourceAt([options(port, { protocolVersion: 'auto' })], { subscriptions: [{ filter: 'd' }] })
  await at.source.open(never)
  await until(() => versions.length === 1, { what: 'CONNECT' })
  await at.source.disconnect()
  await at.phase('stopped')
  const second = assert.rejects(at.source.connect())
  await until(() => versions.length === 2, { what: 'CONNECT again' })
  await at.source.close()
  await second
  mute.close()
  assert.deepEqual(versions, [5, 5])
})

test('each connection of a pool subscribes, and unsubscribes, for the group', async () => {
  await using broker = await startFakeBroker()
  const all = [options(broker.port), options(broker.port)]
  const at = sourceAt(all)
  await at.source.open(never)
  await at.phase('connected')
  await at.source.change(rows('d/#', '$share/own/e'))
  const filters = () => all.map(({ clientId }) => [...broker.session(clientId).subscriptions.keys()].sort())
  assert.deepEqual(filters(), Array(2).fill(['$share/g/d/#', '$share/own/e']))
  await at.source.change(rows('$share/own/e'))
  await until(() => filters().every(({ length }) => length === 1), { what: 'the UNSUBSCRIBE' })
  await at.source.disconnect()
  await at.phase('stopped')
  await at.source.connect()
  await at.source.close()
})

test('a subscription that the broker refuses is the failure of that message; it is asked for with the others later', async () => {
  await using broker = await startFakeBroker()
  broker.refusedFilters.add('no/#')
  const mine = options(broker.port)
  const at = sourceAt([mine])
  await at.source.open(never)
  await at.phase('connected')
  await assert.rejects(at.source.change(rows('yes', 'no/#')), (error: Error) => {
    assert.match(error.message, /refuses the subscription no\/#$/)
    return true
  })
  assert.equal(at.source.status?.error?.code, 'SUBSCRIPTION_REFUSED')
  await at.source.change(rows('yes'))
  assert.equal(at.source.status?.error, undefined)
  await at.source.close()
})

test('a subscription that ends before it was answered is not held for granted, and remembered until it has ended', async () => {
  await using broker = await startScriptedBroker()
  const held: Packet[] = []
  broker.sessionPresent = true
  const at = sourceAt([options(broker.port)])
  await at.source.open(never)
  const link = await broker.connection(1)
  await at.phase('connected')
  broker.suback = ({ messageId }) => {
    held.push({ cmd: 'suback', messageId: messageId!, granted: [1] })
    return { cmd: 'pingresp' }
  }
  const first = at.source.change(rows('d'))
  const filters = () => at.memory.get('source 0')?.filters
  await until(() => held.length === 1, { what: 'the SUBSCRIBE' })
  assert.deepEqual(filters(), [['d', '']], 'from here on the broker may have it')
  await at.source.change([])
  await first
  const asked = () => link.received.filter((packet): packet is IUnsubscribePacket => packet.cmd === 'unsubscribe')
  await until(() => asked().length === 1, { what: 'the UNSUBSCRIBE' })
  link.send(...held, { ...publishPacket(1, 'late'), topic: 'd' })
  await until(() => at.texts().length === 1, { what: 'what came before it had ended' })
  assert.deepEqual(filters(), [['d', '']])
  link.send({ cmd: 'unsuback', messageId: asked()[0]!.messageId!, granted: [] })
  await until(() => filters()?.length === 0, { what: 'its end' })
  await at.source.close()
})

test('a broker that grants less QoS than asked for is named until it grants it; QoS 0 is what it is', async () => {
  for (const version of [4, 5] as const) {
    await using broker = await startScriptedBroker(version)
    const least: { [filter: string]: number } = { one: 0, two: 1, zero: 0 }
    broker.suback = ({ messageId, subscriptions }) => ({
      cmd: 'suback',
      messageId: messageId!,
      granted: subscriptions.map(({ topic, qos }) => Math.min(qos, least[topic] ?? 2)),
    })
    const mine = options(broker.port, { protocolVersion: version })
    const at = sourceAt([mine], {
      subscriptions: ['one 1', 'two 2', 'zero 0', 'fine 1'].map((text) => ({
        filter: text.slice(0, -2),
        qos: text.slice(-1),
      })),
    })
    await at.source.open(never)
    await until(() => at.source.status?.lowered, { what: 'the notice' })
    const { code, message } = at.source.status!.lowered!
    assert.equal(code, 'SUBSCRIPTION_LOWERED')
    assert.match(message, /less than was asked for: two \(QoS 1 for 2\), one \(QoS 0 for 1\)\./)
    assert.equal(at.source.status?.error, undefined)
    const lowered = at.memory.get('source 0')!.filters.map(([filter, , qos]) => [filter, qos])
    assert.deepEqual(lowered.filter(([, qos]) => qos !== undefined).sort(), [
      ['one', 0],
      ['two', 1],
    ])
    least.one = 2
    least.two = 2
    broker.sessionPresent = false
    ;(await broker.connection(1)).cut()
    await broker.connection(2)
    await until(() => at.source.status?.lowered === undefined, { what: 'the end of the notice' })
    await at.source.close()
  }
})
