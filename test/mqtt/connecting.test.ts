import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { freePort, until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { packets } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { Collector, connect, connected, failure, options, subscribed } from './harness.ts'

test('a refused CONNACK, whatever its code, is named and does not end the trying', async () => {
  const expected: readonly (readonly [number, string, RegExp])[] = [
    [1, 'BROKER_REFUSED', /MQTT version/],
    [2, 'BROKER_REFUSED', /client id/],
    [3, 'BROKER_UNREACHABLE', /not ready/],
    [4, 'BROKER_REFUSED', /password is wrong/],
    [5, 'BROKER_REFUSED', /not allowed/],
  ]
  for (const [returnCode, code, text] of expected) {
    await using broker = await startFakeBroker()
    broker.refuse(returnCode, 3)
    const mine = options(broker.port)
    const collector = new Collector(['c'], { settles: true })
    await using own = connect(mine, collector)
    const error = await failure(own)
    assert.equal(error.code, code)
    assert.match(error.message, text)
    await subscribed(broker, mine)
    assert.deepEqual([own.connection.status.phase, own.connection.status.error], ['connected', undefined])
    assert.deepEqual(
      broker.connects.map((each) => each.returnCode),
      [returnCode, returnCode, returnCode, 0],
    )
    broker.publish({ topic: 'c', payload: 'x', qos: 1 })
    await collector.count(1)
    assert.ok(collector.changes >= 8, 'subscribers hear of each change')
  }
})

test('a wrong password at mosquitto is red and says so; it is tried again and the right one is let in', async () => {
  await using mosquitto = await startMosquitto({ users: { plant: 'right' } })
  await using wrong = connect(options(mosquitto.port, { user: 'plant', password: 'wrong' }), new Collector(['c']))
  const { code, disposition, message } = await failure(wrong)
  assert.deepEqual([code, disposition], ['BROKER_REFUSED', 'config'])
  assert.match(
    message,
    new RegExp(`127.0.0.1:${mosquitto.port} refuses the connection: user name or password is wrong`),
  )
  await using anonymous = connect(options(mosquitto.port), new Collector(['c']))
  assert.equal((await failure(anonymous)).code, 'BROKER_REFUSED')
  await using right = connect(options(mosquitto.port, { user: 'plant', password: 'right' }), new Collector(['c']))
  await connected(right.connection)
})

test('what is sent in CONNECT is what was configured, and an empty user name is not sent', async () => {
  await using broker = await startFakeBroker()
  const sent = async (changed: Partial<ConnectionOptions>) => {
    await using own = connect(options(broker.port, changed), new Collector(['c']))
    await connected(own.connection)
    return broker.connects.at(-1)!.packet
  }
  const plain = await sent({ clientId: 'gateway-7', keepalive: 33 })
  assert.deepEqual([plain.clientId, plain.clean, plain.keepalive, plain.protocolVersion], ['gateway-7', false, 33, 4])
  assert.deepEqual([plain.username, plain.password, plain.will], [undefined, undefined, undefined])
  assert.equal((await sent({ clean: true })).clean, true)
  const both = await sent({ user: 'u', password: 'p' })
  assert.deepEqual([both.username, String(both.password)], ['u', 'p'])
  const userOnly = await sent({ user: 'u' })
  assert.deepEqual([userOnly.username, userOnly.password], ['u', undefined])
  const passwordOnly = await sent({ password: 'p' })
  assert.deepEqual([passwordOnly.username, passwordOnly.password], [undefined, undefined], 'illegal in 3.1.1')
  const { will } = await sent({ will: { topic: 'w', payload: 'Grüße', qos: 2, retain: true } })
  assert.deepEqual([will?.topic, String(will?.payload), will?.qos, will?.retain], ['w', 'Grüße', 2, true])
})

test('a user name without a password connects to mosquitto', async () => {
  await using mosquitto = await startMosquitto()
  await using own = connect(options(mosquitto.port, { user: 'plant' }), new Collector(['c']))
  await connected(own.connection)
})

test('messages in the same segment as CONNACK are handed over, in order, before anything else', async () => {
  await using broker = await startFakeBroker({ window: 100 })
  const mine = options(broker.port)
  const session = broker.session(mine.clientId, { c: 2 })
  for (let n = 0; n < 50; n++) broker.publish({ topic: 'c', payload: String(n), qos: n % 3 === 0 ? 2 : 1 })
  const collector = new Collector(['c'], { qos: 2 })
  await using own = connect(mine, collector)
  const phases: string[] = []
  const receive = collector.receive.bind(collector)
  collector.receive = (publish, delivery) => {
    phases.push(own.connection.status.phase)
    receive(publish, delivery)
  }
  await collector.count(50)
  assert.deepEqual(phases, Array(50).fill('connecting'), 'MQTT.js has not said "connect" yet')
  assert.deepEqual(
    collector.texts,
    Array.from({ length: 50 }, (_, n) => String(n)),
  )
  collector.settleAll()
  await until(() => session.inFlight === 0, { what: 'all acknowledgements' })
  await connected(own.connection)
  assert.deepEqual(broker.violations, [])
})

test('a broker that does not answer CONNECT is given up after the connect timeout', async () => {
  await using broker = await startFakeBroker()
  const port = await freePort()
  const mute = createServer(() => {}).listen(port, '127.0.0.1')
  await using own = connect(options(port, { connectTimeoutMs: 200 }), new Collector(['c']))
  const start = performance.now()
  const { code, message } = await failure(own)
  assert.ok(performance.now() - start < 1500)
  assert.equal(code, 'BROKER_UNREACHABLE')
  assert.match(message, /timeout/)
  mute.close()
  assert.equal(broker.connects.length, 0)
})

test('with a connect timeout of 0 a broker may take its time', async () => {
  await using broker = await startFakeBroker()
  await using proxy = await startWireProxy({ brokerPort: broker.port })
  proxy.hold('toClient')
  await using own = connect(options(proxy.port, { connectTimeoutMs: 0 }), new Collector(['c']))
  await until(() => broker.connects.length === 1, { what: 'CONNECT' })
  await wait(300)
  assert.deepEqual([proxy.connections, own.collector.firstError], [1, undefined])
  proxy.release('toClient')
  await connected(own.connection)
})

test('reconnect waits are drawn below a bound that doubles up to the maximum', async (t) => {
  await using broker = await startFakeBroker()
  t.mock.method(Math, 'random', () => (broker.connects.length === 1 ? 0.001 : 0.999))
  broker.refuse(3, 4)
  await using own = connect(options(broker.port, { reconnect: { baseMs: 150, maxMs: 600 } }), new Collector(['c']))
  await connected(own.connection)
  // The second wait mirrors the first.
  const bounds = [0, 300, 600, 600]
  const gaps = broker.connects.slice(1).map(({ atMs }, i) => atMs - broker.connects[i]!.atMs)
  assert.equal(gaps.length, bounds.length)
  for (const [i, bound] of bounds.entries())
    assert.ok(gaps[i]! > 0.95 * bound && gaps[i]! < bound + 250, `gap ${i} is ${gaps[i]} ms, not ${bound}`)
})

test('a port that is closed for a while costs nothing but time', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  const collector = new Collector(['c'], { settles: true })
  await using own = connect(mine, collector)
  await subscribed(broker, mine)
  await broker.down()
  broker.publish({ topic: 'c', payload: 'meanwhile', qos: 1 })
  await until(() => own.connection.status.error, { what: 'an error' })
  assert.equal(own.connection.status.error?.code, 'BROKER_UNREACHABLE')
  await broker.up()
  await collector.count(1)
  assert.deepEqual(
    broker.connects.map(({ sessionPresent }) => sessionPresent),
    [false, true],
  )
})

for (const clean of [true, false])
  test(`8 of 8 messages arrive around a restart of a mosquitto without persistence, clean ${clean}`, async () => {
    await using mosquitto = await startMosquitto()
    await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
    const granted = (times: number) =>
      until(() => packets(proxy.events, 'suback', 'toClient').length >= times, { what: `SUBACK ${times}` })
    const collector = new Collector(['a5'], { settles: true })
    await using own = connect(options(proxy.port, { clean }), collector)
    await granted(1)
    await publishNumbered({ port: mosquitto.port, topics: ['a5'], count: 3, qos: 1 })
    await collector.count(3)
    await mosquitto.restart()
    await granted(2)
    assert.equal(own.connection.status.error, undefined)
    await publishNumbered({ port: mosquitto.port, topics: ['a5'], count: 5, qos: 1, first: 3 })
    await collector.count(8)
    assert.deepEqual(
      collector.texts.map((text) => (JSON.parse(text) as { n: number }).n),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
  })
