import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { createRequestBuilder, deadLetter } from '../../src/sinks/file/request.ts'
import { createHeaders } from '../../src/sinks/kafka/headers.ts'

const record: Record = {
  topic: 't',
  payload: Buffer.from('1'),
  qos: 1,
  retain: false,
  dup: false,
  receivedAt: 7,
  properties: {
    userProperties: [
      ['site', 'north'],
      ['site', 'south'],
      ['source', 'plc'],
    ],
    contentType: 'application/json',
    correlationData: Buffer.from([0, 255]),
  },
}
const { properties: _, ...plain } = record
const mqtt = { 'mqtt.topic': 't', 'mqtt.qos': '1', 'mqtt.retain': 'false', 'mqtt.dup': 'false', source: 'mqtt' }

test('a Kafka record has what an MQTT 5 publisher said as headers beside ours, and none of the record before', () => {
  const headersOf = createHeaders({ includeMetadata: true, headers: [{ name: 'site', value: 'of the form' }] })
  const plainOf = createHeaders({ includeMetadata: true, headers: [] })
  const said = {
    'mqtt.content-type': 'application/json',
    'mqtt.correlation-data': 'AP8=',
    'mqtt.user.source': 'plc',
  }
  for (const each of [record, plain, record]) {
    const own = each === record ? said : {}
    assert.deepEqual(headersOf(each).headers, { ...mqtt, ...own, site: 'of the form' })
    assert.deepEqual(plainOf(each).headers, each === record ? { ...mqtt, ...own, site: 'north, south' } : mqtt)
  }
  assert.ok(plainOf(record).length > plainOf(plain).length + 60)
  assert.deepEqual(createHeaders({ includeMetadata: false, headers: [] })(record).headers, {})
})

test('a line of a file and a dead letter have it too', () => {
  const said = {
    userProperties: { site: ['north', 'south'], source: 'plc' },
    contentType: 'application/json',
    correlationData: 'AP8=',
  }
  const error = new PipelineError('UNROUTED', { topic: 't' })
  const lines = [createRequestBuilder('record')(record), deadLetter(record, error, 'n')]
  for (const { request } of lines) {
    const { userProperties, contentType, correlationData } = JSON.parse(String(request)) as typeof said
    assert.deepEqual({ userProperties, contentType, correlationData }, said)
  }
  assert.ok(!String(deadLetter(plain, error, 'n').request).includes('userProperties'))
})
