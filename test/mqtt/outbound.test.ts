import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type OutboundMessage, Unconfirmed } from '../../src/core/publisher.ts'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { LeasedPublisher } from '../../src/mqtt/leased-publisher.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { startWireProxy, type WireEvent, type WireProxy } from '../services/wire-proxy.ts'
import { create, options } from './harness.ts'
import { startScriptedBroker } from './scripted-broker.ts'

let broker: FakeBroker
let wire: WireProxy
/** Loses or cuts at this packet, once. */
let fault: { readonly type: string; readonly verdict: 'drop' | 'cut' } | undefined

before(async () => {
  broker = await startFakeBroker()
  wire = await startWireProxy({
    brokerPort: broker.port,
    intercept: ({ type }) => {
      if (type !== fault?.type) return 'forward'
      const { verdict } = fault
      fault = undefined
      return verdict
    },
  })
})
after(async () => {
  await wire.close()
  await broker.close()
})

/** So many QoS 2 messages at a time: with more it ends the connection, and each one after it. */
const mostOfMosquitto = 20

const forever = new AbortController().signal
let texts = 0
const message = (qos: 0 | 1 | 2, fields: Partial<OutboundMessage> = {}): OutboundMessage => ({
  topic: 'out/a',
  payload: Buffer.from(`message ${++texts}`),
  qos,
  retain: false,
  ...fields,
})

/** A connection for publishing, and who publishes over it. */
function publishing(changed: Partial<ConnectionOptions> = {}) {
  const connectionOptions = options(wire.port, { publishing: { idleTimeoutMs: 0 }, ...changed })
  const pool = new ConnectionPool()
  const lease = () => pool.acquire('key', () => create(connectionOptions, () => {}))
  return { publisher: new LeasedPublisher(lease), lease, connectionOptions }
}

const timesReceived = ({ payload }: OutboundMessage) =>
  broker.received.filter((received) => String(received.payload) === String(payload)).length
const ofPublisher = (event: WireEvent) => event.direction === 'toBroker' && /^pub/.test(event.type)
const sentSince = (first: number) => wire.events.slice(first).filter(ofPublisher)

for (const qos of [0, 1, 2] as const)
  test(`QoS ${qos} is published once, and confirmed`, async () => {
    const { publisher } = publishing()
    await publisher.ready(forever)
    const sent = message(qos, { retain: true })
    await publisher.publish(sent)
    await until(() => timesReceived(sent) === 1, { what: 'the message' })
    const received = broker.received.at(-1)!
    assert.deepEqual([received.topic, received.qos, received.retain], ['out/a', qos, true])
    await publisher.close()
    assert.deepEqual(broker.violations, [])
  })

test('QoS 1 and 2 wait for the confirmation, QoS 0 for nothing', async () => {
  const { publisher } = publishing()
  await publisher.ready(forever)
  wire.hold('toClient')
  await publisher.publish(message(0))
  const confirmed: number[] = []
  const publishings = ([1, 2] as const).map((qos) => publisher.publish(message(qos)).then(() => confirmed.push(qos)))
  const before = broker.received.length
  await until(() => broker.received.length >= before + 2, { what: 'the messages' })
  assert.deepEqual(confirmed, [])
  wire.release('toClient')
  await Promise.all(publishings)
  await publisher.close()
})

for (const [type, again] of [
  ['pubrec', ['publish', 'pubrel']],
  ['pubcomp', ['pubrel']],
] as const)
  test(`a QoS 2 message whose ${type.toUpperCase()} is lost with the connection goes on over the next, and arrives once`, async () => {
    const { publisher } = publishing()
    await publisher.ready(forever)
    const sent = message(2)
    fault = { type, verdict: 'cut' }
    await assert.rejects(publisher.publish(sent), Unconfirmed)
    const first = wire.events.length
    await publisher.ready(forever)
    await publisher.publish(sent)
    assert.deepEqual(
      sentSince(first).map((event) => event.type),
      again,
    )
    const [repeat] = sentSince(first)
    const original = wire.events.slice(0, first).findLast((event) => ofPublisher(event) && event.type === 'publish')
    assert.equal(repeat!.id, original!.id)
    assert.equal(timesReceived(sent), 1)
    await publisher.close()
  })

test('a QoS 1 message whose PUBACK is lost comes again with DUP and its id', async () => {
  const { publisher } = publishing()
  await publisher.ready(forever)
  const sent = message(1)
  fault = { type: 'puback', verdict: 'cut' }
  await assert.rejects(publisher.publish(sent), Unconfirmed)
  const first = wire.events.length
  await publisher.ready(forever)
  await publisher.publish(sent)
  assert.equal(sentSince(first)[0]!.dup, true)
  assert.equal(timesReceived(sent), 2)
  await publisher.close()
})

test('where the broker has forgotten the session everything that is not confirmed is published anew', async () => {
  const { publisher } = publishing()
  await publisher.ready(forever)
  const sent = message(2)
  fault = { type: 'pubcomp', verdict: 'drop' }
  const lost = assert.rejects(publisher.publish(sent), Unconfirmed)
  await until(() => fault === undefined, { what: 'the loss of PUBCOMP' })
  broker.forgetSessions()
  await lost
  await publisher.ready(forever)
  await publisher.publish(sent)
  assert.equal(timesReceived(sent), 2)
  await publisher.close()
})

test('ids that an earlier process left at the broker do not swallow new messages', async () => {
  const { publisher, connectionOptions } = publishing()
  const left = broker.session(connectionOptions.clientId)
  for (let id = 1; id <= 65_535; id++) left.incoming.add(id)
  await publisher.ready(forever)
  const sent = message(2)
  await publisher.publish(sent)
  assert.equal(timesReceived(sent), 1)
  const connects = broker.connects.filter(({ packet }) => packet.clientId === connectionOptions.clientId)
  assert.deepEqual(
    connects.map(({ packet }) => packet.clean),
    [true, false],
  )
  await publisher.close()
})

test('at another broker, and back at the first, what is not confirmed is published anew', async () => {
  const other = await startFakeBroker()
  const fallbacks = [{ host: '127.0.0.1', port: other.port }]
  const { publisher, connectionOptions } = publishing({ fallbacks })
  await publisher.ready(forever)
  const sent = message(2)
  fault = { type: 'pubcomp', verdict: 'drop' }
  const lost = assert.rejects(publisher.publish(sent), Unconfirmed)
  await until(() => fault === undefined, { what: 'the loss of PUBCOMP' })
  wire.accept(false)
  wire.cut()
  await lost
  const stale = other.session(connectionOptions.clientId)
  for (let id = 1; id <= 65_535; id++) stale.incoming.add(id)
  await publisher.ready(forever)
  await publisher.publish(sent)
  assert.deepEqual(
    other.received.map(({ payload }) => String(payload)),
    [String(sent.payload)],
  )
  wire.accept(true)
  await other.close()
  const next = message(2)
  await until(
    () =>
      publisher
        .publish(next)
        .then(() => true)
        .catch(() =>
          publisher.ready(forever).then(
            () => false,
            () => false,
          ),
        ),
    {
      what: 'the first broker',
    },
  )
  assert.equal(timesReceived(next), 1)
  await publisher.close()
})

test('with a clean session there is no second connection at the start', async () => {
  const { publisher, connectionOptions } = publishing({ clean: true })
  await publisher.ready(forever)
  await publisher.publish(message(2))
  const connects = broker.connects.filter(({ packet }) => packet.clientId === connectionOptions.clientId)
  assert.equal(connects.length, 1)
  await publisher.close()
})

test('B6: a connection for publishing is closed when it is idle, and made again for the next message', async () => {
  const { publisher, connectionOptions } = publishing({ publishing: { idleTimeoutMs: 300 }, clean: true })
  const connects = () => broker.connects.filter(({ packet }) => packet.clientId === connectionOptions.clientId).length
  await publisher.ready(forever)
  await publisher.publish(message(1))
  const started = performance.now()
  await until(() => wire.open === 0, { what: 'the end of the idle connection' })
  assert.ok(performance.now() - started >= 250, 'not before its time')
  assert.equal(connects(), 1)
  for (const nth of [2, 3, 4]) {
    const sent = message(1)
    await publisher.ready(forever)
    await publisher.publish(sent)
    assert.equal(timesReceived(sent), 1)
    assert.equal(connects(), nth)
    await until(() => wire.open === 0, { what: 'the end of the idle connection' })
  }
  await publisher.close()
})

test('B6: with 0 it stays', async () => {
  const { publisher } = publishing()
  await publisher.ready(forever)
  await publisher.publish(message(1))
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.equal(wire.open, 1)
  await publisher.close()
})

test('those who publish at one broker share a connection, and the last one closes it', async () => {
  const { publisher, lease, connectionOptions } = publishing({ clean: true })
  const other = new LeasedPublisher(lease)
  await Promise.all([publisher.ready(forever), other.ready(forever)])
  await Promise.all([publisher.publish(message(2)), other.publish(message(2))])
  await publisher.close()
  await other.publish(message(1))
  assert.equal(broker.connects.filter(({ packet }) => packet.clientId === connectionOptions.clientId).length, 1)
  await other.close()
  await until(() => wire.open === 0, { what: 'the end of the connection' })
})

test('after the last connect attempt nobody waits any longer', async () => {
  wire.accept(false)
  const { publisher } = publishing({ connectAttempts: 2 })
  const failures: unknown[] = []
  const failed = (error: unknown) => failures.push((error as { readonly code: string }).code)
  for (let n = 0; n < 3; n++) await publisher.ready(forever).catch(failed)
  wire.accept(true)
  assert.deepEqual(failures, ['BROKER_UNREACHABLE', 'BROKER_GIVEN_UP', 'BROKER_GIVEN_UP'])
  await publisher.close()
})

test('waiting for a broker that is away ends with the attempt, and with the signal', async () => {
  wire.accept(false)
  const { publisher } = publishing()
  await assert.rejects(publisher.ready(forever), { code: 'BROKER_UNREACHABLE' })
  const control = new AbortController()
  const waiting = assert.rejects(publisher.ready(control.signal), { code: 'DELIVERY_RELEASED' })
  control.abort()
  await waiting
  wire.accept(true)
  await publisher.ready(forever).catch(() => publisher.ready(forever))
  await publisher.close()
})

test('what waits for its confirmation is rejected when the connection is given back', async () => {
  const { publisher } = publishing()
  await publisher.ready(forever)
  wire.hold('toClient')
  const waiting = assert.rejects(publisher.publish(message(1)), Unconfirmed)
  await publisher.close()
  await waiting
  wire.release('toClient')
})

test('an answer to what was not sent yet confirms nothing: the message goes out in its turn', async () => {
  await using scripted = await startScriptedBroker(5)
  scripted.connack = { cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: { receiveMaximum: 1 } }
  const { publisher } = publishing({ ...options(scripted.port), clean: true, protocolVersion: 5 })
  await publisher.ready(forever)
  const link = await scripted.connection(1)
  const ids = () => link.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.messageId!] : []))
  const confirmed: number[] = []
  const both = [1, 2].map((n) => publisher.publish(message(1)).then(() => confirmed.push(n)))
  await until(() => ids().length === 1, { what: 'the first message' })
  link.send({ cmd: 'puback', messageId: ids()[0]! + 1 }, { cmd: 'puback', messageId: ids()[0]! })
  await until(() => ids().length === 2, { what: 'the second message' })
  assert.deepEqual(confirmed, [1])
  link.send({ cmd: 'puback', messageId: ids()[1]! })
  await Promise.all(both)
  await publisher.close()
})

for (const protocolVersion of [4, 5] as const)
  test(`QoS 2 messages that are given up do not count against later ones (version ${protocolVersion})`, async () => {
    await using mosquitto = await startMosquitto()
    let lost = 0
    await using unanswered = await startWireProxy({
      brokerPort: mosquitto.port,
      intercept: ({ type }) => {
        if (type !== 'pubrec' || lost >= mostOfMosquitto) return 'forward'
        return ++lost === mostOfMosquitto ? 'cut' : 'drop'
      },
    })
    const { publisher } = publishing({ ...options(unanswered.port), protocolVersion })
    await publisher.ready(forever)
    const given = Array.from({ length: mostOfMosquitto }, () => message(2))
    const results = await Promise.allSettled(given.map((each) => publisher.publish(each)))
    assert.ok(results.every(({ status }) => status === 'rejected'))
    for (const each of given) publisher.giveUp(each)
    for (let later = 0; later < mostOfMosquitto + 5; later++) await published(publisher, message(2))
    await publisher.close()
  })

/** Repeated like a sink would: the first connection may only clear the session. */
async function published(publisher: LeasedPublisher, sent: OutboundMessage): Promise<void> {
  for (let tries = 1; ; tries++) {
    await publisher.ready(forever)
    try {
      return await publisher.publish(sent)
    } catch (error) {
      if (!(error instanceof Unconfirmed) || tries === 5) throw error
    }
  }
}
