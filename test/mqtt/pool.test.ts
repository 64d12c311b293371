import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { parseFields } from '../../src/config/fields.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import type { Subscriber } from '../../src/mqtt/connection.ts'
import { poolOptions } from '../../src/mqtt/connection-options.ts'
import { ConnectionPool, type Lease } from '../../src/mqtt/connection-pool.ts'
import { sharedLease } from '../../src/mqtt/shared-lease.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { freePort, until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { Collector, connect, connected, create, options, subscribed } from './harness.ts'

test('B5: connectAttempts ends the trying with its cause after so many; the default goes on for ever', async () => {
  const port = await freePort()
  for (const connectAttempts of [1, 3]) {
    await using own = connect(options(port, { connectAttempts }), new Collector(['c']))
    await until(() => own.connection.status.phase === 'closed', { what: 'the end' })
    const { code, disposition, message } = own.connection.status.error!
    assert.deepEqual([code, disposition], ['BROKER_GIVEN_UP', 'fatal'])
    assert.match(message, new RegExp(`after ${connectAttempts}, .*ECONNREFUSED`))
  }
  await using broker = await startFakeBroker()
  broker.refuse(3, 5)
  await using own = connect(options(broker.port), new Collector(['c']))
  await connected(own.connection)
  assert.equal(broker.connects.length, 6)
})

test('B5: an attempt is over when each further broker was tried too', async () => {
  await using away = await startFakeBroker()
  await using there = await startFakeBroker()
  away.refuse(3, 100)
  const fallbacks = [{ host: '127.0.0.1', port: there.port }]
  await using found = connect(options(away.port, { connectAttempts: 1, fallbacks }), new Collector(['c']))
  await connected(found.connection)
  there.refuse(3, 100)
  const before = [away.connects.length, there.connects.length]
  await using given = connect(options(away.port, { connectAttempts: 2, fallbacks }), new Collector(['c']))
  await until(() => given.connection.status.phase === 'closed', { what: 'the end' })
  assert.match(given.connection.status.error!.message, /after 2, /)
  const tried = [away.connects.length, there.connects.length].map((count, i) => count - before[i]!)
  assert.deepEqual(tried, [2, 2])
})

test('autoReconnect off: a connection that has ended is not taken up again, and that is red', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port, { autoReconnect: false })
  await using own = connect(mine, new Collector(['c']))
  await subscribed(broker, mine)
  broker.cut()
  await until(() => own.connection.status.phase === 'closed', { what: 'the end' })
  assert.equal(own.connection.status.error!.code, 'BROKER_GIVEN_UP')
  await wait(300)
  assert.equal(broker.connects.length, 1)
})

test('a broker that is gone is replaced by the next one, and what waits at the first comes when it is used again', async () => {
  await using first = await startFakeBroker()
  await using second = await startFakeBroker()
  const fallbacks = [{ host: '127.0.0.1', port: second.port }]
  const mine = options(first.port, { fallbacks })
  const collector = new Collector(['c'])
  await using _own = connect(mine, collector)
  await subscribed(first, mine)
  first.publish({ topic: 'c', payload: 'held', qos: 1 })
  await collector.count(1)
  await first.down()
  await subscribed(second, mine)
  first.publish({ topic: 'c', payload: 'at the first', qos: 1 })
  second.publish({ topic: 'c', payload: 'at the second', qos: 1 })
  await collector.count(2)
  collector.settleAll()
  await until(() => second.session(mine.clientId).acknowledged.length === 1, { what: 'the acknowledgement' })
  assert.equal(first.session(mine.clientId).acknowledged.length, 0, 'nothing of one is acknowledged to another')
  await first.up()
  await second.down()
  await until(() => collector.texts.includes('at the first'), { what: 'what waited' })
  collector.settleAll()
  await until(() => first.session(mine.clientId).acknowledged.length === 2, { what: 'both acknowledgements' })
  assert.deepEqual(
    collector.texts,
    ['held', 'at the second', 'at the first'],
    'the settled one is not handed over again',
  )
  assert.deepEqual([...first.violations, ...second.violations], [])
  await second.up()
})

test('a session at a broker that was used before is subscribed to again', async () => {
  await using first = await startFakeBroker()
  await using second = await startFakeBroker()
  const mine = options(first.port, { fallbacks: [{ host: '127.0.0.1', port: second.port }] })
  second.session(mine.clientId)
  await using own = connect(mine, new Collector(['c'], { settles: true }))
  await subscribed(first, mine)
  await first.down()
  await subscribed(second, mine)
  assert.ok(second.connects.at(-1)!.sessionPresent)
  assert.deepEqual([...second.session(mine.clientId).subscriptions.keys()], ['c'])
  await connected(own.connection)
})

const parsed = (raw: object) => {
  const { config, problems } = parseFields(sourceFields, { host: '127.0.0.1', ...raw })
  assert.deepEqual(problems, [])
  return config!
}

test('the addresses of further brokers are read with and without a port', () => {
  const fallbacks = (list: string) => poolOptions(parsed({ port: 1884, fallbacks: list }), 'x', '/')[0]!.fallbacks
  assert.deepEqual(fallbacks(' b , 10.0.0.1:1885,[::1]:1886, [fe80::1]'), [
    { host: 'b', port: 1884 },
    { host: '10.0.0.1', port: 1885 },
    { host: '::1', port: 1886 },
    { host: 'fe80::1', port: 1884 },
  ])
  assert.deepEqual(fallbacks(''), [])
  for (const wrong of ['a:b', 'a:0', 'a:70000', 'mqtt://a', 'a b', '[::1'])
    assert.equal(parseFields(sourceFields, { host: 'h', fallbacks: wrong }).problems[0]?.field, 'fallbacks', wrong)
})

test('D11: the connections of a pool share the messages, each once, and each connection has a name of its own', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
  const members = poolOptions(
    parsed({ port: mosquitto.port, poolSize: 3, willTopic: 'gone' }),
    `pool-${process.pid}`,
    '/',
  )
  assert.deepEqual(
    members.map(({ clientId, will }) => [clientId, will?.topic]),
    [
      [`pool-${process.pid}`, 'gone'],
      [`pool-${process.pid}-1`, undefined],
      [`pool-${process.pid}-2`, undefined],
    ],
  )
  const pool = new ConnectionPool()
  const leases = members.map((each) => () => pool.acquire(each.clientId, () => create(each, () => {})))
  const collector = new Collector(['d11/#', '$share/theirs/d11/x'], { settles: true })
  const lease = await sharedLease(leases, 'plant')
  lease.subscribe(collector)
  await until(() => mosquitto.log().split('Sending SUBACK to pool-').length === 4, { what: 'three subscriptions' })
  await until(() => lease.connection.statusFor(collector.filters).phase === 'connected', { what: 'the status of all' })
  await publishNumbered({ port: mosquitto.port, topics: ['d11/a', 'd11/b'], count: 300, qos: 1 })
  await collector.count(300)
  await wait(200)
  const numbers = collector.texts.map((text) => (JSON.parse(text) as { n: number }).n).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, n) => n),
  )
  const log = mosquitto.log()
  for (const { clientId } of members)
    assert.ok(log.includes(`Received PUBACK from ${clientId} `), `${clientId} has a share`)
  assert.match(log, /\$share\/plant\/d11\/# \(QoS 1\)/)
  await lease.release()
  assert.equal((await sharedLease(leases.slice(0, 1), 'plant')).connection.statusFor([]).phase, 'connecting')
})

test('the connections of a pool share the window', async () => {
  const windows: Subscriber['window'][] = []
  const lease = { subscribe: ({ window }: Subscriber) => void windows.push(window) } as Lease
  const shared = await sharedLease(
    Array(3).fill(() => Promise.resolve(lease)),
    'g',
  )
  shared.subscribe(new Collector(['w'], { records: 20, bytes: 3000 }))
  assert.deepEqual(windows, Array(3).fill({ records: 7, bytes: 1000 }))
})

test('what one connection of a pool alone is granted with less is in the status of all', async () => {
  await using full = await startFakeBroker()
  await using less = await startFakeBroker()
  less.loweredFilters.add('$share/g/l')
  const pool = new ConnectionPool()
  const leases = [full, less].map(
    (broker, i) => () => pool.acquire(`member ${i}`, () => create(options(broker.port), () => {})),
  )
  const lease = await sharedLease(leases, 'g')
  const collector = new Collector(['l', 'm'])
  lease.subscribe(collector)
  const status = () => lease.connection.statusFor(collector.filters)
  await until(() => status().lowered, { what: 'the notice' })
  assert.deepEqual(status().loweredFilters, [{ filter: '$share/g/l', qos: 0 }])
  await lease.release()
})

test('a second client of the same name at mosquitto is named after a few rounds, on 3.1.1 and on 5', async () => {
  await using mosquitto = await startMosquitto()
  for (const protocolVersion of [4, 5] as const) {
    const clientId = `twin-${process.pid}-${protocolVersion}`
    const reconnect = { baseMs: 200, maxMs: 200 }
    await using one = connect(options(mosquitto.port, { clientId, protocolVersion, reconnect }), new Collector(['c']))
    await connected(one.connection)
    await using other = connect(options(mosquitto.port, { clientId, protocolVersion, reconnect }), new Collector(['c']))
    const all = () => [...one.collector.errors, ...other.collector.errors].join('\n')
    await until(() => all().includes('BROKER_TAKEN_OVER'), { what: 'the error', timeoutMs: 20_000, output: all })
    assert.match(all(), new RegExp(`client id "${clientId}".*another client uses that id`))
  }
})
