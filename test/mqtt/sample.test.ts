import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import mqtt, { type MqttClient } from 'mqtt'
import type { Step } from '../../src/core/steps.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { sampleTopics } from '../../src/mqtt/sample.ts'
import { type Sampled, type SampleLimits, sampleLimits } from '../../src/mqtt/sample-limits.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { forever, parsed } from '../sinks/kafka-harness.ts'

let broker: Mosquitto
let publisher: MqttClient
before(async () => {
  broker = await startMosquitto()
  publisher = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`)
  await new Promise((resolve) => publisher.once('connect', resolve))
  const readings = [
    ['a', '{"v":1}'],
    ['b', '{"v":2}'],
    ['bytes', Buffer.from([0xff, 0, 1])],
    ['long', 'x'.repeat(500)],
  ] as const
  for (const [name, payload] of readings)
    await publisher.publishAsync(`kept/${name}`, payload as string, { qos: 1, retain: true })
})
after(async () => {
  await publisher?.endAsync()
  await broker?.stop()
})

function sample(filters: readonly string[], limits: Partial<SampleLimits> = {}, raw: object = {}, signal = forever) {
  const config = parsed(sourceFields, { host: '127.0.0.1', port: String(broker.port), ...raw })
  return sampleTopics(config, { directory: '/', filters, limits: { ...sampleLimits, ...limits } }, signal)
}

async function all(samples: AsyncIterable<Sampled | Step>): Promise<(Sampled | Step)[]> {
  const found: (Sampled | Step)[] = []
  for await (const each of samples) found.push(each)
  return found
}

test('text, bytes and what is too long are told apart, and the sample ends with its time', async () => {
  const found = (await all(sample(['kept/#'], { ms: 1500, payloadBytes: 100 }))) as Sampled[]
  const at = (topic: string) => found.find((each) => each.topic === topic)
  assert.equal(found.length, 4)
  assert.deepEqual(at('kept/a'), { topic: 'kept/a', payload: '{"v":1}', bytes: 7, isText: true, isCut: false })
  assert.deepEqual(at('kept/bytes'), { topic: 'kept/bytes', payload: 'ff0001', bytes: 3, isText: false, isCut: false })
  assert.deepEqual([at('kept/long')?.payload.length, at('kept/long')?.bytes, at('kept/long')?.isCut], [100, 500, true])
})

test('it ends with its count, however many come', async () => {
  const stop = new AbortController()
  const flood = (async () => {
    while (!stop.signal.aborted) await publisher.publishAsync('flood/x', '{}', { qos: 1 })
  })()
  const found = await all(sample(['flood/#'], { messages: 7 }))
  stop.abort()
  await flood
  assert.equal(found.length, 7)
})

test('a shared subscription is read beside its group, and a kept session stays as it was', async () => {
  const options = { clientId: 'the-gateway', clean: false } as const
  const group = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, options)
  const got: string[] = []
  group.on('message', (_topic, payload) => got.push(payload.toString()))
  await new Promise((resolve) => group.once('connect', resolve))
  await group.subscribeAsync('$share/gateways/shared/#', { qos: 1 })
  const names = ['1', '2', '3', '4']
  const sampling = all(sample(['$share/gateways/shared/#'], { messages: names.length }, { clientId: 'the-gateway' }))
  await until(
    () => /rowline-\w+ 0 shared\/#/.test(broker.log()) || /New client connected .* as rowline-/.test(broker.log()),
    {
      what: 'the second subscriber',
    },
  )
  let sent = 0
  const sending = setInterval(() => publisher.publish('shared/x', names[sent++ % names.length]!, { qos: 1 }), 50)
  const found = await sampling
  clearInterval(sending)
  assert.equal(found.length, names.length)
  await until(() => got.length === sent, {
    what: 'every message of the group',
    output: () => `${got.length} of ${sent}`,
  })
  assert.equal(group.connected, true)
  await group.endAsync()
})

test('what cannot be sampled says why', async () => {
  const problem = async (samples: AsyncIterable<Sampled | Step>) => ((await all(samples))[0] as Step).problem ?? ''
  assert.match(await problem(sample(['a/#/b'])), /^a\/#\/b: may have # only as its last level/)
  assert.match(await problem(sample(['a'], {}, { host: 'no.such.host.invalid' })), /cannot be reached: .*ENOTFOUND/)
  assert.deepEqual(await all(sample(['nobody/publishes'], { ms: 300 })), [])
})
