import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { type ConfigOf, parseFields } from '../../src/config/fields.ts'
import { accepted } from '../../src/core/delivery.ts'
import type { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { inFields } from '../../src/mqtt/config.ts'
import type { ConnectionOptions } from '../../src/mqtt/connection.ts'
import { ConnectionPool, type FilterMemory, type SessionMemory } from '../../src/mqtt/connection-pool.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { create, options } from './harness.ts'

interface Reader extends AsyncDisposable {
  readonly records: Record[]
  readonly refused: { readonly record: Record; readonly error: PipelineError }[]
  readonly texts: readonly string[]
  readonly skipped: number
}

/** A source that settles everything at once. */
async function read(
  filters: readonly string[],
  raw: object,
  connection: ConnectionOptions,
  memory: FilterMemory = new Map<string, SessionMemory>(),
): Promise<Reader> {
  const subscriptions = filters.map((filter) => ({ filter }))
  const { config, problems } = parseFields(inFields, { source: 'x', subscriptions, ...raw })
  assert.deepEqual(problems, [])
  const pool = new ConnectionPool(memory)
  const records: Record[] = []
  const refused: Reader['refused'][number][] = []
  const source = new MqttSource(
    config as ConfigOf<typeof inFields>,
    () => pool.acquire('source', () => create(connection, (_, delivery) => delivery.settle(accepted))),
    {
      batch: (batch) => {
        records.push(...batch.records)
        batch.delivery.settle(accepted)
      },
      refused: (batch, error) => {
        refused.push({ record: batch.records[0]!, error })
        batch.delivery.settle({ status: 'rejected', error })
      },
      changed: () => {},
    },
  )
  await source.open(new AbortController().signal)
  await until(() => source.status?.phase === 'connected', { what: 'the connection' })
  return {
    records,
    refused,
    get texts() {
      return records.map(({ payload }) => String(payload))
    },
    get skipped() {
      return source.skipped
    },
    [Symbol.asyncDispose]: () => source.close(),
  }
}

const logging = () => startMosquitto({ conf: ['log_type all'] })
const publish = async (
  mosquitto: Mosquitto,
  messages: readonly (readonly [string, string | Buffer])[],
  retain = false,
) => {
  const client = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1, retain })
  await client.endAsync()
}
const name = (context: TestContext, version: number) => `${context.name.length}-${process.pid}-${version}`

for (const protocolVersion of [4, 5] as const)
  test(`retained messages with version ${protocolVersion}: take takes them at every start, takeOnce with a new subscription, skip never`, async (context) => {
    await using mosquitto = await logging()
    await publish(mosquitto, [['r/1', 'kept']], true)
    const subscribed = () => mosquitto.log().split('Sending SUBACK').length - 1
    const skipped = new Set<string>()
    const texts = async (retained: string, memory: FilterMemory, more: object) => {
      const connection = options(mosquitto.port, {
        clientId: `${retained}${name(context, protocolVersion)}`,
        protocolVersion,
      })
      await using reader = await read(['r/#'], { retained, ...more }, connection, memory)
      let n = 0
      await until(
        async () => {
          await publish(mosquitto, [['r/live', `live ${n++}`]])
          return reader.texts.some((text) => text.startsWith('live'))
        },
        { what: 'a live one' },
      )
      if (reader.skipped > 0) skipped.add(retained)
      return reader.records.filter(({ topic }) => topic === 'r/1').map(({ payload, retain }) => `${payload} ${retain}`)
    }
    const starts = async (retained: string, more = {}) => {
      const memory = new Map<string, SessionMemory>()
      return [await texts(retained, memory, more), await texts(retained, memory, more)]
    }
    assert.deepEqual(await starts('take'), [['kept true'], ['kept true']])
    const before = subscribed()
    assert.deepEqual(await starts('takeOnce'), [['kept true'], []])
    // With MQTT 5 it is asked again, in a way that brings no retained message once more.
    assert.equal(subscribed() - before, protocolVersion === 5 ? 2 : 1)
    assert.deepEqual(await starts('skip'), [[], []])
    assert.deepEqual(await starts('skip', { retainAsPublished: true }), [[], []])
    assert.deepEqual([...skipped], protocolVersion === 4 ? ['skip'] : [], 'what comes all the same is counted')
    if (protocolVersion === 4) return
    const raw = { retained: 'skip', retainAsPublished: true }
    await using reader = await read(['r/#'], raw, options(mosquitto.port, { protocolVersion }))
    const isRead = async () => {
      await publish(mosquitto, [['r/2', 'to be retained, and live']], true)
      return reader.records.some(({ topic, retain }) => topic === 'r/2' && retain)
    }
    await until(isRead, { what: 'a live one that is to be retained' })
  })

test('takeOnce asks again where the memory is of another session, so that nothing is missed', async () => {
  await using mosquitto = await logging()
  await publish(mosquitto, [['r/1', 'kept']], true)
  const connection = options(mosquitto.port)
  const memory = new Map([['source', { session: 'elsewhere:1883 x', filters: [['r/#', '1']] as const }]])
  await using reader = await read(['r/#'], { retained: 'takeOnce' }, connection, memory)
  await until(() => reader.texts.includes('kept'), { what: 'the retained one' })
})

for (const protocolVersion of [4, 5] as const)
  test(`D7: a packet over the limit reaches nobody whole and breaks no connection, version ${protocolVersion}`, async () => {
    await using mosquitto = await logging()
    const connection = options(mosquitto.port, { protocolVersion, maxPacketSize: 100_000 })
    await using reader = await read(['big/#'], {}, connection)
    await until(() => mosquitto.log().includes('Sending SUBACK'), { what: 'the subscription' })
    await publish(mosquitto, [
      ['big/1', 'before'],
      ['big/2', Buffer.alloc(3_000_000, 'x')],
      ['big/3', 'after'],
      ['big/4', Buffer.alloc(99_900, 'y')],
    ])
    await until(() => reader.records.length === 3, { what: 'the others' })
    assert.deepEqual(reader.texts.slice(0, 2), ['before', 'after'])
    if (protocolVersion === 5) assert.deepEqual(reader.refused, [], 'the broker keeps it back')
    else {
      const [{ record, error }] = reader.refused as [Reader['refused'][number]]
      assert.deepEqual([record.topic, (record.payload as Buffer).length], ['big/2', 65_536])
      assert.deepEqual([error.code, error.reason], ['PACKET_TOO_LARGE', 'too-large'])
      assert.match(error.message, /a packet of 30000\d\d bytes, over "Largest packet"/)
      await until(() => mosquitto.log().split(`Received PUBACK from ${connection.clientId}`).length === 5, {
        what: 'all acknowledgements',
      })
    }
    assert.equal(mosquitto.log().split(` as ${connection.clientId} `).length - 1, 1, 'one connection')
  })

test('# and + at the first level take no topic that begins with $, and $SYS is read where it is asked for', async () => {
  await using mosquitto = await startMosquitto({ conf: ['log_type all', 'sys_interval 1'] })
  await using all = await read(['#', '+/broker/uptime'], {}, options(mosquitto.port))
  await using system = await read(['$SYS/broker/uptime'], {}, options(mosquitto.port))
  await until(() => system.records.length > 1, { what: 'the uptime of the broker' })
  await publish(mosquitto, [['end', 'end']])
  await until(() => all.texts.includes('end'), { what: 'the end' })
  assert.deepEqual(
    all.records.map(({ topic }) => topic),
    ['end'],
  )
})

test('D3: without a target of its own a row takes the template, with the topic or the words of the filter', async () => {
  await using mosquitto = await logging()
  const rows = [
    { filter: 'devices/+/telemetry', to: '/mqtt/{filter}' },
    { filter: 'sensors/#', to: '/mqtt/{filter}' },
    { filter: 'factory/#', to: '/mqtt/{topic}' },
  ]
  const filters = rows.map(({ filter }) => filter)
  await using reader = await read(filters, { subscriptions: rows }, options(mosquitto.port))
  await until(() => mosquitto.log().includes('Sending SUBACK'), { what: 'the subscription' })
  await publish(mosquitto, [
    ['devices/7/telemetry', '1'],
    ['sensors', '2'],
    ['factory/line1/sensors/temp', '3'],
  ])
  await until(() => reader.records.length === 3, { what: 'all' })
  assert.deepEqual(
    reader.records.map(({ to }) => to),
    ['/mqtt/devices/any/telemetry', '/mqtt/sensors/all', '/mqtt/factory/line1/sensors/temp'],
  )
})

test('B2: equal payloads are not taken for one, and every one of 100 different ones arrives', async () => {
  await using mosquitto = await logging()
  for (const protocolVersion of [4, 5] as const) {
    await using reader = await read(['b2'], {}, options(mosquitto.port, { protocolVersion }))
    const different = Array.from({ length: 100 }, (_, n) => `Hello, World!${n}`)
    const sent = ['MQTT', ...Array<string>(50).fill('MQTT is a message queue.'), ...different]
    await until(async () => mosquitto.log().split('Sending SUBACK').length > (protocolVersion === 5 ? 2 : 1), {
      what: 'SUBACK',
    })
    await publish(
      mosquitto,
      sent.map((text) => ['b2', text] as const),
    )
    await until(() => reader.texts.length >= sent.length, { what: 'all of them' })
    assert.deepEqual(reader.texts, sent)
  }
})
