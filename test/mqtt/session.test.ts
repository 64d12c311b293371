import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises'
import { InboundSession } from '../../src/mqtt/inbound-session.ts'
import type { InboundPublish } from '../../src/mqtt/publish-decoder.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { createSession, publishNumbered } from '../services/publisher.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { Collector, type Connected, connect, options, released, subscribed } from './harness.ts'

interface Stage extends AsyncDisposable {
  readonly broker: FakeBroker
  readonly collector: Collector
  readonly own: Connected
  readonly clientId: string
  publish(text: string, qos?: 0 | 1 | 2): void
  /** Cuts and waits until the client is back. */
  cut(how?: () => void): Promise<void>
  acknowledged(): string[]
}

/** A strict broker and a connection that subscribes to `s` with QoS 2 and settles nothing by itself. */
async function stage({ clean = false } = {}): Promise<Stage> {
  const broker = await startFakeBroker({ window: 100 })
  const mine = options(broker.port, { clean })
  const collector = new Collector(['s'], { qos: 2 })
  const own = connect(mine, collector)
  await subscribed(broker, mine)
  return {
    broker,
    collector,
    own,
    clientId: mine.clientId,
    publish: (text, qos = 1) => broker.publish({ topic: 's', payload: text, qos }),
    cut: async (how = () => broker.cut()) => {
      const { length } = broker.connects
      how()
      await until(() => broker.connects.length > length && own.connection.status.phase === 'connected', {
        what: 'a reconnect',
      })
      await until(() => broker.session(mine.clientId).subscriptions.size > 0, { what: 'its subscription' })
    },
    acknowledged: () => broker.session(mine.clientId).acknowledged.map(({ payload }) => String(payload)),
    [Symbol.asyncDispose]: async () => {
      await own.connection.close()
      await broker.close()
      assert.deepEqual(broker.violations, [])
    },
  }
}

for (const qos of [1, 2] as const) {
  test(`QoS ${qos}: what comes again while it is in the flow is not handed over again, and acknowledged once when it settles`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b', 'c']) at.publish(text, qos)
    await at.collector.count(3)
    at.collector.taken[1]!.settle()
    for (let cuts = 0; cuts < 3; cuts++) await at.cut()
    assert.deepEqual(at.collector.texts, ['a', 'b', 'c'])
    assert.deepEqual(at.acknowledged(), [])
    assert.equal(at.own.connection.status.unacknowledged, 3)
    at.collector.taken[0]!.settle()
    at.collector.taken[2]!.settle()
    await until(() => at.acknowledged().length === 3, { what: 'three acknowledgements' })
    assert.deepEqual(at.acknowledged(), ['a', 'b', 'c'])
    assert.deepEqual(at.collector.texts, ['a', 'b', 'c'])
  })

  test(`QoS ${qos}: what settles while there is no connection is acknowledged when it comes again, and not handed over`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b']) at.publish(text, qos)
    await at.collector.count(2)
    await at.broker.down()
    at.collector.settleAll()
    await wait(20)
    await at.broker.up()
    await until(() => at.acknowledged().length === 2, { what: 'the acknowledgements' })
    assert.deepEqual(at.collector.texts, ['a', 'b'])
  })

  test(`QoS ${qos}: the server forgot the session: equal or not, what comes under an old id is new`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b']) at.publish(text, qos)
    await at.collector.count(2)
    await at.cut(() => at.broker.forgetSessions())
    for (const text of ['a', 'x']) at.publish(text, qos)
    await at.collector.count(4)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'x'])
    at.collector.taken[0]!.settle()
    at.collector.taken[1]!.settle()
    await wait(30)
    assert.deepEqual(at.acknowledged(), [], 'the old ones have nobody who waits for them')
    at.collector.taken[2]!.settle()
    at.collector.taken[3]!.settle()
    await until(() => at.acknowledged().length === 2, { what: 'the acknowledgements' })
  })

  test(`QoS ${qos}: a released delivery reconnects, and everything unacknowledged comes again in order`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b', 'c', 'd']) at.publish(text, qos)
    await at.collector.count(4)
    const [a, b, c, d] = at.collector.taken
    a!.settle()
    c!.settle(released)
    await at.collector.count(5)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'c', 'd', 'c'], 'b and d are still in the flow')
    assert.equal(at.broker.connects.length, 2)
    assert.equal(at.own.connection.status.error, undefined)
    for (const taken of [b, d, at.collector.taken[4]]) taken!.settle()
    await until(() => at.acknowledged().length === 4, { what: 'the acknowledgements' })
    assert.deepEqual(at.acknowledged(), ['a', 'b', 'c', 'd'])
  })

  test(`QoS ${qos}: all released at once, as at a redeploy: one reconnect, handed over again in order`, async () => {
    await using at = await stage()
    const texts = Array.from({ length: 30 }, (_, n) => String(n))
    for (const text of texts) at.publish(text, qos)
    await at.collector.count(30)
    at.collector.settleAll(released)
    await at.collector.count(60)
    assert.deepEqual(at.collector.texts, [...texts, ...texts])
    assert.equal(at.broker.connects.length, 2)
    for (const { settle } of at.collector.taken.slice(30)) settle()
    await until(() => at.acknowledged().length === 30, { what: 'the acknowledgements' })
  })

  test(`QoS ${qos}: released with a clean session: handed over again from here, in order, on the same connection`, async () => {
    await using at = await stage({ clean: true })
    const texts = Array.from({ length: 10 }, (_, n) => String(n))
    for (const text of texts) at.publish(text, qos)
    await at.collector.count(10)
    at.collector.settleAll(released)
    await at.collector.count(20)
    assert.deepEqual(at.collector.texts, [...texts, ...texts])
    assert.equal(at.broker.connects.length, 1)
    for (const { settle } of at.collector.taken.slice(10)) settle()
    await until(() => at.acknowledged().length === 10, { what: 'the acknowledgements' })
  })

  test(`QoS ${qos}: released while there is no connection, and then the server has forgotten the session: handed over again from here, in order, before what is new`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b', 'c', 'd']) at.publish(text, qos)
    await at.collector.count(4)
    const [a, b, c, d] = at.collector.taken
    await at.broker.down()
    await until(() => at.own.connection.status.phase !== 'connected', { what: 'the end of the connection' })
    for (const taken of [d, a, c]) taken!.settle(released)
    at.broker.forgetSessions()
    await at.broker.up()
    await at.collector.count(7)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'c', 'd', 'a', 'c', 'd'], 'b is still in the flow')
    await until(() => at.broker.session(at.clientId).subscriptions.size > 0, { what: 'the subscription' })
    at.publish('new', qos)
    await at.collector.count(8)
    at.collector.taken[4]!.settle(released)
    await at.collector.count(9)
    assert.deepEqual(at.collector.texts.slice(7), ['new', 'a'], 'released again: it is only here')
    b!.settle()
    for (const taken of at.collector.taken.slice(5)) taken.settle()
    await until(() => at.acknowledged().length === 1, { what: 'the acknowledgement of the new one' })
    await at.cut()
    assert.equal(at.collector.taken.length, 9)
  })

  test(`QoS ${qos}: the server forgot the session, and its word that it has begun a new one was lost: what is released is handed over again from here`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b', 'c']) at.publish(text, qos)
    await at.collector.count(3)
    const [a, b, c] = at.collector.taken
    await at.broker.down()
    await until(() => at.own.connection.status.error, { what: 'an attempt that fails' })
    a!.settle(released)
    b!.settle(released)
    at.broker.forgetSessions()
    at.broker.session(at.clientId)
    await wait(50)
    await at.broker.up()
    await at.collector.count(5)
    c!.settle(released)
    await at.collector.count(6)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'c', 'a', 'b', 'c'])
    at.publish('new', qos)
    await at.collector.count(7)
    for (const taken of at.collector.taken.slice(3)) taken.settle()
    await until(() => at.acknowledged().length === 1, { what: 'the acknowledgement of the new one' })
  })

  for (const isAway of [true, false])
    test(`QoS ${qos}: the server forgot the session ${isAway ? 'in an outage' : 'in a cut'}, and new messages come under the old ids at once: what is released is handed over again from here, in front of them`, async () => {
      await using at = await stage()
      for (const text of ['a', 'b', 'c', 'd']) at.publish(text, qos)
      await at.collector.count(4)
      const [a, b, c] = at.collector.taken
      await at.broker.down()
      const { connection } = at.own
      const isNoticed = () => (isAway ? connection.status.error : connection.status.phase !== 'connected')
      await until(isNoticed, { what: 'the end of the connection', intervalMs: 1 })
      a!.settle(released)
      b!.settle(released)
      at.broker.forgetSessions()
      at.broker.session(at.clientId, { s: qos })
      for (const text of ['e', 'f', 'g']) at.publish(text, qos)
      await at.broker.up()
      await at.collector.count(9)
      c!.settle(released)
      await at.collector.count(10)
      assert.deepEqual(at.collector.texts, ['a', 'b', 'c', 'd', 'a', 'b', 'e', 'f', 'g', 'c'])
      for (const taken of at.collector.taken.slice(3)) taken.settle()
      await until(() => at.acknowledged().length === 3, { what: 'the acknowledgements of the new ones' })
      await at.cut()
      assert.equal(at.collector.taken.length, 10)
    })

  test(`QoS ${qos}: released while there is no connection, and the server still has the session: it sends them again, nothing comes from here`, async () => {
    await using at = await stage()
    for (const text of ['a', 'b']) at.publish(text, qos)
    await at.collector.count(2)
    await at.broker.down()
    await until(() => at.own.connection.status.phase !== 'connected', { what: 'the end of the connection' })
    at.collector.settleAll(released)
    await at.broker.up()
    await at.collector.count(4)
    for (const taken of at.collector.taken.slice(2)) taken.settle()
    await until(() => at.acknowledged().length === 2, { what: 'the acknowledgements' })
    await at.cut(() => at.broker.forgetSessions())
    await wait(200)
    assert.deepEqual(at.collector.texts, ['a', 'b', 'a', 'b'])
  })

  test(`QoS ${qos}: released after the server forgot the session: nobody else has it, so it is handed over again from here`, async () => {
    await using at = await stage()
    at.publish('a', qos)
    await at.collector.count(1)
    await at.cut(() => at.broker.forgetSessions())
    at.publish('other', qos)
    await at.collector.count(2)
    at.collector.taken[0]!.settle(released)
    await at.collector.count(3)
    assert.deepEqual(at.collector.texts, ['a', 'other', 'a'])
    await at.cut()
    assert.deepEqual(at.collector.texts, ['a', 'other', 'a'], 'the id of the other one was not forgotten')
    at.collector.taken[1]!.settle()
    at.collector.taken[2]!.settle()
    await until(() => at.acknowledged().length === 1, { what: 'the acknowledgement' })
  })
}

test('the server says that it has the session and never sends again what was released: after ten seconds it is handed over again from here', async () => {
  await using at = await stage()
  for (const text of ['a', 'b', 'c', 'd']) at.publish(text)
  await at.collector.count(4)
  const [a, b, c, d] = at.collector.taken
  await at.cut(() => {
    at.broker.forgetSessions()
    at.broker.session(at.clientId, { s: 2 })
    for (const { settle } of [a!, b!]) settle(released)
  })
  await wait(9000)
  assert.deepEqual(at.collector.texts, ['a', 'b', 'c', 'd'])
  await at.collector.count(6)
  c!.settle(released)
  await at.collector.count(7)
  assert.deepEqual(at.collector.texts.slice(4), ['a', 'b', 'c'])
  for (const taken of [d!, ...at.collector.taken.slice(4)]) taken.settle()
  at.publish('e')
  await at.collector.count(8)
  at.collector.taken[7]!.settle()
  await until(() => at.acknowledged().length === 1, { what: 'the acknowledgement of the new one' })
})

test('what the server has forgotten comes back in the order in which it was sent, whatever was sent again meanwhile', () => {
  const session = new InboundSession()
  const publish = (packetId: number, text: string, dup = false): InboundPublish => {
    return { topic: 's', payload: Buffer.from(text), qos: 1, retain: false, dup, packetId, isVersion5: false }
  }
  const [a, b, c] = [publish(1, 'a'), publish(2, 'b'), publish(3, 'c')]
  for (const each of [a, b, c]) session.add(each)
  for (const each of [b, c]) session.giveBack(each)
  session.resume()
  assert.equal(session.earlier(publish(1, 'a', true))?.publish, a)
  assert.ok(session.holds(a))
  session.giveBack(a)
  session.resume()
  const other = publish(2, 'x', true)
  session.add(other)
  session.resume()
  session.giveBack(other)
  const texts = session.forgetMissing().map(({ payload }) => String(payload))
  assert.deepEqual(texts, ['a', 'b', 'c', 'x'])
  assert.deepEqual(session.reset(), [])
})

test('disconnected from here while it connects, after the server forgot the session: the next connection subscribes again', async () => {
  await using at = await stage()
  const { broker, own } = at
  await own.connection.disconnect()
  broker.forgetSessions()
  const { length } = broker.connects
  const connecting = own.connection.connect().catch(() => {})
  while (broker.connects.length === length) await immediate()
  await own.connection.disconnect()
  await connecting
  await own.connection.connect()
  await until(() => broker.session(at.clientId).subscriptions.size > 0, { what: 'the subscription' })
})

test('QoS 0 that is released is handed over again, also after the connection has ended', async () => {
  await using at = await stage()
  at.publish('a', 0)
  await at.collector.count(1)
  await at.cut()
  at.collector.taken[0]!.settle(released)
  await at.collector.count(2)
  at.collector.taken[1]!.settle()
  assert.equal(at.broker.connects.length, 2)
})

test('fifty equal messages are fifty, also when acknowledgements are lost in between', async () => {
  await using at = await stage()
  at.collector.settles = true
  for (let n = 0; n < 50; n++) {
    at.publish('MQTT is a message queue.')
    if (n % 10 === 9) await until(() => at.acknowledged().length === n + 1, { what: `${n + 1} acknowledgements` })
  }
  assert.equal(at.collector.taken.length, 50)
  await at.cut()
  for (let n = 0; n < 50; n++) at.publish('MQTT is a message queue.')
  await until(() => at.acknowledged().length === 100, { what: '100 acknowledgements' })
  assert.equal(at.collector.taken.length, 100)
})

for (const qos of [1, 2] as const) {
  test(`QoS ${qos}: mosquitto sends again with DUP, after cuts and after its restart: nothing is handed over twice`, async (t) => {
    await using mosquitto = await startMosquitto({ persistence: true, maxInflight: 0 })
    const proxy = await startTcpProxy({ target: mosquitto.port })
    t.after(() => proxy.close())
    const mine = options(proxy.port)
    await createSession(mosquitto.port, mine.clientId, ['s'], qos)
    await using own = connect(mine, new Collector(['s'], { qos }))
    const { connection, collector } = own
    await publishNumbered({ port: mosquitto.port, topics: ['s'], count: 50, qos })
    await collector.count(50)
    const isGone = () => until(() => connection.status.phase !== 'connected', { what: 'the end of the connection' })
    const allAgain = () => until(() => connection.status.unacknowledged === 50, { what: 'all of them again' })
    await proxy.refuse()
    await isGone()
    await proxy.heal()
    await allAgain()
    await mosquitto.stop()
    await isGone()
    await mosquitto.restart()
    await allAgain()
    assert.equal(collector.taken.length, 50)
    collector.settleAll()
    await until(() => connection.status.unacknowledged === 0, { what: 'the acknowledgements' })
    await connection.close()
  })
}
