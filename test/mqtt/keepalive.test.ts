import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { packets } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { Collector, connect, connected, options, subscribed } from './harness.ts'
import { startScriptedBroker } from './scripted-broker.ts'

const keepalive = 1
const message = (n: number) => ({ topic: 'k', payload: String(n), qos: 1 as const })

suite('keepalive', { concurrency: true }, () => {
  test('a window that stays full for 3.5 keepalives ends no connection of a strict broker, and the rest arrives afterwards', async () => {
    await using broker = await startFakeBroker({ window: 100 })
    const collector = new Collector(['k'], { records: 2 })
    const mine = options(broker.port, { keepalive })
    await using own = connect(mine, collector)
    await subscribed(broker, mine)
    for (let n = 0; n < 20; n++) broker.publish({ ...message(n), payload: Buffer.alloc(300_000, n) })
    await collector.count(2)
    await wait(3500)
    assert.equal(own.connection.status.windowLimited, true)
    assert.ok(collector.taken.length < 20, `${collector.taken.length} were read`)
    assert.deepEqual([broker.connects.length, broker.violations], [1, []])
    collector.settles = true
    collector.settleAll()
    await collector.count(20)
    assert.deepEqual(
      collector.taken.map(({ publish }) => publish.payload[0]),
      Array.from({ length: 20 }, (_, n) => n),
    )
    await wait(1500)
    assert.deepEqual([broker.connects.length, broker.violations], [1, []])
  })

  test('the same at mosquitto: PINGREQs go on while the window is full', async () => {
    await using mosquitto = await startMosquitto({ maxInflight: 0 })
    await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
    const collector = new Collector(['k'], { records: 5 })
    await using own = connect(options(proxy.port, { keepalive }), collector)
    await until(() => packets(proxy.events, 'suback', 'toClient').length > 0, { what: 'SUBACK' })
    await publishNumbered({
      port: mosquitto.port,
      topics: ['k'],
      count: 500,
      qos: 1,
      payload: ({ number }) => `${number} ${'x'.repeat(5000)}`,
    })
    await collector.count(5)
    await wait(3500)
    assert.equal(own.connection.status.windowLimited, true)
    const pings = packets(proxy.events, 'pingreq', 'toBroker').length
    assert.ok(pings >= 3, `${pings} PINGREQs`)
    collector.settles = true
    collector.settleAll()
    await collector.count(500)
    assert.deepEqual(
      collector.texts.map((text) => Number.parseInt(text, 10)),
      Array.from({ length: 500 }, (_, n) => n),
    )
    assert.equal(proxy.connections, 1)
  })

  test('a link on which nothing arrives any longer is given up within three keepalives', async () => {
    await using broker = await startFakeBroker()
    const mine = options(broker.port, { keepalive })
    await using _own = connect(mine, new Collector(['k']))
    await subscribed(broker, mine)
    broker.withholdPingresp = true
    const start = performance.now()
    while (broker.connects.length < 2 && performance.now() - start < 6000) await wait(20)
    const tookMs = performance.now() - start
    assert.ok(tookMs > 1000 && tookMs < 3500, `took ${tookMs} ms`)
  })

  test('the link is dead for us while we read, whatever it was while we did not', async () => {
    await using broker = await startFakeBroker()
    const collector = new Collector(['k'], { records: 1 })
    const mine = options(broker.port, { keepalive })
    await using _own = connect(mine, collector)
    await subscribed(broker, mine)
    broker.withholdPingresp = true
    broker.publish(message(1))
    await collector.count(1)
    await wait(3500)
    assert.equal(broker.connects.length, 1)
    collector.settleAll()
    const start = performance.now()
    while (broker.connects.length < 2 && performance.now() - start < 6000) await wait(20)
    const tookMs = performance.now() - start
    assert.ok(tookMs > 1000 && tookMs < 3500, `took ${tookMs} ms after it was read again`)
  })

  test('a missing PINGRESP does not matter while messages arrive', async () => {
    await using broker = await startFakeBroker({ window: 100 })
    const collector = new Collector(['k'], { settles: true })
    const mine = options(broker.port, { keepalive })
    await using _own = connect(mine, collector)
    await subscribed(broker, mine)
    broker.withholdPingresp = true
    for (let n = 0; n < 20; n++) {
      broker.publish(message(n))
      await wait(200)
    }
    assert.equal(broker.connects.length, 1)
    assert.equal(collector.taken.length, 20)
  })

  test('no keepalive: no PINGREQ and no end', async () => {
    await using broker = await startFakeBroker()
    await using own = connect(options(broker.port, { keepalive: 0 }), new Collector(['k']))
    await connected(own.connection)
    await wait(3000)
    assert.deepEqual([broker.connects.length, broker.connects[0]?.packet.keepalive], [1, 0])
  })

  test('the keepalive of an MQTT 5 server counts, also where ours is none and where its own is', async () => {
    const pings = async (mine: number, serverKeepAlive: number) => {
      await using broker = await startScriptedBroker(5)
      const properties = { serverKeepAlive }
      broker.connack = { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false, properties }
      await using own = connect(options(broker.port, { protocolVersion: 5, keepalive: mine }), new Collector(['k']))
      await connected(own.connection)
      const link = await broker.connection(1)
      const count = () => link.received.filter(({ cmd }) => cmd === 'pingreq').length
      if (serverKeepAlive > 0) await until(() => count() >= 3, { what: 'three PINGREQs' })
      else await wait(3000)
      assert.ok(link.isOpen)
      return count()
    }
    const [ofNone, ofLonger, ofServer] = await Promise.all([pings(0, 1), pings(600, 1), pings(1, 0)])
    assert.deepEqual([ofNone >= 3, ofLonger >= 3, ofServer], [true, true, 0])
  })
})
