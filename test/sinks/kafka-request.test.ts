import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseField } from '../../src/config/fields.ts'
import { Problem } from '../../src/core/problem.ts'
import type { Payload, Record } from '../../src/core/record.ts'
import { clusterFields, parseBrokers, sinkFields } from '../../src/sinks/kafka/config.ts'
import { checkRegistry, registryFields } from '../../src/sinks/kafka/registry-fields.ts'
import { createRequestBuilder } from '../../src/sinks/kafka/request.ts'
import { Collisions } from '../../src/sinks/kafka/topic-name.ts'
import { checkTopic, kafkaTopic } from '../../src/sinks/kafka/topic-rule.ts'
import { reading } from '../contract/sink-harness.ts'
import { parsed } from './kafka-harness.ts'

const build = (options: { readonly [name: string]: unknown }, record: Partial<Record>) =>
  createRequestBuilder({ ...parsed(sinkFields, { cluster: 'c' }), ...options })(reading(1, record))

const bytesOf = (options: { readonly [name: string]: unknown }, payload: Payload) => {
  const { value } = build(options, { payload }).request
  return value && Buffer.from(value)
}

const topicOf = (options: { readonly [name: string]: unknown }, record: Partial<Record>) =>
  build(options, record).request.topic

describe('a record that an outbox holds since nobody checked what a flow put on it', () => {
  it('is rejected where its time is none that Kafka can store', () => {
    for (const receivedAt of [1795276491.5, Number.NaN, 1e20, -1, null as unknown as number]) {
      assert.throws(() => build({}, { receivedAt }), { code: 'RECORD_INVALID', message: /time of receipt/ })
    }
    assert.equal(build({}, { receivedAt: 0 }).request.timestamp, 0)
  })

  it('says nothing of the partitions of a new topic where it names no number of them', () => {
    for (const partitions of [0.5, 0, -1, Number.NaN, 5e9])
      assert.equal(build({}, { partitions }).request.partitions, undefined)
    assert.equal(build({}, { partitions: 3 }).request.partitions, 3)
  })
})

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
    for (const name of ['a'.repeat(250), '.', '..', '']) assert.equal(kafkaTopic(name, '_'), undefined, name)
    for (const topic of ['a'.repeat(250), '.', '..', '/', '//']) {
      assert.throws(() => topicOf({ topicSeparator: '.' }, { topic }), {
        code: 'INVALID_KAFKA_TOPIC',
        reason: 'invalid-kafka-topic',
        message: /^".*" cannot be a Kafka topic: a name has 1 to 249 characters/,
      })
    }
  })

  it('is cut and gets a hash of the whole name where onInvalidTopic says so, and only where it must', () => {
    const of = (topic: string) => topicOf({ onInvalidTopic: 'hash' }, { topic })
    const [one, other] = [of(`a/${'b'.repeat(300)}1`), of(`a/${'b'.repeat(300)}2`)]
    assert.match(one, /^a_b{230}-[0-9a-f]{16}$/)
    assert.equal(one.length, 249)
    assert.notEqual(one, other)
    assert.equal(of(`a/${'b'.repeat(300)}1`), one)
    assert.match(of('..'), /^\.\.-[0-9a-f]{16}$/)
    assert.notEqual(of('.'), of('..'))
    assert.notEqual(
      of(`a/${'b'.repeat(300)}`),
      of(`a ${'b'.repeat(300)}`),
      'names that differ only in what is replaced',
    )
    assert.match(of(`a/${'x'.repeat(2000)}`), /-[0-9a-f]{16}$/)
    assert.equal(of('a'.repeat(249)), 'a'.repeat(249))
    assert.throws(() => topicOf({ onInvalidTopic: 'hash' }, { topic: '' }), { code: 'NO_TOPIC' })
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

  it('takes what the source says of itself', () => {
    assert.equal(topicOf({ topic: '{tag}/{node}' }, { tag: 'north', node: 'Readings 1' }), 'north_Readings_1')
    assert.throws(() => topicOf({ topic: '{tag}' }, {}), { code: 'NO_TOPIC' })
  })

  it('takes no placeholder it does not know', () => {
    assert.match(
      JSON.stringify(parseField(sinkFields.topic, '{topic}/{plant}')),
      /knows \{topic\}, .*\{tag\} and \{topic\.name\}, not \{plant\}/,
    )
    assert.equal(parseField(sinkFields.topic, '{topic}/{to}'), '{topic}/{to}')
    for (const wrong of ['{topic.}', '{topic.a.b}', '{topic.1}', '{site_code}', '{capture.x}'])
      assert.ok(parseField(sinkFields.topic, wrong) instanceof Problem, wrong)
  })

  it('takes what a topic pattern has found', () => {
    const captures = { site_code: 'SAF', constructor: 'x' }
    assert.equal(topicOf({ topic: 'kpi/{topic.site_code}' }, { captures }), 'kpi_SAF')
    assert.equal(topicOf({ topic: '{topic.constructor}' }, { captures }), 'x')
    for (const found of [{}, { captures: {} }, { captures: { other: 'x' } }]) {
      assert.throws(() => topicOf({ topic: 'kpi/{topic.site_code}' }, found), { code: 'NO_TOPIC' })
      assert.throws(() => topicOf({ topic: '{topic.toString}' }, found), { code: 'NO_TOPIC' })
    }
  })
})

describe('two names that become one Kafka topic', () => {
  const collisions = () => {
    const reported: string[] = []
    const known = new Collisions((first, second, topic) => reported.push(`${first} ${second} ${topic}`))
    const options = parsed(sinkFields, { cluster: 'c' })
    const prepare = createRequestBuilder(options, (name, topic) => known.note(name, topic))
    const write = (...records: Partial<Record>[]) => records.forEach((record) => void prepare(reading(1, record)))
    return { known, reported, write }
  }

  it('are reported once per pair, whichever comes first and however often', () => {
    const { known, reported, write } = collisions()
    for (let repeat = 0; repeat < 3; repeat++)
      write({ topic: 'a/b' }, { topic: 'a b' }, { topic: 'a_b' }, { topic: 'c' })
    assert.deepEqual(reported, ['a/b a b a_b', 'a/b a_b a_b'])
    assert.equal(known.count, 2)
  })

  it('are still reported once after more topics than the memory holds', () => {
    const { known, reported, write } = collisions()
    for (let repeat = 0; repeat < 2; repeat++) {
      write(repeat ? { topic: 'x y' } : { topic: 'x/y' }, repeat ? { topic: 'x/y' } : { topic: 'x y' })
      for (let n = 0; n < 11_000; n++) write({ topic: `t${n}` })
    }
    assert.deepEqual(reported, ['x/y x y x_y'])
    assert.equal(known.count, 1)
  })

  it('are none where they are the same target, meant so', () => {
    const { reported, write } = collisions()
    write({ topic: 'a', to: 'iot/x' }, { topic: 'b', to: '/iot/x' }, { topic: 'iot/x' })
    assert.deepEqual(reported, [])
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

  it('has the headers of the form besides, where the record has a value for them', () => {
    const headers = [
      { name: 'source.node', value: '{node}' },
      { name: 'tag', value: 'plant-{tag}' },
      { name: 'source', value: 'gateway' },
    ]
    const of = (includeMetadata: boolean, record: Partial<Record>) =>
      build({ headers, includeMetadata }, { topic: 'a', ...record }).request.headers
    assert.deepEqual(of(false, { node: 'Readings', tag: 'north' }), {
      'source.node': 'Readings',
      tag: 'plant-north',
      source: 'gateway',
    })
    assert.deepEqual(of(false, { node: 'Readings' }), { 'source.node': 'Readings', source: 'gateway' })
    const both = { 'mqtt.topic': 'a', 'mqtt.qos': '1', 'mqtt.retain': 'false', 'mqtt.dup': 'false', source: 'gateway' }
    assert.deepEqual(of(true, {}), both)
    assert.deepEqual(of(true, { qos: 2 })['mqtt.qos'], '2')
  })

  it('shares the headers of the form between records that say the same', () => {
    const prepare = createRequestBuilder(parsed(sinkFields, { cluster: 'c', headers: [{ name: 't', value: '{tag}' }] }))
    const of = (tag: string) => prepare(reading(1, { tag })).request.headers
    assert.equal(of('a'), of('a'))
    assert.deepEqual([of('a').t, of('b').t], ['a', 'b'])
  })

  it('refuses headers that Rowline gives itself, and templates it does not know', () => {
    for (const row of [
      { name: 'rowline.id', value: 'x' },
      { name: 'x', value: '{plant}' },
      { name: '', value: 'x' },
    ])
      assert.ok(parseField(sinkFields.headers, [row]) instanceof Problem, JSON.stringify(row))
  })

  it('is a tombstone for null and for nothing, where asked for', () => {
    for (const payload of [null, new Uint8Array()]) {
      assert.equal(bytesOf({ tombstones: true }, payload), undefined)
      assert.equal(String(bytesOf({}, payload)), payload === null ? 'null' : '')
    }
    for (const payload of [0, '', false, {}, []]) assert.ok(bytesOf({ tombstones: true }, payload), String(payload))
  })

  it('has the key of its template, and none when that is empty or the record lacks it', () => {
    assert.equal(build({ keyTemplate: '{route}/x' }, { route: 'r' }).request.key?.toString(), 'r/x')
    assert.equal(build(parsed(sinkFields, { cluster: 'c', keyTemplate: '' }), {}).request.key, undefined)
    assert.equal(build({ keyTemplate: '{route}' }, {}).request.key, undefined)
  })

  it('carries bytes as they came and rows as JSON with exact integers', () => {
    const bytes = Buffer.from('00ff80410a', 'hex')
    assert.deepEqual(bytesOf({}, bytes), bytes)
    const row = { ts: 9223372036854775807n, missing: null, text: 'ä' }
    assert.equal(String(bytesOf({}, row)), '{"ts":9223372036854775807,"missing":null,"text":"ä"}')
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

describe('the schema registry of a kafka-sink', () => {
  it('has an address without credentials, and a version that can be meant', () => {
    const isRefused = (name: 'schemaRegistryUrl' | 'schemaVersion', value: string) =>
      parseField(sinkFields[name], value) instanceof Problem
    for (const url of ['http://registry:8081', 'https://10.0.0.1/registry'])
      assert.equal(isRefused('schemaRegistryUrl', url), false, url)
    for (const url of ['registry:8081', 'ftp://registry', 'https://bob:secret@registry', 'https://'])
      assert.equal(isRefused('schemaRegistryUrl', url), true, url)
    for (const version of ['latest', '1', '12', '>=3'])
      assert.equal(isRefused('schemaVersion', version), false, version)
    for (const version of ['0', '-1', '>3', 'first', '1.5', '>=0'])
      assert.equal(isRefused('schemaVersion', version), true, version)
  })

  it('asks for what its options need, and for nothing where it is not used', () => {
    const problems = (options: { readonly [name: string]: unknown }) =>
      checkRegistry(parsed(registryFields, { valueFormat: 'json-schema', ...options })).map(({ field }) => field)
    const schemaRegistryUrl = 'http://registry:8081'
    assert.deepEqual(problems({}), ['schemaRegistryUrl', 'schema'])
    assert.deepEqual(problems({ valueFormat: 'plain' }), [])
    assert.deepEqual(problems({ schemaRegistryUrl, autoRegister: false }), [])
    assert.deepEqual(problems({ schemaRegistryUrl, schema: 's', subjectStrategy: 'record' }), ['subject'])
    assert.deepEqual(problems({ schemaRegistryUrl, schema: 's', subjectStrategy: 'topic-record', subject: 'r' }), [])
  })
})

describe('the Topic of the form', () => {
  const said = (topic: string, onInvalidTopic: 'reject' | 'hash' = 'reject', topicSeparator: '_' | '.' = '_') =>
    checkTopic({ topic, onInvalidTopic, topicSeparator }).map(({ field, problem }) => `${field} ${problem.text}`)

  it('is refused where no reading can be written to it', () => {
    for (const topic of ['.', '..', '/..', '/', 'a'.repeat(250), `{topic}${'a'.repeat(249)}`])
      assert.deepEqual(
        said(topic),
        ['topic cannot be a Kafka topic: a name has 1 to 249 characters and is not "." or ".."'],
        topic,
      )
    for (const topic of ['', 'plant line', '...', 'a'.repeat(249), '{topic}', `{topic}${'a'.repeat(248)}`, 'a//b'])
      assert.deepEqual(said(topic), [], topic)
    assert.deepEqual(said('//'), [])
    assert.equal(said('//', 'reject', '.').length, 1, 'it would be "."')
    assert.deepEqual(said('..', 'hash'), [], 'a hash makes a name of it')
  })

  it('has no brace alone; a key and a header may be JSON', () => {
    const { topic, keyTemplate, headers } = sinkFields
    const brace = (template: string) => {
      const said = topic.parse(template)
      return said instanceof Problem ? said.text : undefined
    }
    assert.equal(brace('plant line{'), 'has a brace { without its counterpart')
    assert.equal(brace('{topic}}'), 'has a brace } without its counterpart')
    assert.equal(brace('plant/{topic}'), undefined)
    for (const field of [keyTemplate, headers.columns!.value!])
      assert.equal(field.parse('{"t":"{topic}"}'), '{"t":"{topic}"}')
  })
})
