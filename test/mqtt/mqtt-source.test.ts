import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type ConfigOf, parseFields } from '../../src/config/fields.ts'
import type { Batch } from '../../src/core/source.ts'
import { inFields } from '../../src/mqtt/config.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { accepted, create, options, released, subscribed } from './harness.ts'

type Row = { readonly filter: string; readonly [column: string]: unknown }

interface Stage extends AsyncDisposable {
  readonly broker: FakeBroker
  readonly source: MqttSource
  readonly batches: Batch[]
  readonly unrouted: Batch[]
  publish(topic: string, text: string, qos?: 0 | 1 | 2): void
  acknowledged(): string[]
}

const never = new AbortController().signal
const text = (batch: Batch) => batch.records.map(({ payload }) => String(payload)).join()

async function stage(rows: readonly Row[], raw: object = {}, clean = false): Promise<Stage> {
  const { config, problems } = parseFields(inFields, { source: 'x', subscriptions: rows, ...raw })
  assert.deepEqual(problems, [])
  const broker = await startFakeBroker({ window: 100 })
  const mine = options(broker.port, { clean })
  const pool = new ConnectionPool()
  const batches: Batch[] = []
  const unrouted: Batch[] = []
  const lease = () => pool.acquire('source', () => create(mine, () => assert.fail('unclaimed')))
  const source = new MqttSource(config as ConfigOf<typeof inFields>, lease, {
    batch: (batch) => batches.push(batch),
    refused: (batch) => unrouted.push(batch),
    changed: () => {},
  })
  await source.open(never)
  await subscribed(broker, mine, rows.length)
  return {
    broker,
    source,
    batches,
    unrouted,
    publish: (topic, payload, qos = 1) => broker.publish({ topic, payload, qos }),
    acknowledged: () => broker.session(mine.clientId).acknowledged.map(({ payload }) => String(payload)),
    [Symbol.asyncDispose]: async () => {
      await source.close()
      await broker.close()
      assert.deepEqual(broker.violations, [])
    },
  }
}

const untilAcknowledged = (at: Stage, texts: readonly string[]) =>
  until(() => at.acknowledged().length >= texts.length, { what: `${texts}` }).then(() =>
    assert.deepEqual(at.acknowledged(), texts),
  )

test('a record says what MQTT and the subscriptions table say, and is acknowledged when it is settled', async () => {
  await using at = await stage([
    { filter: 'a/+', route: 'r', to: 'x_{topic}', partitions: 4, qos: '1' },
    { filter: 'b' },
  ])
  const before = Date.now()
  at.publish('a/1', 'one')
  await until(() => at.batches.length === 1, { what: 'the record' })
  const [batch] = at.batches
  const [record] = batch!.records
  const { receivedAt, payload, ...rest } = record!
  assert.ok(receivedAt >= before && receivedAt <= Date.now())
  assert.equal(String(payload), 'one')
  assert.deepEqual(rest, {
    topic: 'a/1',
    qos: 1,
    retain: false,
    dup: false,
    packetId: 1,
    filter: 'a/+',
    route: 'r',
    to: 'x_a/1',
    partitions: 4,
  })
  assert.equal(batch!.bytes, 6)
  assert.deepEqual([at.acknowledged(), at.source.received, at.source.status?.unacknowledged], [[], 1, 1])
  batch!.delivery.settle(accepted)
  await untilAcknowledged(at, ['one'])
})

test('routes: one copy of each although filters overlap, by the first row; what matches no route is unrouted', async () => {
  await using at = await stage([
    { filter: 'sensors/+/zone1', to: 'iot_sensors_zone1', partitions: 4 },
    { filter: 'devices/+/telemetry', to: 'iot_device_telemetry', partitions: 2 },
    { filter: 'sensors/temp/#', to: 'iot_temperature' },
    { filter: 'debug/#', to: 'iot_debug', qos: '0' },
    { filter: 'sensors/#' },
  ])
  for (const topic of [
    'sensors/temp/zone1',
    'sensors/temp/zone2',
    'sensors/humidity/zone1',
    'devices/device001/telemetry',
    'debug/app',
    'sensors/pressure/factory1',
    'sensors',
  ])
    at.publish(topic, topic)
  await until(() => at.batches.length === 5 && at.unrouted.length === 2, { what: 'all records' })
  const counts: { [to: string]: number } = {}
  for (const { records } of at.batches) counts[records[0]!.to!] = (counts[records[0]!.to!] ?? 0) + 1
  assert.deepEqual(counts, { iot_sensors_zone1: 2, iot_temperature: 1, iot_device_telemetry: 1, iot_debug: 1 })
  assert.deepEqual(at.unrouted.map(text), ['sensors/pressure/factory1', 'sensors'])
  for (const { delivery } of at.batches) delivery.settle(accepted)
  for (const { delivery } of at.unrouted)
    delivery.settle({ status: 'rejected', error: released.status === 'released' ? released.error : assert.fail() })
  await until(() => at.acknowledged().length === 6, { what: 'the acknowledgement of every QoS 1 message' })
})

test('batches: full ones at once, the rest after the linger, settled as one', async () => {
  await using at = await stage([{ filter: 'b' }], { output: 'batches', batchRecords: 4, lingerMs: '30 ms' })
  for (let n = 0; n < 10; n++) at.publish('b', String(n))
  await until(() => at.batches.length === 3, { what: 'three batches' })
  assert.deepEqual(at.batches.map(text), ['0,1,2,3', '4,5,6,7', '8,9'])
  assert.equal(at.batches[0]!.bytes, 8)
  at.batches[1]!.delivery.settle(accepted)
  await wait(30)
  assert.deepEqual(at.acknowledged(), [])
  at.batches[0]!.delivery.settle(accepted)
  await untilAcknowledged(at, ['0', '1', '2', '3', '4', '5', '6', '7'])
})

test('a batch larger than the window does not wait for records that cannot come', async () => {
  await using at = await stage([{ filter: 'b' }], {
    output: 'batches',
    batchRecords: 500,
    windowRecords: 5,
    lingerMs: '60 s',
  })
  for (let n = 0; n < 10; n++) at.publish('b', String(n))
  await until(() => at.batches.length > 0, { what: 'a batch as large as the window', timeoutMs: 2000 })
  assert.equal(text(at.batches[0]!), '0,1,2,3,4')
  for (const { delivery } of at.batches) delivery.settle(accepted)
})

test('onReceipt: acknowledged as soon as it is handed over', async () => {
  await using at = await stage([{ filter: 'b' }], { acknowledge: 'onReceipt' })
  at.publish('b', '1')
  at.publish('b', '2', 2)
  await untilAcknowledged(at, ['1', '2'])
  assert.deepEqual(at.batches.map(text), ['1', '2'])
})

test('paused it hands over nothing more; what came is released at the close and comes again', async () => {
  for (const output of ['reading', 'batches']) {
    await using at = await stage([{ filter: 'b' }], { output, lingerMs: '60 s' })
    at.publish('b', 'before')
    await until(() => at.source.received === 1, { what: 'the first' })
    at.source.pause()
    at.publish('b', 'paused')
    await until(() => at.source.status?.unacknowledged === 2, { what: 'the second' })
    const handedOver = output === 'reading' ? ['before'] : []
    assert.deepEqual(at.batches.map(text), handedOver)
    for (const { delivery } of at.batches) delivery.settle(accepted)
    await at.source.close()
    await at.source.close()
    assert.deepEqual(at.batches.map(text), handedOver)
    assert.deepEqual(at.acknowledged(), handedOver)
  }
})

test('a source that never opened can be closed', async () => {
  const { config } = parseFields(inFields, { source: 'x', subscriptions: [{ filter: 'a' }] })
  const source = new MqttSource(config as ConfigOf<typeof inFields>, () => assert.fail(), {
    batch: () => assert.fail(),
    refused: () => assert.fail(),
    changed: () => {},
  })
  assert.deepEqual([source.status, source.received], [undefined, 0])
  await source.close()
})
