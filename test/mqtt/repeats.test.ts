/** What brokers send again after a reconnect, and what they do not: who has a message that the flow has released? */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import mqttPacket, { type IPublishPacket } from 'mqtt-packet'
import { accepted } from '../../src/core/delivery.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import type { FakeSession, Send } from '../services/fake-session.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, create, options, released, subscribed } from './harness.ts'
import { startScriptedBroker } from './scripted-broker.ts'

/** Twice what a broker has time for, and more. */
const longMs = 22_000

const publish = (messageId: number, payload: string, dup = false): IPublishPacket => ({
  cmd: 'publish',
  topic: 's',
  payload,
  qos: 1,
  messageId,
  dup,
  retain: false,
})

/** Repeats `most` at a time, and the rest as answers come, as a broker with a smaller window than before does. */
function throttle(session: FakeSession, most: number): void {
  const attach = session.attach.bind(session)
  const answered = session.answered.bind(session)
  let send: Send = () => {}
  let waiting: Parameters<Send>[0][] = []
  let open = 0
  session.attach = (to) => {
    send = to
    waiting = []
    open = 0
    attach((packet) => {
      if (packet.cmd !== 'publish') send(packet)
      else if (open++ < most) send(packet)
      else waiting.push(packet)
    })
  }
  session.answered = (...answer) => {
    const problem = answered(...answer)
    const next = waiting.shift()
    if (next) send(next)
    return problem
  }
}

/** These texts are in the flow, with ids from 1 on; the broker says that it has the session from now on. */
async function inTheFlow(...texts: readonly string[]) {
  const broker = await startScriptedBroker(4)
  const collector = new Collector(['s'], { qos: 1 })
  const own = connect(options(broker.port), collector)
  const first = await broker.connection(1)
  broker.sessionPresent = true
  first.send(...texts.map((text, i) => publish(i + 1, text)))
  await collector.count(texts.length)
  return {
    collector,
    next: () => broker.connection(2),
    [Symbol.asyncDispose]: async () => {
      await own[Symbol.asyncDispose]()
      await broker[Symbol.asyncDispose]()
    },
  }
}

describe('after a reconnect', { concurrency: true }, () => {
  it('a broker that numbers anew what it repeats, as RabbitMQ does: what was released comes once', async () => {
    await using at = await inTheFlow('a', 'b', 'c', 'd', 'e')
    const { collector } = at
    collector.taken[0]!.settle()
    await wait(50)
    for (const taken of collector.taken.slice(1)) taken.settle(released)
    const second = await at.next()
    second.send(...['b', 'c', 'd', 'e'].map((text, i) => publish(i + 1, text, true)))
    await collector.count(9)
    for (const taken of collector.taken.slice(5)) taken.settle()
    await wait(longMs)
    assert.deepEqual(collector.texts.slice(5), ['b', 'c', 'd', 'e'])
  })

  it('mosquitto drops what has expired in the flow: what is released later comes once', async () => {
    await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
    const collector = new Collector(['s'], { qos: 1 })
    await using own = connect(options(mosquitto.port, { protocolVersion: 5 }), collector)
    await connected(own.connection)
    await until(() => mosquitto.log().includes('Sending SUBACK'), { what: 'the subscription' })
    const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { protocolVersion: 5 })
    for (const text of ['a', 'b', 'c', 'd']) {
      const properties = text === 'a' ? { messageExpiryInterval: 2 } : {}
      await client.publishAsync('s', text, { qos: 1, properties })
    }
    await client.endAsync()
    await collector.count(4)
    await wait(3000)
    await own.connection.disconnect()
    await own.connection.connect()
    await wait(longMs)
    assert.equal(collector.taken.length, 4)
    collector.settleAll(released)
    await collector.count(7)
    await wait(1000)
    assert.deepEqual(
      collector.texts.slice(4).filter((text) => text !== 'a'),
      ['b', 'c', 'd'],
    )
  })

  for (const qos of [1, 2] as const)
    it(`QoS ${qos}: a broker that repeats a few at a time while the flow stands still is waited for`, async () => {
      await using broker = await startFakeBroker({ window: 100 })
      const mine = options(broker.port)
      const collector = new Collector(['s'], { qos: 2 })
      await using own = connect(mine, collector)
      await subscribed(broker, mine)
      for (let n = 0; n < 10; n++) broker.publish({ topic: 's', payload: String(n), qos })
      await collector.count(10)
      throttle(broker.session(mine.clientId), 3)
      const { length } = broker.connects
      collector.settleAll(released)
      await until(() => broker.connects.length > length, { what: 'the reconnect' })
      await collector.count(13)
      await wait(longMs)
      assert.equal(collector.taken.length, 13)
      const settled = () => collector.taken.slice(10).map(({ settle }) => settle())
      await until(() => settled().length >= 10 && own.connection.status.unacknowledged === 0, { what: 'the rest' })
      assert.deepEqual(
        collector.texts.slice(10),
        Array.from({ length: 10 }, (_, n) => String(n)),
      )
      assert.deepEqual(broker.violations, [])
    })

  it('a repeat that takes longer than ten seconds to arrive is waited for', async () => {
    const large = 'x'.repeat(13_000)
    await using at = await inTheFlow(large)
    const { collector } = at
    collector.settleAll(released)
    const second = await at.next()
    const bytes = mqttPacket.generate(publish(1, large, true))
    for (let at = 0; at < bytes.length; at += 1000) {
      second.send(bytes.subarray(at, at + 1000))
      await wait(1000)
    }
    await collector.count(2)
    await wait(500)
    assert.equal(collector.taken.length, 2)
  })

  for (const isSaid of [true, false])
    it(`a broker that has forgotten the session${isSaid ? '' : ' and says that it has it'}: what is released when the connection is replaced is nobody's, and said`, async () => {
      await using broker = await startFakeBroker()
      const mine = options(broker.port)
      const pool = new ConnectionPool()
      const unclaimed: string[] = []
      const acquire = () =>
        pool.acquire('key', () =>
          create(mine, ({ payload }, delivery) => {
            unclaimed.push(String(payload))
            delivery.settle(accepted)
          }),
        )
      const one = new Collector(['s'])
      const first = await acquire()
      first.subscribe(one)
      await subscribed(broker, mine)
      for (const payload of ['a', 'b', 'c']) broker.publish({ topic: 's', payload, qos: 1 })
      await one.count(3)
      const { length } = broker.connects
      broker.forgetSessions()
      if (!isSaid) broker.session(mine.clientId, { s: 1 })
      const isBack = () => broker.connects.length > length && first.connection.status.phase === 'connected'
      await until(isBack, { what: 'the reconnect' })
      await wait(isSaid ? 300 : 12_000)
      pool.suspend()
      one.settleAll(released)
      await first.release()
      const two = new Collector(['s'], { settles: true })
      const second = await acquire()
      second.subscribe(two)
      pool.resume()
      await until(() => [...two.texts, ...unclaimed].length >= 3, { what: 'all of them' })
      assert.deepEqual([...two.texts, ...unclaimed].sort(), ['a', 'b', 'c'])
      await second.release()
    })
})
