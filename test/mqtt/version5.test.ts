import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import type { IConnectPacket, IPublishPacket, ISubscribePacket } from 'mqtt-packet'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { Copies } from '../../src/mqtt/subscription-plan.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { startWireProxy } from '../services/wire-proxy.ts'
import { Collector, connect, connected, failure, options } from './harness.ts'
import { type ScriptedBroker, type ScriptedConnection, startScriptedBroker } from './scripted-broker.ts'

const mine = (broker: { readonly port: number }, changed: Partial<ConnectionOptions> = {}) =>
  options(broker.port, { protocolVersion: 5, ...changed })
const subscribes = ({ received }: ScriptedConnection) =>
  received.filter((packet): packet is ISubscribePacket => packet.cmd === 'subscribe')
const connectOf = async (broker: ScriptedBroker) => (await broker.connection(1)).received[0] as IConnectPacket

test('B8: the version asked for is the version spoken, and auto goes down to 3.1 where the broker refuses 3.1.1', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
  for (const [protocolVersion, logged] of [
    [3, 'p1'],
    [4, 'p2'],
    [5, 'p5'],
    ['auto', 'p5'],
  ] as const) {
    const own = options(mosquitto.port, { protocolVersion })
    const collector = new Collector(['b8'], { settles: true })
    await using link = connect(own, collector)
    await until(() => mosquitto.log().includes(`Sending SUBACK to ${own.clientId}`) || link.connection.status.error, {
      what: 'the subscription',
    })
    assert.match(mosquitto.log(), new RegExp(`as ${own.clientId} \\(${logged},`))
  }
  await using old = await startFakeBroker()
  old.refuse(1)
  await using own = connect(options(old.port, { protocolVersion: 'auto' }), new Collector(['b8']))
  await connected(own.connection)
  assert.deepEqual(
    old.connects.map(({ packet }) => [packet.protocolVersion, packet.protocolId]),
    [
      [5, 'MQTT'],
      [4, 'MQTT'],
      [3, 'MQIsdp'],
    ],
  )
  old.cut()
  await until(() => old.connects.length === 4, { what: 'the next connection' })
  assert.equal(old.connects[3]!.packet.protocolVersion, 3, 'what it took is tried first')
})

test('B8: auto tries another version where an old broker hangs up without a word, and not where none is there', async () => {
  await using broker = await startFakeBroker()
  await broker.down()
  await using own = connect(options(broker.port, { protocolVersion: 'auto' }), new Collector(['b8']))
  assert.equal((await failure(own)).code, 'BROKER_UNREACHABLE')
  await broker.up()
  await connected(own.connection)
  assert.deepEqual(
    broker.connects.map(({ packet }) => packet.protocolVersion),
    [5, 4],
  )
})

test('CONNECT carries the session expiry, the receive maximum, the largest packet and the topic aliases asked for', async () => {
  const sent = async (changed: Partial<ConnectionOptions>) => {
    await using broker = await startScriptedBroker(5)
    await using own = connect(mine(broker, changed), new Collector(['c'], { records: 70 }))
    await connected(own.connection)
    const { clean, properties } = await connectOf(broker)
    return { clean, ...properties }
  }
  assert.deepEqual(await sent({}), { clean: false, sessionExpiryInterval: 0xffff_ffff, receiveMaximum: 70 })
  assert.deepEqual(await sent({ clean: true }), { clean: true, sessionExpiryInterval: 0, receiveMaximum: 70 })
  assert.deepEqual(
    await sent({ sessionExpiryInterval: 60, receiveMaximum: 5, maxPacketSize: 2000, topicAliasMaximum: 9 }),
    { clean: false, sessionExpiryInterval: 60, receiveMaximum: 5, maximumPacketSize: 2000, topicAliasMaximum: 9 },
  )
})

test('a will with a delay is not published where the connection is back in time', async () => {
  await using mosquitto = await startMosquitto()
  const witness = new Collector(['gone/#'], { settles: true })
  await using watching = connect(mine(mosquitto), witness)
  await connected(watching.connection)
  await using proxy = await startWireProxy({ brokerPort: mosquitto.port })
  const leaving = (topic: string, delayInterval?: number) =>
    connect(mine(proxy, { will: { topic, payload: '', qos: 1, retain: false, delayInterval } }))
  await using late = leaving('gone/late', 600)
  await using _soon = leaving('gone/soon', 1)
  await using at = leaving('gone/at once')
  await connected(late.connection)
  await connected(at.connection)
  await until(() => proxy.connections === 3, { what: 'all three' })
  await connected(_soon.connection)
  proxy.cut()
  await until(() => proxy.connections === 6, { what: 'all three again' })
  await until(() => witness.taken.length > 0, { what: 'the will without a delay' })
  const topics = () => witness.taken.map(({ publish }) => publish.topic)
  assert.ok(!topics().includes('gone/late'))
  assert.ok(topics().includes('gone/at once'))
})

test('a receive maximum holds mosquitto back until something is acknowledged', async () => {
  await using mosquitto = await startMosquitto({ maxInflight: 0, conf: ['log_type all'] })
  const collector = new Collector(['rm'])
  await using own = connect(mine(mosquitto, { receiveMaximum: 3 }), collector)
  await connected(own.connection)
  const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  await until(() => mosquitto.log().includes('Sending SUBACK'), { what: 'the subscription' })
  for (let n = 0; n < 8; n++) await client.publishAsync('rm', String(n), { qos: 1 })
  await collector.count(3)
  assert.equal(collector.taken.length, 3)
  for (let n = 0; n < 8; n++) (await collector.count(n + 1))[n]!.settle()
  await client.endAsync()
})

test('what the publisher says of a message is on it: user properties, content type, response topic, correlation data', async () => {
  await using mosquitto = await startMosquitto()
  const collector = new Collector(['p/#'], { settles: true })
  await using own = connect(mine(mosquitto), collector)
  await connected(own.connection)
  const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { protocolVersion: 5 })
  const publish = (properties: object) => client.publishAsync('p/1', 'x', { qos: 1, properties })
  await until(
    async () => {
      await publish({})
      return collector.taken.length > 0
    },
    { what: 'the subscription' },
  )
  const before = collector.taken.length
  await publish({
    userProperties: { site: ['north', 'süd'], unit: '' },
    contentType: 'application/json',
    responseTopic: 'answers/1',
    correlationData: Buffer.from([0, 255]),
    messageExpiryInterval: 100,
  })
  await collector.count(before + 1)
  const publishes = collector.taken.map(({ publish: { properties } }) => properties)
  assert.deepEqual(publishes.slice(0, before), Array(before).fill(undefined))
  assert.deepEqual(publishes[before], {
    userProperties: [
      ['site', 'north'],
      ['site', 'süd'],
      ['unit', ''],
    ],
    contentType: 'application/json',
    responseTopic: 'answers/1',
    correlationData: Buffer.from([0, 255]),
  })
  await client.endAsync()
})

const publish = (
  messageId: number,
  topic: string,
  ids: number | number[],
  properties: object = {},
): IPublishPacket => ({
  cmd: 'publish',
  topic,
  payload: `${messageId}`,
  qos: 1,
  messageId,
  dup: false,
  retain: false,
  properties: { subscriptionIdentifier: ids, ...properties } as IPublishPacket['properties'] & object,
})

test('D1: of the copies that a broker sends for overlapping filters one is taken, and all are acknowledged', async () => {
  await using broker = await startScriptedBroker(5)
  const collector = new Collector(['s/#', 's/a', 'other'], { settles: true })
  await using own = connect(mine(broker), collector)
  const link = await broker.connection(1)
  await until(() => subscribes(link).length === 3, { what: 'the subscriptions' })
  const ids = new Map(
    subscribes(link).flatMap(({ subscriptions, properties }) =>
      subscriptions.map(({ topic }) => [topic, properties?.subscriptionIdentifier as number] as const),
    ),
  )
  assert.equal(ids.get('other'), undefined, 'what overlaps with nothing needs no identifier')
  const [all, one] = [ids.get('s/#')!, ids.get('s/a')!]
  assert.ok(all > 0 && one > 0 && all !== one)
  await connected(own.connection)
  link.send(publish(1, 's/a', all), publish(2, 's/a', one), publish(3, 's/b', all), publish(4, 's/a', [one, all]))
  link.send(publish(5, 's/a', 77), { ...publish(6, 's/a', []), properties: {} })
  await until(() => link.answers().length === 6, { what: 'all acknowledgements' })
  assert.deepEqual(collector.texts, ['1', '3', '4', '5', '6'], 'a copy of unknown origin is taken')
})

test('D1: a copy counts only when the filter that it yields to had been granted before it', async () => {
  await using broker = await startScriptedBroker(5)
  const refusing = new Set(['s/#'])
  broker.suback = ({ messageId, subscriptions }) => ({
    cmd: 'suback',
    messageId: messageId!,
    granted: subscriptions.map(({ topic, qos }) => (refusing.has(topic) ? 0x87 : qos)),
    properties: { reasonString: 'not for you' },
  })
  const collector = new Collector(['s/#', 's/a'], { settles: true })
  await using own = connect(mine(broker), collector)
  const link = await broker.connection(1)
  await until(() => subscribes(link).length === 2, { what: 'both questions' })
  const idOf = (packet: ISubscribePacket) => packet.properties?.subscriptionIdentifier as number
  await connected(own.connection)
  link.send(publish(1, 's/a', idOf(subscribes(link)[1]!)))
  await collector.count(1)
  assert.match((await failure(own)).message, /refuses the subscription s\/# \("not for you"\)/)
})

test('D1: with another table of topics every message still arrives, whichever identifiers its copies have', async () => {
  await using broker = await startScriptedBroker(5)
  const collector = new Collector(['s/#', 's/a'], { settles: true })
  await using own = connect(mine(broker), collector)
  const link = await broker.connection(1)
  const ids = () => {
    const latest = new Map<string, number>()
    for (const { subscriptions, properties } of subscribes(link))
      for (const { topic } of subscriptions) latest.set(topic, properties?.subscriptionIdentifier as number)
    return latest
  }
  await until(() => ids().size === 2, { what: 'the first table' })
  const [oldAll, oldA] = [ids().get('s/#')!, ids().get('s/a')!]
  const more = new Collector(['s/+'], { settles: true })
  own.connection.subscribe(more)
  await until(() => ids().get('s/a') !== oldA && ids().get('s/#') !== oldAll && ids().has('s/+'), {
    what: 'the second',
  })
  const [all, a, plus] = ['s/#', 's/a', 's/+'].map((filter) => ids().get(filter)!) as [number, number, number]
  await connected(own.connection)
  await until(() => link.received.filter(({ cmd }) => cmd === 'subscribe').length === 5, { what: 'five questions' })
  link.send(publish(1, 's/b', oldAll))
  await collector.count(1)
  link.send(publish(2, 's/a', all), publish(3, 's/a', a), publish(4, 's/a', plus))
  link.send(publish(5, 's/b', plus), publish(6, 's/b', all))
  await until(() => link.answers().length === 6, { what: 'all acknowledgements' })
  assert.equal(collector.texts.length, 3, `one of each: ${collector.texts}`)
  assert.equal(new Set(collector.taken.map(({ publish: { topic } }) => topic)).size, 2)
})

test('copies: what is granted anew, or is about to go, no longer decides over others', () => {
  const wish = (filter: string, id: number) =>
    ({ filter, id, qos: 1, retainAsPublished: false, retainHandling: 0 }) as const
  const copy = (...subscriptionIds: number[]) =>
    ({
      topic: 's/a',
      payload: Buffer.alloc(0),
      qos: 1,
      packetId: 1,
      retain: false,
      isVersion5: true,
      dup: false,
      subscriptionIds,
    }) as const
  const copies = new Copies()
  const extra = (...ids: number[]) => copies.isExtra(copy(...ids))
  copies.granted(wish('s/#', 1), 1)
  copies.granted(wish('s/a', 2), 1)
  assert.deepEqual([extra(1), extra(2), extra(1, 2), extra(9), extra()], [false, true, false, false, false])
  copies.granted(wish('s/#', 3), 1)
  assert.deepEqual([extra(1), extra(2), extra(3)], [false, false, true], 's/a has been granted for longer now')
  copies.granted(wish('s/a', 4), 1)
  assert.deepEqual([extra(2), extra(3), extra(4)], [false, false, true])
  copies.forget('s/#')
  assert.deepEqual([extra(3), extra(4)], [false, false], 'nothing else comes for it')
  copies.granted(wish('s/+', 5), 1)
  copies.granted(wish('s/a', 4), 0)
  copies.granted(wish('s/+', 6), 1)
  assert.deepEqual([extra(4), extra(6)], [false, false], 'with QoS 1, where the copy that counts comes with QoS 0')
})

test('D1: mosquitto with overlapping filters delivers each message once on every version', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
  for (const protocolVersion of [3, 4, 5] as const) {
    const collector = new Collector([`d${protocolVersion}/#`, `d${protocolVersion}/a`], { settles: true })
    const own = options(mosquitto.port, { protocolVersion })
    await using link = connect(own, collector)
    await connected(link.connection)
    const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    const granted = () => mosquitto.log().split(`Sending SUBACK to ${own.clientId}`).length - 1
    await until(() => granted() === (protocolVersion === 5 ? 2 : 1), { what: 'both subscriptions' })
    for (let n = 0; n < 20; n++) await client.publishAsync(`d${protocolVersion}/a`, String(n), { qos: 1 })
    await client.publishAsync(`d${protocolVersion}/end`, 'end', { qos: 1 })
    await until(() => collector.texts.includes('end'), { what: 'the last one' })
    assert.deepEqual(collector.texts, [...Array.from({ length: 20 }, (_, n) => String(n)), 'end'])
    await client.endAsync()
  }
})

test('an alias stands for its topic until another one takes its place; an unknown one breaks the protocol', async () => {
  await using broker = await startScriptedBroker(5)
  const collector = new Collector(['t/#'], { settles: true })
  await using own = connect(mine(broker, { topicAliasMaximum: 2 }), collector)
  const link = await broker.connection(1)
  const aliased = (messageId: number, topic: string, topicAlias: number) =>
    publish(messageId, topic, [], { subscriptionIdentifier: undefined, topicAlias })
  await connected(own.connection)
  link.send(aliased(1, 't/1', 1), aliased(2, '', 1), aliased(3, 't/2', 1), aliased(4, '', 1), aliased(5, 't/3', 2))
  await collector.count(5)
  assert.deepEqual(
    collector.taken.map(({ publish: { topic } }) => topic),
    ['t/1', 't/1', 't/2', 't/2', 't/3'],
  )
  for (const [n, wrong] of [aliased(6, '', 3), aliased(6, 't/4', 3), aliased(6, 't/4', 0)].entries()) {
    const current = await broker.connection(n + 1)
    await connected(own.connection)
    current.send(wrong)
    await broker.connection(n + 2)
  }
  const last = await broker.connection(4)
  await connected(own.connection)
  last.send(aliased(7, '', 1))
  await broker.connection(5)
  assert.match(
    collector.errors.join('\n'),
    /topic alias 3, where the largest is 2[\s\S]*topic alias 1, which has no topic/,
  )
  assert.equal(collector.taken.length, 5, 'an alias ends with its connection')
})

test('the reasons that a broker gives are shown: in CONNACK, SUBACK and DISCONNECT', async () => {
  await using broker = await startScriptedBroker(5)
  broker.connack = {
    cmd: 'connack',
    reasonCode: 0x87,
    sessionPresent: false,
    properties: { reasonString: 'licence expired' },
  }
  await using own = connect(mine(broker), new Collector(['r']))
  const refused = await failure(own)
  assert.equal(refused.code, 'BROKER_REFUSED')
  assert.match(refused.message, /this client is not allowed to connect \("licence expired"\)/)
  delete broker.connack
  await connected(own.connection)
  const disconnect = (reasonCode: number, reasonString?: string) =>
    ({ cmd: 'disconnect', reasonCode, properties: reasonString ? { reasonString } : {} }) as const
  const { errors } = own.collector
  const next = async (reasonCode: number, reasonString: string | undefined, expected: RegExp) => {
    const before = own.collector.changes
    let n = 1
    while ((await broker.connection(n)).isOpen === false) n++
    const link = await broker.connection(n)
    await connected(own.connection)
    link.send(disconnect(reasonCode, reasonString))
    link.cut()
    await until(() => own.collector.changes > before && errors.some((error) => expected.test(error)), {
      what: String(expected),
      output: () => errors.join('\n'),
    })
  }
  await next(0x8b, 'maintenance', /BROKER_UNREACHABLE.*shutting down \("maintenance"\)/)
  await next(0x8e, undefined, /BROKER_TAKEN_OVER.*another client uses that id/)
})

test('the options of MQTT 5 subscriptions are asked for, and merged where two nodes want one filter', async () => {
  await using broker = await startScriptedBroker(5)
  const wanting = (filter: string, wish: object) =>
    Object.assign(new Collector([]), { filters: [{ filter, qos: 1, ...wish }] }) as Collector
  await using _ = connect(
    mine(broker),
    wanting('a', { retainAsPublished: true, retainHandling: 2 }),
    wanting('b', { retainAsPublished: true, retainHandling: 2 }),
    wanting('b', { retainHandling: 1 }),
    wanting('c', {}),
  )
  const link = await broker.connection(1)
  const asked = () => subscribes(link).flatMap(({ subscriptions }) => subscriptions)
  await until(() => asked().length === 3, { what: 'the subscriptions' })
  const of = (filter: string) => {
    const { rap, rh } = asked().find(({ topic }) => topic === filter)!
    return [rap, rh]
  }
  assert.deepEqual(
    [of('a'), of('b'), of('c')],
    [
      [true, 2],
      [false, 1],
      [false, 0],
    ],
  )
})

test('retainAsPublished acts at mosquitto', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all'] })
  const wanting = (wish: object) =>
    Object.assign(new Collector([], { settles: true }), {
      filters: [{ filter: 'l', qos: 1, ...wish }],
      matches: () => true,
    }) as Collector
  const [plain, special] = [wanting({}), wanting({ retainAsPublished: true })]
  await using first = connect(mine(mosquitto), plain)
  const theirs = mine(mosquitto)
  await using second = connect(theirs, special)
  await connected(first.connection)
  await connected(second.connection)
  await until(() => mosquitto.log().split('Sending SUBACK').length > 2, { what: 'both subscriptions' })
  const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  await client.publishAsync('l', 'kept', { qos: 1, retain: true })
  await plain.count(1)
  await special.count(1)
  assert.deepEqual(
    [plain, special].map(({ taken }) => taken[0]!.publish.retain),
    [false, true],
  )
  await client.endAsync()
})
