import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { ISubscribePacket } from 'mqtt-packet'
import { Epoch } from '../../src/mqtt/epoch.ts'
import { InboundSession } from '../../src/mqtt/inbound-session.ts'
import { Subscriptions } from '../../src/mqtt/subscriptions.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { connectRaw } from '../services/raw-client.ts'
import { packets } from '../services/wire-assertions.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { Collector, connect, connected, options, subscribed } from './harness.ts'
import { startScriptedBroker } from './scripted-broker.ts'

test('retained messages come once: a resumed session is not subscribed again, a forgotten one is', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
  await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
  const sender = await connectRaw(mosquitto.port, { clientId: 'sender' })
  sender.send({ cmd: 'publish', topic: 'r', payload: 'kept', qos: 1, messageId: 1, dup: false, retain: true })
  await sender.receive('puback')
  sender.cut()
  const collector = new Collector(['r'], { settles: true })
  await using own = connect(options(proxy.port), collector)
  let isGranted = false
  own.connection.inherit(undefined, ({ filters }) => {
    isGranted = (filters[0]?.[1] ?? '') !== ''
  })
  await collector.count(1)
  await until(() => isGranted && mosquitto.log().includes('Received PUBACK'), { what: 'SUBACK and PUBACK' })
  for (let cuts = 1; cuts <= 2; cuts++) {
    proxy.cut()
    await until(() => proxy.connections > cuts, { what: 'a reconnect' })
    await connected(own.connection)
  }
  await wait(100)
  assert.deepEqual([collector.texts, collector.taken[0]!.publish.retain], [['kept'], true])
  assert.equal(packets(proxy.events, 'subscribe', 'toBroker').length, 1)
  assert.deepEqual(
    packets(proxy.events, 'connack', 'toClient').map(({ sessionPresent }) => sessionPresent),
    [false, true, true],
  )
})

test('a session that the server forgot is subscribed again', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  const collector = new Collector(['a', 'b'], { settles: true })
  await using _own = connect(mine, collector)
  await subscribed(broker, mine, 2)
  broker.forgetSessions()
  await until(() => broker.connects.length === 2, { what: 'a reconnect' })
  await subscribed(broker, mine, 2)
  broker.publish({ topic: 'b', payload: 'x', qos: 1 })
  await collector.count(1)
})

test('refused filters are named, whatever they look like, and the others work', async () => {
  await using broker = await startFakeBroker()
  for (const filter of ['7', 'resubscribe', 'no/#']) broker.refusedFilters.add(filter)
  const mine = options(broker.port)
  const filters = ['b', '10', '7', '2', 'resubscribe', 'no/#', '__proto__', 'hasOwnProperty']
  const collector = new Collector(filters, { settles: true })
  await using own = connect(mine, collector)
  await subscribed(broker, mine, 5)
  const refusal = () => own.connection.statusFor(collector.filters).error
  await until(refusal, { what: 'the refusal' })
  const { code, disposition, message } = refusal()!
  assert.deepEqual([code, disposition], ['SUBSCRIPTION_REFUSED', 'config'])
  assert.match(message, /subscription 7, resubscribe, no\/#$/)
  assert.equal(own.connection.status.phase, 'connected')
  assert.deepEqual([...broker.session(mine.clientId).subscriptions.keys()].sort(), [
    '10',
    '2',
    '__proto__',
    'b',
    'hasOwnProperty',
  ])
  broker.publish({ topic: '10', payload: 'x', qos: 1 })
  await collector.count(1)
})

test('what the server refuses of one user, or grants with less, is in the status of that one alone', async () => {
  await using broker = await startFakeBroker()
  broker.refusedFilters.add('refused')
  broker.loweredFilters.add('lowered')
  const mine = options(broker.port)
  const [refused, lowered] = [new Collector(['refused', 'a']), new Collector(['lowered'])]
  const [modest, fine] = [new Collector(['lowered'], { qos: 0 }), new Collector(['a'])]
  await using own = connect(mine, refused, lowered, modest, fine)
  const status = (collector: Collector) => own.connection.statusFor(collector.filters)
  await until(() => status(refused).error && status(lowered).lowered, { what: 'both' })
  assert.match(status(refused).error!.message, /subscription refused$/)
  assert.match(status(lowered).lowered!.message, /lowered \(QoS 0 for 1\)/)
  assert.deepEqual(
    [refused, lowered, modest, fine].map((each) => {
      const { error, lowered: less, loweredFilters } = status(each)
      return [error?.code, less?.code, loweredFilters.length]
    }),
    [
      ['SUBSCRIPTION_REFUSED', undefined, 0],
      [undefined, 'SUBSCRIPTION_LOWERED', 1],
      [undefined, undefined, 0],
      [undefined, undefined, 0],
    ],
  )
  assert.equal(own.connection.status.error, undefined)
})

test('a refused filter is asked for again, and granted at last the error is gone; one that nobody wants is no error', async () => {
  await using broker = await startFakeBroker()
  const mine = options(broker.port)
  for (const filter of ['later', 'left']) broker.refusedFilters.add(filter)
  const errors: (string | undefined)[] = []
  const wanted = ['later', 'left'].map((filter) => ({ filter, qos: 1 as const }))
  const note = () => errors.push(subscriptions.refusal(wanted)?.message)
  const subscriptions = new Subscriptions(note, undefined, 100)
  const epoch = new Epoch({ ...mine, protocolVersion: 4 }, { records: 10, bytes: 1000 }, new InboundSession(), {
    connected: (sessionPresent) => subscriptions.connected(epoch.client, sessionPresent),
    message: () => assert.fail(),
  })
  const left = new Collector(['left'], { qos: 0 })
  subscriptions.add(new Collector(['later', 'fine']))
  subscriptions.add(left)
  const ended = epoch.run()
  await until(() => errors.at(-1)?.endsWith(' later, left'), { what: 'the refusal' })
  subscriptions.remove(left)
  assert.match(errors.at(-1) ?? '', /subscription later$/)
  await wait(350)
  assert.match(errors.at(-1) ?? '', /subscription later$/)
  const { length } = errors
  assert.ok(length >= 4 && length <= 8, `asked again every 100 ms, by one timer: ${length} reports`)
  broker.refusedFilters.clear()
  await until(() => errors.at(-1) === undefined, { what: 'the end of the error' })
  await wait(250)
  assert.equal(errors.filter((error) => error === undefined).length, 1, 'and nothing more is asked')
  await epoch.close(500)
  await ended
})

test('every filter is asked for with the highest QoS that somebody wants, once', async () => {
  await using broker = await startScriptedBroker()
  const asked = (link: { readonly received: readonly { readonly cmd: string }[] }) =>
    link.received
      .filter((packet): packet is ISubscribePacket => packet.cmd === 'subscribe')
      .flatMap(({ subscriptions }) => subscriptions.map(({ topic, qos }) => `${topic} ${qos}`))
  await using own = connect(
    options(broker.port),
    new Collector(['a', 'b'], { qos: 1 }),
    new Collector(['b', 'c'], { qos: 2 }),
    new Collector(['a'], { qos: 0 }),
  )
  const link = await broker.connection(1)
  await until(() => asked(link).length === 3, { what: 'three subscriptions' })
  assert.deepEqual(asked(link).sort(), ['a 1', 'b 2', 'c 2'])
  own.connection.subscribe(new Collector(['d'], { qos: 1 }))
  own.connection.subscribe(new Collector(['d'], { qos: 1 }))
  own.connection.subscribe(new Collector(['e', 'a'], { qos: 1 }))
  await until(() => asked(link).length >= 5, { what: 'the new ones' })
  await wait(50)
  assert.deepEqual(asked(link).slice(3).sort(), ['d 1', 'e 1'], 'also while the answer is under way')
  own.connection.subscribe(new Collector(['a'], { qos: 2 }))
  await until(() => asked(link).length >= 6, { what: 'the higher QoS' })
  assert.equal(asked(link).at(-1), 'a 2')
})
