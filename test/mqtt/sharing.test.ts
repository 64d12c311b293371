import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, create, options, released, subscribed } from './harness.ts'

test('two that use one connection node make one connection; the last one out closes it', async () => {
  await using mosquitto = await startMosquitto()
  const pool = new ConnectionPool()
  const mine = options(mosquitto.port)
  const make = () => create(mine, () => assert.fail('unclaimed'))
  const [one, two] = await Promise.all([pool.acquire('source', make), pool.acquire('source', make)])
  assert.equal(one.connection, two.connection)
  const [a, b] = [new Collector(['a'], { settles: true }), new Collector(['b'], { settles: true })]
  one.subscribe(a)
  two.subscribe(b)
  await connected(one.connection)
  await one.release()
  await one.release()
  assert.equal(two.connection.status.phase, 'connected', 'giving back twice counts once')
  await two.release()
  assert.equal(two.connection.status.phase, 'closed')
  const connects = mosquitto
    .log()
    .split('\n')
    .filter((line) => line.includes(`as ${mine.clientId} `))
  assert.equal(connects.length, 1, connects.join('\n'))
})

test('who comes while the connection closes gets a new one when the old one has gone', async () => {
  await using broker = await startFakeBroker()
  const pool = new ConnectionPool()
  const mine = options(broker.port)
  let open = 0
  const make = () => {
    assert.equal(open++, 0, 'two connections of one client id at a time')
    const connection = create(mine, () => {})
    const close = connection.close.bind(connection)
    connection.close = async () => {
      await close()
      open--
    }
    return connection
  }
  let lease = await pool.acquire('k', make)
  await connected(lease.connection)
  for (let round = 0; round < 20; round++) {
    const old = lease.connection
    const early = round % 2 === 0 ? [] : [pool.acquire('k', make)]
    const releasing = lease.release()
    const [next, ...spare] = await Promise.all([...early, pool.acquire('k', make), pool.acquire('k', make)])
    await releasing
    assert.ok(spare.every(({ connection }) => connection === next!.connection))
    assert.equal(next!.connection === old, early.length > 0, 'who comes before the last one goes keeps it open')
    assert.equal(old.status.phase === 'closed', early.length === 0)
    await connected(next!.connection)
    for (const each of spare) await each.release()
    lease = next!
  }
  await lease.release()
  assert.equal(broker.connects.length, 11)
  assert.deepEqual(broker.violations, [])
})

test('overlapping subscribers each get the message, and it is acknowledged when all have settled', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  const [a, b, c] = [new Collector(['x/#']), new Collector(['x/y']), new Collector(['other'])]
  await using own = connect(mine, a, b, c)
  await subscribed(broker, mine, 3)
  broker.publish({ topic: 'x/y', payload: '1', qos: 1 })
  broker.publish({ topic: 'x/z', payload: '2', qos: 1 })
  await a.count(2)
  await b.count(1)
  assert.deepEqual([a.texts, b.texts, c.texts], [['1', '2'], ['1'], []])
  const { acknowledged } = broker.session(mine.clientId)
  a.settleAll()
  await wait(30)
  assert.equal(acknowledged.length, 0)
  b.settleAll()
  await until(() => acknowledged.length === 2, { what: 'two acknowledgements' })
  broker.publish({ topic: 'x/y', payload: '3', qos: 1 })
  await a.count(3)
  a.taken[2]!.settle()
  b.taken[1]!.settle(released)
  await a.count(4)
  assert.deepEqual([a.texts.at(-1), b.texts.at(-1)], ['3', '3'], 'released by one: both get it again')
  assert.equal(own.connection.status.error, undefined)
})

test('a message that no subscriber wants waits for one that comes', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  broker.session(mine.clientId, { late: 1, never: 1 })
  broker.publish({ topic: 'late', payload: '1', qos: 1 })
  await using own = connect(mine, new Collector(['first']))
  await until(() => own.connection.status.unacknowledged === 1, { what: 'the message' })
  const late = new Collector(['late'], { settles: true })
  own.connection.subscribe(late)
  assert.deepEqual(late.texts, ['1'])
  await until(() => broker.session(mine.clientId).acknowledged.length === 1, { what: 'the acknowledgement' })
  assert.deepEqual(own.unclaimed, [])
})

test('a close leaves what nobody has taken with the broker, or names it unclaimed where the broker would not keep it', async () => {
  await using broker = await startFakeBroker()
  for (const clean of [false, true]) {
    const mine = options(broker.port, { clean })
    const leaver = new Collector(['left'])
    const own = connect(mine, new Collector(['kept']), leaver)
    await subscribed(broker, mine, 2)
    own.connection.unsubscribe(leaver)
    broker.publish({ topic: 'left', payload: 'x', qos: 1 })
    await until(() => own.connection.status.unacknowledged === 1, { what: 'the message' })
    await own.connection.close()
    assert.deepEqual(
      own.unclaimed.map(({ publish }) => publish.topic),
      clean ? ['left'] : [],
    )
    if (clean) continue
    const again = new Collector(['left'], { settles: true })
    await using _next = connect(mine, again)
    await again.count(1)
  }
})

suite('after ten seconds', { concurrency: true }, () => {
  test('messages are unclaimed, filters that nobody wants are given up, and reading goes on when somebody comes', async () => {
    await using broker = await startFakeBroker()
    const mine = options(broker.port)
    const [stays, leaves] = [new Collector(['stays']), new Collector(['leaves'])]
    await using own = connect(mine, stays, leaves)
    await subscribed(broker, mine, 2)
    own.connection.unsubscribe(leaves)
    own.connection.unsubscribe(stays)
    for (let n = 0; n < 5; n++) broker.publish({ topic: 'stays', payload: String(n), qos: 1 })
    broker.publish({ topic: 'leaves', payload: 'x', qos: 1 })
    await until(() => own.connection.status.windowLimited, { what: 'a pause: nobody allows anything' })
    broker.cut()
    const { length } = broker.connects
    await until(() => own.unclaimed.length > 0, { what: 'unclaimed messages', timeoutMs: 15_000 })
    for (const { delivery } of own.unclaimed) delivery.settle({ status: 'accepted' })
    await wait(50)
    const back = new Collector(['stays'], { settles: true })
    own.connection.subscribe(back)
    await subscribed(broker, mine, 1)
    broker.publish({ topic: 'stays', payload: 'news', qos: 1 })
    await until(() => back.texts.includes('news'), { what: 'a message after the gap' })
    assert.ok(broker.connects.length >= length)
    await until(() => !broker.session(mine.clientId).subscriptions.has('leaves'), {
      what: 'UNSUBSCRIBE',
      timeoutMs: 12_000,
    })
    assert.deepEqual(broker.violations, [])
  })

  test('filters that nobody wants are given up later if there was no connection then', async () => {
    await using broker = await startFakeBroker()
    const mine = options(broker.port)
    const leaves = new Collector(['leaves'])
    await using own = connect(mine, new Collector(['stays']), leaves)
    await subscribed(broker, mine, 2)
    own.connection.unsubscribe(leaves)
    await wait(9000)
    await broker.down()
    await wait(1500)
    await broker.up()
    const { subscriptions } = broker.session(mine.clientId)
    await connected(own.connection)
    assert.ok(subscriptions.has('leaves'), 'not at once: flows may be in the middle of a redeploy')
    await until(() => !subscriptions.has('leaves'), { what: 'UNSUBSCRIBE', timeoutMs: 12_000 })
    assert.ok(subscriptions.has('stays'))
  })
})
