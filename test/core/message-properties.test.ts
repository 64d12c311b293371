import assert from 'node:assert/strict'
import { test } from 'node:test'
import { propertyMetadata } from '../../src/core/message-properties.ts'

test('headers have the names that the publisher gave, and none of ours is taken from us', () => {
  assert.deepEqual(
    propertyMetadata({
      userProperties: [
        ['site', 'north'],
        ['site', 'south'],
        ['source', 'plc'],
        ['mqtt.topic', 'forged'],
        ['rowline.id', 'forged'],
        ['sourcecode', 'a'],
      ],
      contentType: 'text/plain',
      responseTopic: 'answers/1',
      correlationData: Buffer.from([0, 255]),
    }),
    {
      'mqtt.content-type': 'text/plain',
      'mqtt.response-topic': 'answers/1',
      'mqtt.correlation-data': 'AP8=',
      site: 'north, south',
      'mqtt.user.source': 'plc',
      'mqtt.user.mqtt.topic': 'forged',
      'mqtt.user.rowline.id': 'forged',
      sourcecode: 'a',
    },
  )
  assert.deepEqual(propertyMetadata({}), {})
})
