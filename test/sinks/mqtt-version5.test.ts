import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { IConnackPacket, IPublishPacket } from 'mqtt-packet'
import mqttPacket from 'mqtt-packet'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { range, reading } from '../contract/sink-harness.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { createMqttSink, createPublisher, forever, listen } from './mqtt-harness.ts'

type Raw = { readonly [option: string]: unknown }

async function opened(options: Raw, port: number) {
  const sink = createMqttSink({ topic: 't', ...options }, createPublisher({ port, protocolVersion: '5' }))
  await sink.open(forever)
  return sink
}

/** Answers each PUBLISH with what `answer` says: a reason code, or nothing. */
async function startScripted(properties: IConnackPacket['properties'], answer: (nth: number) => number | undefined) {
  const published: IPublishPacket[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const send = (packet: Parameters<typeof mqttPacket.generate>[0]) =>
      void socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }))
    const parser = mqttPacket.parser()
    const acknowledge = (messageId = 0, nth = published.length) => {
      const reasonCode = answer(nth)
      if (reasonCode !== undefined) send({ cmd: 'puback', messageId, reasonCode })
    }
    parser.on('packet', (packet) => {
      if (packet.cmd === 'connect')
        send({ cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: properties ?? {} })
      if (packet.cmd !== 'publish') return
      published.push(packet)
      acknowledge(packet.messageId)
    })
    socket.on('data', (chunk) => parser.parse(chunk)).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { readonly port: number }
  return { port, published }
}

test('MQTT 5: what the publisher said travels on, with the id of the outbox', async () => {
  await using mosquitto = await startMosquitto()
  await using listener = await listen(mosquitto.port, 't/#', 5)
  const properties = {
    contentType: 'application/json',
    responseTopic: 'answers/1',
    correlationData: Buffer.from([0, 255]),
    userProperties: [['unit', 'bar']] as const,
  }
  const record = reading(1, { properties, id: '0123456789abcdef-7' })
  for (const includeProperties of [true, false]) {
    const sink = await opened({ topic: 't/x', includeProperties }, mosquitto.port)
    await sink.write([sink.prepare(record).request, sink.prepare(reading(2)).request], forever)
    await sink.close()
  }
  const [said, ...others] = (await listener.heard()).map((heard) => heard.properties)
  assert.deepEqual(
    { ...said, userProperties: { ...said!.userProperties } },
    { ...properties, userProperties: { unit: 'bar', 'rowline.id': '0123456789abcdef-7' } },
  )
  for (const each of others) assert.equal(each?.userProperties, undefined)
})

test('properties that MQTT cannot carry are the fault of the record', async () => {
  const sink = createMqttSink({ topic: 't' }, createPublisher({ port: 1 }))
  for (const properties of [
    { contentType: 'a\0' },
    { responseTopic: 'a/+' },
    { correlationData: Buffer.alloc(65_536) },
    { userProperties: [['a', 'x'.repeat(65_536)]] as const },
  ])
    assert.throws(() => sink.prepare(reading(1, { properties })), { code: 'RECORD_INVALID', reason: 'invalid' })
})

test('MQTT 5: who may not publish turns red and holds; nothing is lost when the right is there', async () => {
  const acl = join(temporaryDirectory('acl'), 'acl')
  writeFileSync(acl, 'topic readwrite ok/#\ntopic readwrite mark/#\n')
  await using mosquitto = await startMosquitto({ conf: [`acl_file ${acl}`] })
  const sink = createMqttSink({ topic: '{route}/x' }, createPublisher({ port: mosquitto.port, protocolVersion: '5' }))
  const runner = new SinkRunner(sink, {
    batchRecords: 10,
    batchBytes: 1 << 20,
    lingerMs: 0,
    maxRetries: 1,
    retryBackoffMs: 20,
    maxRetryBackoffMs: 50,
    onError: 'retry',
  })
  runner.start()
  const settled: string[] = []
  runner.submit([reading(1, { route: 'forbidden' }), reading(2, { route: 'ok' })], ({ status }) => settled.push(status))
  await until(() => runner.snapshot().retries > 3, { what: 'more attempts than are allowed for what passes by itself' })
  assert.equal(runner.snapshot().error?.code, 'TARGET_AUTHORIZATION')
  assert.match(runner.snapshot().error!.message, /forbidden\/x.*may not publish/)
  assert.deepEqual(settled, [])
  writeFileSync(acl, 'topic readwrite #\n')
  process.kill(mosquitto.pid, 'SIGHUP')
  await until(() => settled.length > 0, { what: 'the confirmation', timeoutMs: 20_000 })
  assert.deepEqual(settled, ['written'])
  await runner.close(1000)
})

test('MQTT 5: mosquitto refuses a payload over its limit, and that record alone is rejected', async () => {
  await using mosquitto = await startMosquitto({ conf: ['message_size_limit 1000'] })
  await using listener = await listen(mosquitto.port, 't/#')
  for (const qos of ['1', '2']) {
    const sink = await opened({ topic: 't/x', qos }, mosquitto.port)
    const records = [reading(1), reading(2, { payload: 'x'.repeat(2000) }), reading(3)]
    const batch = records.map((record) => sink.prepare(record).request)
    // mosquitto 2.0.11 ends the connection as well.
    const { rejected } = await sink.write(batch, forever).catch(() => sink.write(batch, forever))
    assert.deepEqual(
      rejected.map(({ index, error }) => [index, error.code, error.reason]),
      [[1, 'RECORD_REFUSED_SIZE', 'too-large']],
    )
    await sink.close()
  }
  const texts = (await listener.heard()).map(({ payload }) => String(payload))
  assert.deepEqual([...new Set(texts)], ['{"n":1}', '{"n":3}'])
})

test('MQTT 5: a quota that is exceeded is waited for', async () => {
  const server = await startScripted({}, (nth) => (nth <= 2 ? 0x97 : 0))
  const sink = await opened({ maxInflight: 1 }, server.port)
  const batch = range(0, 3).map((n) => sink.prepare(reading(n)).request)
  for (const _ of [1, 2])
    await assert.rejects(sink.write(batch, forever), { code: 'TARGET_THROTTLED', disposition: 'retry' })
  assert.deepEqual(await sink.write(batch, forever), { rejected: [] })
  const texts = server.published.map(({ payload }) => String(payload))
  assert.deepEqual(texts, ['{"n":0}', '{"n":0}', '{"n":0}', '{"n":1}', '{"n":2}'])
  await sink.close()
})

test('MQTT 5: publish attempts end a refusal that does not pass; the other messages are published', async () => {
  const server = await startScripted({}, (nth) => (nth === 2 || nth > 3 ? 0x83 : 0))
  const sink = await opened({ maxInflight: 1, publishAttempts: 1 }, server.port)
  const batch = range(0, 3).map((n) => sink.prepare(reading(n)).request)
  const { rejected } = await sink.write(batch, forever)
  assert.deepEqual(
    rejected.map(({ index, error }) => [index, error.code]),
    [[1, 'RETRIES_EXHAUSTED']],
  )
  await sink.close()
})

for (const reasonCode of [0x90, 0x95, 0x99])
  test(`MQTT 5: a record refused with 0x${reasonCode.toString(16)} is rejected, the others are written`, async () => {
    const server = await startScripted({}, (nth) => (nth === 2 ? reasonCode : 0x10))
    const sink = await opened({}, server.port)
    const { rejected } = await sink.write(
      range(0, 3).map((n) => sink.prepare(reading(n)).request),
      forever,
    )
    assert.deepEqual(
      rejected.map(({ index, error }) => [index, error.disposition]),
      [[1, 'reject']],
    )
    await sink.close()
  })

test("MQTT 5: no more messages wait than the broker's receive maximum, whatever the form says", async () => {
  const server = await startScripted({ receiveMaximum: 3 }, () => undefined)
  const sink = await opened({ maxInflight: 50 }, server.port)
  const control = new AbortController()
  const writing = assert.rejects(
    sink.write(
      range(0, 50).map((n) => sink.prepare(reading(n)).request),
      control.signal,
    ),
  )
  await until(() => server.published.length >= 3, { what: 'the first messages' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(server.published.length, 3)
  control.abort()
  await writing
  await sink.close()
})

test("MQTT 5: a message over the broker's packet size is rejected before it is sent", async () => {
  const server = await startScripted({ maximumPacketSize: 200 }, () => 0)
  const sink = await opened({}, server.port)
  const big = sink.prepare(reading(1, { payload: 'x'.repeat(300) })).request
  const { rejected } = await sink.write([big, sink.prepare(reading(2)).request], forever)
  assert.deepEqual(
    rejected.map(({ index, error }) => [index, error.code]),
    [[0, 'RECORD_TOO_LARGE']],
  )
  assert.equal(server.published.length, 1)
  await sink.close()
})

test('MQTT 5: a broker without this QoS, or without retained messages, turns the sink red', async () => {
  const server = await startScripted({ maximumQoS: 1, retainAvailable: false }, () => 0)
  for (const options of [{ qos: '2' }, { retain: 'always' }]) {
    const sink = await opened(options, server.port)
    await assert.rejects(sink.write([sink.prepare(reading(1)).request], forever), {
      code: 'TARGET_UNSUPPORTED',
      disposition: 'config',
    })
    await sink.close()
  }
  assert.deepEqual(server.published, [])
})
