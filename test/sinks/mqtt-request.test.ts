import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseField } from '../../src/config/fields.ts'
import type { Record } from '../../src/core/record.ts'
import { sinkFields } from '../../src/sinks/mqtt/config.ts'
import { createRequestBuilder } from '../../src/sinks/mqtt/request.ts'
import { reading } from '../contract/sink-harness.ts'
import { parsed } from './mqtt-harness.ts'

const build = (options: object, record: Partial<Record> = {}) =>
  createRequestBuilder(parsed(sinkFields, { source: 'b', ...options }))(reading(1, record))
const topicOf = (options: object, record: Partial<Record> = {}) => build(options, record).request.topic
const textOf = (options: object, record: Partial<Record> = {}) =>
  Buffer.from(build(options, record).request.payload).toString()

test('D13: the header mqtt.topic is the topic, without it the configured one, with neither there is none', () => {
  assert.equal(topicOf({ topic: 'fixed' }, { headerTopic: 'from/kafka' }), 'from/kafka')
  assert.equal(topicOf({}, { headerTopic: 'from/kafka' }), 'from/kafka')
  assert.equal(topicOf({ topic: 'fixed' }), 'fixed')
  for (const headerTopic of [undefined, ''])
    assert.throws(() => topicOf({}, headerTopic === undefined ? {} : { headerTopic }), {
      code: 'NO_MQTT_TOPIC',
      disposition: 'reject',
      reason: 'no-topic',
    })
})

test('a topic takes the placeholders of the other sinks, and one without its value is none', () => {
  const record = { topic: 'a/b', filter: 'a/+', route: 'r', to: 't', node: 'n', tag: 'g' }
  assert.equal(topicOf({ topic: 'x/{topic}/{filter}/{route}/{to}/{node}/{tag}' }, record), 'x/a/b/a/any/r/t/n/g')
  assert.throws(() => topicOf({ topic: 'x/{to}' }), { code: 'NO_MQTT_TOPIC' })
})

test('a topic that no broker takes is the fault of the record', () => {
  const long = 'x'.repeat(65_536)
  for (const headerTopic of ['a/+/b', '#', 'a\0b', 'a\ud800', long])
    assert.throws(() => topicOf({}, { headerTopic }), {
      code: 'INVALID_MQTT_TOPIC',
      disposition: 'reject',
      reason: 'invalid-topic',
    })
  assert.equal(topicOf({}, { headerTopic: long.slice(1) }).length, 65_535)
})

test('a configured topic that no broker takes is found at deploy', () => {
  const problemOf = (topic: string) => (parseField(sinkFields.topic, topic) as { readonly text?: string }).text
  assert.match(problemOf('a/#')!, /must not contain \+ or #/)
  assert.match(problemOf('a/{what}')!, /knows \{topic\}.*not \{what\}/)
  assert.equal(problemOf('a/{topic}'), undefined)
})

test('the payload goes as it is, or into the text of the form', () => {
  assert.equal(textOf({ topic: 't' }, { payload: { a: 12345678901234567890n } }), '{"a":12345678901234567890}')
  assert.equal(textOf({ topic: 't' }, { payload: 'text' }), 'text')
  const bytes = Buffer.from([0, 255, 128])
  assert.deepEqual(build({ topic: 't' }, { payload: bytes }).request.payload, bytes)
  const template = '{"from":"{topic}","value":{payload},"again":{payload},"route":"{route}","tag":"{tag}"}'
  assert.equal(
    textOf({ topic: 't', payload: template }, { payload: { n: 5 }, route: 'r' }),
    '{"from":"plant/line1","value":{"n":5},"again":{"n":5},"route":"r","tag":""}',
  )
  assert.equal(
    textOf({ topic: 't', payload: 'I am flink mqtt callback message.' }),
    'I am flink mqtt callback message.',
  )
  const problem = parseField(sinkFields.payload, '{what}') as { readonly text: string }
  assert.match(problem.text, /not \{what\}/)
})

test('QoS and retain are those of the form, or as they came in', () => {
  const came = { qos: 2, retain: true } as const
  const of = (options: object, record: Partial<Record>) => {
    const { qos, retain } = build({ topic: 't', ...options }, record).request
    return [qos, retain]
  }
  assert.deepEqual(of({}, came), [1, false])
  assert.deepEqual(of({ qos: '0', retain: 'always' }, { ...came, retain: false }), [0, true])
  assert.deepEqual(of({ qos: 'message', retain: 'message' }, came), [2, true])
  assert.deepEqual(of({ qos: 'message', retain: 'message' }, { qos: 0, retain: false }), [0, false])
})

test('a message over the largest packet is rejected', () => {
  const options = { topic: 't', maxPacketSize: 1024 }
  assert.equal(build(options, { payload: Buffer.alloc(1014) }).bytes, 1024)
  assert.throws(() => build(options, { payload: Buffer.alloc(1015) }), {
    code: 'RECORD_TOO_LARGE',
    disposition: 'reject',
    reason: 'too-large',
  })
})
