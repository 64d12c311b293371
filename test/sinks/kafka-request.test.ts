import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseField } from '../../src/config/fields.ts'
import type { Record } from '../../src/core/record.ts'
import { clusterFields, parseBrokers, sinkFields } from '../../src/sinks/kafka/config.ts'
import { createRequestBuilder, kafkaTopic } from '../../src/sinks/kafka/request.ts'
import { reading } from '../contract/sink-harness.ts'
import { parsed } from './kafka-harness.ts'

const build = (options: { readonly [name: string]: unknown }, record: Partial<Record>) =>
  createRequestBuilder({ ...parsed(sinkFields, { cluster: 'c' }), ...options })(reading(1, record))

const topicOf = (options: { readonly [name: string]: unknown }, record: Partial<Record>) =>
  build(options, record).request.topic

describe('the Kafka topic of an MQTT topic', () => {
  const table: readonly (readonly [string, string, string])[] = [
    ['a/b/c', 'a_b_c', 'a.b.c'],
    ['abc', 'abc', 'abc'],
    ['spBv1.0/uns_group/NBIRTH/eon1', 'spBv1.0_uns_group_NBIRTH_eon1', 'spBv1.0.uns_group.NBIRTH.eon1'],
    ['/a/b', '_a_b', '.a.b'],
    ['a//b', 'a__b', 'a..b'],
    ['plant 1/Öl', 'plant_1__l', 'plant_1._l'],
    ['a/🏭/b', 'a___b', 'a._.b'],
    ['x:y+z#', 'x_y_z_', 'x_y_z_'],
    ['A-1.b_2', 'A-1.b_2', 'A-1.b_2'],
  ]
  for (const [mqtt, underscore, dot] of table) {
    it(`${mqtt} is ${underscore}, with dots ${dot}`, () => {
      assert.equal(topicOf({}, { topic: mqtt }), underscore)
      assert.equal(topicOf({ topicSeparator: '.' }, { topic: mqtt }), dot)
    })
  }

  it('may have 249 characters and no more', () => {
    assert.equal(kafkaTopic('ä'.repeat(249), '_'), '_'.repeat(249))
    for (const name of ['a'.repeat(250), '.', '..', '']) {
      assert.throws(() => kafkaTopic(name, '_'), { code: 'INVALID_KAFKA_TOPIC', reason: 'invalid-kafka-topic' })
    }
    assert.throws(() => kafkaTopic('/', '.'), { code: 'INVALID_KAFKA_TOPIC' })
    assert.throws(() => kafkaTopic('//', '.'), { code: 'INVALID_KAFKA_TOPIC' })
  })

  it('comes from the template, else from "to", else from MQTT', () => {
    const record = { topic: 'a/b', to: 'iot/target', route: 'r1', filter: 'a/+' }
    assert.equal(topicOf({}, { topic: 'a/b' }), 'a_b')
    assert.equal(topicOf({}, record), 'iot_target')
    assert.equal(topicOf({ topic: 'fixed' }, record), 'fixed')
    assert.equal(topicOf({ topic: '{route}-{to}-{topic}' }, record), 'r1-iot_target-a_b')
  })

  it('drops the leading slash of a template or of "to"', () => {
    assert.equal(topicOf({ topic: '/mqtt/{topic}' }, { topic: 'factory/line1/temp' }), 'mqtt_factory_line1_temp')
    assert.equal(topicOf({}, { topic: 'a', to: '/mqtt/sensors/temp' }), 'mqtt_sensors_temp')
    assert.equal(topicOf({ topic: '{topic}' }, { topic: '/a/b' }), '_a_b')
  })

  it('spells the wildcards of a filter', () => {
    const of = (filter: string) => topicOf({ topic: '/mqtt/{filter}' }, { filter })
    assert.equal(of('devices/+/telemetry'), 'mqtt_devices_any_telemetry')
    assert.equal(of('sensors/#'), 'mqtt_sensors_all')
  })

  it('is missing when the record lacks what the template needs', () => {
    for (const topic of ['{to}', 'x-{route}', '{filter}']) {
      assert.throws(() => topicOf({ topic }, {}), { code: 'NO_TOPIC', reason: 'no-topic' })
    }
    assert.throws(() => topicOf({}, { topic: '' }), { code: 'NO_TOPIC' })
  })

  it('takes no placeholder it does not know', () => {
    assert.match(JSON.stringify(parseField(sinkFields.topic, '{topic}/{plant}')), /not \{plant\}/)
    assert.equal(parseField(sinkFields.topic, '{topic}/{to}'), '{topic}/{to}')
  })
})

describe('a Kafka record', () => {
  it('has the five headers of its MQTT message as text, and the topic as key', () => {
    const { request } = build({}, { topic: 'sensors/factory1/temperature', retain: true, dup: true, qos: 2 })
    assert.deepEqual(request.headers, {
      'mqtt.topic': 'sensors/factory1/temperature',
      'mqtt.qos': '2',
      'mqtt.retain': 'true',
      'mqtt.dup': 'true',
      source: 'mqtt',
    })
    assert.equal(request.key?.toString(), 'sensors/factory1/temperature')
  })

  it('has no headers but still a key without metadata', () => {
    const { request } = build({ includeMetadata: false }, { topic: 'a' })
    assert.deepEqual(request.headers, {})
    assert.equal(request.key?.toString(), 'a')
  })

  it('has the key of its template, and none when that is empty or the record lacks it', () => {
    assert.equal(build({ keyTemplate: '{route}/x' }, { route: 'r' }).request.key?.toString(), 'r/x')
    assert.equal(build(parsed(sinkFields, { cluster: 'c', keyTemplate: '' }), {}).request.key, undefined)
    assert.equal(build({ keyTemplate: '{route}' }, {}).request.key, undefined)
  })

  it('carries bytes as they came and rows as JSON with exact integers', () => {
    const bytes = Buffer.from('00ff80410a', 'hex')
    assert.deepEqual(Buffer.from(build({}, { payload: bytes }).request.value), bytes)
    const row = { ts: 9223372036854775807n, missing: null, text: 'ä' }
    const { value } = build({}, { payload: row }).request
    assert.equal(Buffer.from(value).toString(), '{"ts":9223372036854775807,"missing":null,"text":"ä"}')
  })

  it('has the time it was received and the partitions asked for', () => {
    const { request } = build({}, { receivedAt: 1729312551000, partitions: 4 })
    assert.equal(request.timestamp, 1729312551000)
    assert.equal(request.partitions, 4)
  })

  it('is refused when key, value and headers together are over the limit', () => {
    const limit = { maxMessageBytes: 1024 }
    const { bytes } = build(limit, { payload: Buffer.alloc(700) })
    assert.ok(bytes > 700 && bytes <= 1024)
    for (const record of [{ payload: Buffer.alloc(1000) }, { topic: 'x'.repeat(200), payload: Buffer.alloc(600) }]) {
      assert.throws(() => build(limit, record), { code: 'RECORD_TOO_LARGE', reason: 'too-large' })
    }
  })
})

describe('the brokers of a cluster', () => {
  it('are host names and addresses with or without a port', () => {
    assert.deepEqual(parseBrokers('kafka1, 10.0.0.1:9093,[::1]:9094'), [
      { host: 'kafka1', port: 9092 },
      { host: '10.0.0.1', port: 9093 },
      { host: '::1', port: 9094 },
    ])
  })

  it('are refused when one of them is no address', () => {
    for (const list of ['kafka:0', 'kafka:70000', 'a,,b', 'a:b', 'http://kafka:9092']) {
      assert.match(JSON.stringify(parseField(clusterFields.brokers, list)), /must be addresses/, list)
    }
  })
})
