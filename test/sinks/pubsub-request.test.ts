import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { parseFields } from '../../src/config/fields.ts'
import type { PipelineError } from '../../src/core/errors.ts'
import { NumberText } from '../../src/core/number-text.ts'
import type { Record } from '../../src/core/record.ts'
import { checkSink, sinkFields } from '../../src/sinks/pubsub/config.ts'
import { cut } from '../../src/sinks/pubsub/cut.ts'
import { createRequestBuilder } from '../../src/sinks/pubsub/request.ts'
import { range, reading } from '../contract/sink-harness.ts'
import { parsed } from './kafka-harness.ts'
import { readMessage } from './pubsub-messages.ts'

type Raw = { readonly [option: string]: unknown }
const options = (raw: Raw) => parsed(sinkFields, { cloud: 'c', topic: 'readings', ...raw })
const build = (raw: Raw, record: Partial<Record> = {}) =>
  createRequestBuilder(options(raw), 'plant-data')(reading(1, record))
const messageOf = (raw: Raw, record: Partial<Record> = {}) => readMessage(build(raw, record).request.message)
const problems = (raw: Raw) => parseFields(sinkFields, { cloud: 'c', topic: 'readings', ...raw }).problems
const refusal = (raw: Raw, record: Partial<Record>) => {
  try {
    build(raw, record)
  } catch (error) {
    const { code, disposition, reason } = error as PipelineError
    return { code, disposition, reason }
  }
  return undefined
}

const metadata = {
  'mqtt.topic': 'plant/line1',
  'mqtt.qos': '1',
  'mqtt.retain': 'false',
  'mqtt.dup': 'false',
  source: 'mqtt',
}

describe('the message of a reading', () => {
  it('D4: has five attributes, and with an outbox its id; none of them without metadata', () => {
    assert.deepEqual(messageOf({}).attributes, metadata)
    assert.deepEqual(messageOf({}, { id: 'f00-7' }).attributes, { ...metadata, 'rowline.id': 'f00-7' })
    assert.deepEqual(messageOf({ includeMetadata: false }, { id: 'f00-7' }).attributes, {})
    const other = messageOf({}, { qos: 2, retain: true, dup: true }).attributes
    assert.deepEqual(other, { ...metadata, 'mqtt.qos': '2', 'mqtt.retain': 'true', 'mqtt.dup': 'true' })
  })

  it('has what an MQTT 5 publisher said, cut to what Pub/Sub allows, and never in the place of what Rowline or Google says', () => {
    const long = 'ü'.repeat(600)
    const properties = {
      contentType: 'text/plain',
      responseTopic: 'answers/1',
      correlationData: Buffer.from([0, 255]),
      userProperties: [
        ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
        ['site', 'north'],
        ['site', 'south'],
        ['mqtt.topic', 'forged'],
        ['rowline.id', 'forged'],
        ['googclient', 'forged'],
        ['', 'nameless'],
        ['long', long],
        [long, 'value'],
      ],
    } as const
    const attributes = [{ name: 'unit', value: 'bar' }]
    const shown = messageOf({ attributes }, { id: 'f00-7', properties }).attributes
    assert.deepEqual(shown, {
      'mqtt.content-type': 'text/plain',
      'mqtt.response-topic': 'answers/1',
      'mqtt.correlation-data': 'AP8=',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      site: 'north, south',
      'mqtt.user.mqtt.topic': 'forged',
      'mqtt.user.rowline.id': 'forged',
      'mqtt.user.googclient': 'forged',
      'mqtt.user.': 'nameless',
      long: cut(long, 1024),
      [cut(long, 256)]: 'value',
      ...metadata,
      unit: 'bar',
      'rowline.id': 'f00-7',
    })
    assert.deepEqual(messageOf({ includeMetadata: false, attributes }, { properties }).attributes, { unit: 'bar' })
    const some = (count: number) => ({ userProperties: range(0, count).map((n) => [`p${n}`, 'x'] as const) })
    assert.equal(Object.keys(messageOf({ attributes }, { id: 'f00-7', properties: some(93) }).attributes).length, 100)
    assert.equal(refusal({ attributes }, { id: 'f00-7', properties: some(94) })?.code, 'RECORD_INVALID')
  })

  it('has the bytes as they are, rows as JSON with every digit, or the bytes as they came', () => {
    const bytes = Buffer.from([0, 255, 128, 65, 10])
    assert.deepEqual(messageOf({}, { payload: bytes }).data, bytes)
    const row = { n: 2n ** 63n, d: new NumberText('1.10'), s: 'ä' }
    assert.equal(String(messageOf({}, { payload: row }).data), '{"n":9223372036854775808,"d":1.10,"s":"ä"}')
    assert.deepEqual(messageOf({ data: 'original' }, { payload: row, original: bytes }).data, bytes)
    assert.equal(String(messageOf({ data: 'original' }, { payload: { n: 1 } }).data), '{"n":1}')
  })

  it('is an object of columns, which keep their types, and of text', () => {
    const mapping = [
      { name: 'site_code', value: '{payload.site_code}' },
      { name: 'kpi', value: '{payload.meta.pi_tag}' },
      { name: 'value', value: '{payload.value}' },
      { name: 'big', value: '{payload.big}' },
      { name: 'from', value: 'mqtt:{topic}/{payload.value}' },
      { name: 'inner', value: '{payload.meta}' },
      { name: 'missing', value: '{payload.meta.nothing.at.all}' },
      { name: 'nobody', value: '{tag}' },
    ]
    const payload = { site_code: 'SAF', meta: { pi_tag: 'SX' }, value: 412.75, big: 2n ** 60n }
    assert.equal(
      String(messageOf({ data: 'mapped', mapping }, { payload }).data),
      '{"site_code":"SAF","kpi":"SX","value":412.75,"big":1152921504606846976,"from":"mqtt:plant/line1/412.75",' +
        '"inner":{"pi_tag":"SX"},"missing":null,"nobody":null}',
    )
  })

  it('finds nothing that the payload only inherits, and no column in bytes or text', () => {
    const mapping = ['constructor', '__proto__', 'length', 'text'].map((name) => ({ name, value: `{payload.${name}}` }))
    const nulls = '{"constructor":null,"__proto__":null,"length":null,"text":null}'
    for (const payload of [{}, Buffer.from('x'), 'text', [1], new NumberText('1')])
      assert.equal(String(messageOf({ data: 'mapped', mapping }, { payload }).data), nulls)
  })

  it('has more attributes, and leaves out those that are not known; a later one takes the place of an earlier', () => {
    const attributes = [
      { name: 'site', value: '{payload.site_code}' },
      { name: 'unit', value: '{payload.unit}' },
      { name: '{tag}', value: 'tagged' },
      { name: 'source', value: 'opc {route}' },
    ]
    const raw = { attributes, includeMetadata: true }
    const record = { payload: { site_code: 5 }, route: 'r' }
    assert.deepEqual(messageOf(raw, record).attributes, { ...metadata, site: '5', source: 'opc r' })
    assert.equal(messageOf(raw, { ...record, tag: 'north' }).attributes.north, 'tagged')
  })

  it('F1: cuts what is longer than Pub/Sub allows, and two long ones stay distinct', () => {
    const long = (end: string) => `${'ä/'.repeat(600)}${end}`
    const raw = { orderingKey: '{topic}', attributes: [{ name: 'n{topic}', value: '{topic}' }] }
    const [one, two] = ['a', 'b'].map((end) => messageOf(raw, { topic: long(end) }))
    for (const text of [one!.orderingKey, one!.attributes['mqtt.topic']!]) {
      assert.ok(Buffer.byteLength(text) <= 1024 && Buffer.byteLength(text) > 1020, `${Buffer.byteLength(text)}`)
      assert.equal(text.slice(-9), `…${createHash('sha256').update(long('a')).digest('hex').slice(0, 8)}`)
      assert.ok(long('a').startsWith(text.slice(0, -9)))
    }
    const name = Object.keys(one!.attributes).find((key) => key.startsWith('nä'))!
    assert.ok(Buffer.byteLength(name) <= 256 && Buffer.byteLength(name) > 250)
    assert.notEqual(one!.orderingKey, two!.orderingKey)
    const exact = 'x'.repeat(1024)
    assert.equal(messageOf(raw, { topic: exact }).orderingKey, exact)
    assert.equal(cut('é'.repeat(512), 1024), 'é'.repeat(512))
    assert.equal(Buffer.byteLength(cut(`${'x'.repeat(1012)}éé${'x'.repeat(20)}`, 1024)), 1023)
  })

  it('has no ordering key, and belongs to no lane, where the key is empty or not known', () => {
    for (const [orderingKey, key] of [
      ['', ''],
      ['{tag}', ''],
      ['{payload.n}', '1'],
      ['{topic}', 'plant/line1'],
    ]) {
      const { request, lane } = build({ orderingKey })
      assert.deepEqual([request.key, readMessage(request.message).orderingKey], [key, key])
      assert.equal(lane, key === '' ? undefined : `projects/plant-data/topics/readings ${key}`)
    }
  })
})

describe('what cannot be published', () => {
  it('an attribute whose name begins with goog is red at deploy, and goes to output 2 where a reading gives the name', () => {
    for (const name of ['goog', 'google.id', 'goog{tag}'])
      assert.match(
        problems({ attributes: [{ name, value: 'x' }] })[0]!.problem.text,
        /row 1: Attribute must not begin with "goog"/,
      )
    const refused = { code: 'RECORD_INVALID', disposition: 'reject', reason: 'invalid' }
    assert.deepEqual(refusal({ attributes: [{ name: '{tag}', value: 'x' }] }, { tag: 'google' }), refused)
    assert.equal(refusal({ attributes: [{ name: '{tag}', value: 'x' }] }, { tag: 'Goog' }), undefined)
  })

  it('a message without data and attributes', () => {
    const nothing = { includeMetadata: false }
    assert.equal(refusal(nothing, { payload: Buffer.alloc(0) })?.code, 'RECORD_INVALID')
    assert.equal(refusal({}, { payload: Buffer.alloc(0) }), undefined)
  })

  it('a message over 10 MB, attributes included', () => {
    assert.equal(refusal({}, { payload: Buffer.alloc(10_000_000) })?.code, 'RECORD_TOO_LARGE')
    assert.equal(refusal({}, { payload: Buffer.alloc(9_990_000) }), undefined)
  })
})

describe('the topic', () => {
  const topicOf = (topic: string, record: Partial<Record> = {}) => build({ topic }, record).request.topic

  it('is a short name in our project, or a whole name in another', () => {
    assert.equal(topicOf('readings'), 'projects/plant-data/topics/readings')
    assert.equal(topicOf('projects/other-one/topics/readings'), 'projects/other-one/topics/readings')
  })

  it('is made of placeholders, and what Pub/Sub does not allow becomes an underscore', () => {
    assert.equal(topicOf('{topic}', { topic: 'a/b ä/c' }), 'projects/plant-data/topics/a_b___c')
    assert.equal(topicOf('projects/other-one/topics/x-{route}', { route: 'r' }), 'projects/other-one/topics/x-r')
    assert.equal(topicOf('s-{payload.n}'), 'projects/plant-data/topics/s-1')
  })

  it('sends a reading to output 2 that names none, or an impossible one', () => {
    assert.equal(refusal({ topic: '{to}' }, {})?.code, 'NO_TOPIC')
    for (const to of ['ab', '1abc', 'google-x', 'x'.repeat(256)])
      assert.equal(refusal({ topic: '{to}' }, { to })?.reason, 'invalid-pubsub-topic', to)
  })

  it('is red at deploy where it is no name', () => {
    const ofProjects = ['projects/{payload.p}/topics/x', 'projects/a/{topic}', 'projects/{topic}']
    for (const topic of [
      '',
      'ab',
      'a b c',
      'googles',
      'projects/x',
      'projects/p/topics/',
      '{nothing}',
      '{payload}',
      ...ofProjects,
    ])
      assert.equal(problems({ topic })[0]?.field, 'topic', topic)
  })
})

it('a mapping without columns, with one twice, and too many attributes are red at deploy', () => {
  const fields = (raw: Raw) => checkSink(options(raw)).map(({ field }) => field)
  const column = { name: 'a', value: 'x' }
  assert.deepEqual(fields({ data: 'mapped' }), ['mapping'])
  assert.deepEqual(fields({ data: 'mapped', mapping: [column, column] }), ['mapping'])
  assert.deepEqual(fields({ data: 'mapped', mapping: [column] }), [])
  const attributes = Array.from({ length: 95 }, (_, i) => ({ name: `a${i}`, value: 'x' }))
  assert.deepEqual(fields({ attributes }), ['attributes'])
  assert.deepEqual(fields({ attributes: attributes.slice(1) }), [])
})
