import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { Sink } from '../../src/core/sink.ts'
import type { MqttRequest } from '../../src/sinks/mqtt/request.ts'
import { range, reading } from '../contract/sink-harness.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { startWireProxy, type WireProxy } from '../services/wire-proxy.ts'
import { createMqttSink, createPublisher, forever, listen } from './mqtt-harness.ts'

type Raw = { readonly [option: string]: unknown }

let broker: FakeBroker
let wire: WireProxy
/** Messages whose publication ends the connection. */
let poison = (_text: string) => false

before(async () => {
  broker = await startFakeBroker()
  wire = await startWireProxy({
    brokerPort: broker.port,
    intercept: ({ type, direction }, raw) =>
      type === 'publish' && direction === 'toBroker' && poison(raw.toString('latin1')) ? 'cut' : 'forward',
  })
})
after(async () => {
  await wire.close()
  await broker.close()
})

async function opened(options: Raw, port = wire.port, source: Raw = {}) {
  const sink = createMqttSink({ topic: 't', ...options }, createPublisher({ port, ...source }))
  await sink.open(forever)
  return sink
}
const requests = (sink: Sink<MqttRequest>, records: readonly Record[]) =>
  records.map((record) => sink.prepare(record).request)
const numbered = (sink: Sink<MqttRequest>, count: number) =>
  requests(
    sink,
    range(0, count).map((n) => reading(n)),
  )

/** Writes as the runner does: again while that may help. Gives the errors on the way. */
async function written(sink: Sink<MqttRequest>, batch: readonly MqttRequest[]) {
  const errors: PipelineError[] = []
  for (;;) {
    try {
      return { ...(await sink.write(batch, forever)), errors }
    } catch (error) {
      assert.ok(error instanceof PipelineError)
      errors.push(error)
      if (errors.length > 50) throw error
    }
  }
}

for (const maxInflight of [1, 7])
  test(`no more than ${maxInflight} messages wait for their confirmation`, async () => {
    const sink = await opened({ maxInflight })
    const first = wire.events.length
    wire.hold('toClient')
    const writing = sink.write(numbered(sink, 30), forever)
    const sent = () => wire.events.slice(first).filter(({ type }) => type === 'publish').length
    await until(() => sent() >= maxInflight, { what: 'the first messages' })
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(sent(), maxInflight)
    wire.release('toClient')
    await writing
    assert.equal(sent(), 30)
    await sink.close()
  })

test('a message that ends every connection goes alone after the first time, named by topic and size', async () => {
  const sink = await opened({})
  poison = (text) => text.includes('{"n":3}')
  const batch = numbered(sink, 10)
  const before = broker.received.length
  const errors: PipelineError[] = []
  while (errors.length < 4)
    await sink.write(batch, forever).catch((error: unknown) => errors.push(error as PipelineError))
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['BROKER_UNREACHABLE', 'BROKER_UNREACHABLE', 'BROKER_HANGS_UP', 'BROKER_HANGS_UP'],
  )
  assert.match(errors[3]!.message, /ended the connection 4 times.*7 bytes to t /)
  assert.equal(errors[3]!.disposition, 'retry')
  poison = () => false
  assert.deepEqual(await sink.write(batch, forever), { rejected: [] })
  const texts = broker.received.slice(before).map(({ payload }) => String(payload))
  assert.deepEqual(
    [...new Set(texts)],
    range(0, 10).map((n) => `{"n":${n}}`),
    'in order',
  )
  await sink.close()
})

for (const publishAttempts of [1, 3])
  test(`with ${publishAttempts} publish attempts it is rejected, and nothing else`, async () => {
    const sink = await opened({ publishAttempts, maxInflight: 1 })
    let tries = 0
    poison = (text) => text.includes('{"n":3}') && ++tries > 0
    const before = broker.received.length
    const { rejected } = await written(sink, numbered(sink, 10))
    poison = () => false
    assert.deepEqual(
      rejected.map(({ index, error }) => [index, error.code, error.reason]),
      [[3, 'RETRIES_EXHAUSTED', 'retries-exhausted']],
    )
    assert.equal(tries, publishAttempts)
    assert.equal(broker.received.length - before, 9)
    await sink.close()
  })

test('attempts in which the broker is away do not count', async () => {
  const sink = await opened({ publishAttempts: 1 })
  wire.accept(false)
  wire.cut()
  const batch = numbered(sink, 1)
  await until(() => wire.open === 0, { what: 'the cut' })
  await sink.write(batch, forever).catch(() => {})
  await assert.rejects(sink.write(batch, forever), { code: 'BROKER_UNREACHABLE' })
  wire.accept(true)
  assert.deepEqual((await written(sink, batch)).rejected, [])
  await sink.close()
})

for (const publishBackoffMs of [0, 600])
  test(`a message that was not confirmed is published again after at least ${publishBackoffMs} ms`, async () => {
    const sink = await opened({ publishBackoffMs })
    const times: number[] = []
    poison = () => times.push(performance.now()) === 1
    await written(sink, numbered(sink, 1))
    poison = () => false
    assert.equal(times.length, 2)
    const gap = times[1]! - times[0]!
    assert.ok(publishBackoffMs === 0 ? gap < 500 : gap >= publishBackoffMs - 20, `${gap} ms`)
    await sink.close()
  })

test('QoS 2 over twenty cut connections arrives once and in order', async () => {
  const sink = await opened({ qos: '2' })
  let publishes = 0
  poison = () => ++publishes % 13 === 0
  const before = broker.received.length
  await written(sink, numbered(sink, 200))
  poison = () => false
  assert.deepEqual(
    broker.received.slice(before).map(({ payload }) => String(payload)),
    range(0, 200).map((n) => `{"n":${n}}`),
  )
  assert.ok(publishes / 13 > 15)
  assert.deepEqual(broker.violations, [])
  await sink.close()
})

test('QoS 0 is confirmed by nobody: what a broker swallows counts as written', async () => {
  const sink = await opened({ qos: '0' })
  wire.hold('toBroker')
  assert.deepEqual(await sink.write(numbered(sink, 5), forever), { rejected: [] })
  const before = broker.received.length
  wire.release('toBroker')
  await until(() => broker.received.length === before + 5, { what: 'the messages' })
  await sink.close()
})

for (const qos of ['1', '2'])
  test(`mosquitto (3.1.1) confirms what may not be published, and drops it without a word (QoS ${qos})`, async () => {
    const acl = join(temporaryDirectory('acl'), 'acl')
    writeFileSync(acl, 'topic readwrite ok/#\ntopic readwrite mark/#\n')
    await using mosquitto = await startMosquitto({ conf: [`acl_file ${acl}`] })
    await using listener = await listen(mosquitto.port, '#')
    const sink = await opened({ topic: '{route}/x', qos }, mosquitto.port)
    const records = ['ok', 'forbidden', 'ok'].map((route, n) => reading(n, { route }))
    assert.deepEqual((await written(sink, requests(sink, records))).rejected, [])
    const texts = (await listener.heard()).map(({ payload }) => String(payload))
    assert.deepEqual([...new Set(texts)], ['{"n":0}', '{"n":2}'])
    await sink.close()
  })

test('mosquitto (3.1.1) ends the connection for a packet over its limit: publish attempts free the others', async () => {
  await using mosquitto = await startMosquitto({ conf: ['max_packet_size 2000'] })
  await using listener = await listen(mosquitto.port, 't/#')
  const records = [reading(1), reading(2, { payload: 'x'.repeat(5000) }), reading(3)]
  const sink = await opened({ topic: 't/x', publishAttempts: 3 }, mosquitto.port)
  const { rejected, errors } = await written(sink, requests(sink, records))
  assert.deepEqual(
    rejected.map(({ index, error }) => [index, error.reason]),
    [[1, 'retries-exhausted']],
  )
  assert.ok(errors.length >= 2)
  const texts = (await listener.heard()).map(({ payload }) => String(payload))
  assert.deepEqual([...new Set(texts)], ['{"n":1}', '{"n":3}'])
  const limited = await opened({ topic: 't/x', maxPacketSize: 2000 }, mosquitto.port)
  assert.throws(() => requests(limited, records), { code: 'RECORD_TOO_LARGE' })
  await limited.close()
  await sink.close()
})

test('a batch comes to its end over a mosquitto that is killed and has forgotten the session', async () => {
  await using mosquitto = await startMosquitto()
  for (const qos of ['1', '2']) {
    const proxy = await startWireProxy({ brokerPort: mosquitto.port })
    const sink = await opened({ qos, topic: 'r/x', retain: 'always' }, proxy.port)
    const writing = written(sink, numbered(sink, 2000))
    const isOne = (event: { readonly type: string; readonly direction: string }) =>
      event.type === (qos === '1' ? 'puback' : 'pubcomp') && event.direction === 'toClient'
    await until(() => proxy.events.filter(isOne).length > 500, { what: 'the first part' })
    await mosquitto.kill()
    await mosquitto.restart()
    assert.deepEqual((await writing).rejected, [])
    await using listener = await listen(mosquitto.port, 'r/#')
    assert.equal(String((await listener.heard()).at(-1)!.payload), '{"n":1999}')
    await sink.close()
    await proxy.close()
  }
})
