import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { sharedKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { type RegistryServer, startSchemaRegistry } from '../services/schema-registry.ts'
import { deploySubscribed, flowBuilder, publishAll, startLoggingMosquitto } from './acceptance-flow.ts'

let broker: Mosquitto
let kafka: Awaited<ReturnType<typeof sharedKafka>>
let registry: RegistryServer
let nodeRed: NodeRed

before(async () => {
  kafka = await sharedKafka()
  broker = await startLoggingMosquitto()
  registry = await startSchemaRegistry({ authorization: `Basic ${btoa('writer:registry-secret')}` })
  nodeRed = await startNodeRed()
})
after(async () => {
  await nodeRed.stop()
  await registry.stop()
  await broker.stop()
  await kafka.stop()
})

test('rows are written behind the id of the schema that their decoder uses, with credentials that stay secret', async () => {
  const run = `t${randomUUID().slice(0, 8)}`
  const { id, node, source } = flowBuilder()
  const sink = {
    cluster: id('cluster'),
    schema: id('schema'),
    topic: run,
    valueFormat: 'json-schema',
    schemaRegistryUrl: registry.url,
    credentials: { schemaRegistryUser: 'writer', schemaRegistryPassword: 'registry-secret' },
  }
  const flow = [
    ...source(broker.port, [{ filter: `${run}/#`, qos: '1' }], ['decode']),
    node('row-schema', 'schema', { schema: 'bar DOUBLE NOT NULL, unit STRING' }),
    node('row-decoder', 'decode', { schema: id('schema') }, [['sink'], []]),
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    node('kafka-sink', 'sink', sink, [[], []]),
  ]
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [[`${run}/1`, '{"bar":1.5}']])
  const [record] = await readTopic(kafka.brokers, run, { count: 1 })
  const [schema] = registry.versions(`${run}-value`)
  assert.deepEqual(JSON.parse(schema!), {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { bar: { type: 'number' }, unit: { oneOf: [{ type: 'null' }, { type: 'string' }] } },
    required: ['bar'],
    additionalProperties: false,
  })
  assert.equal(record!.value![0], 0)
  assert.equal(record!.value!.readUInt32BE(1), registry.add(`${run}-value`, schema!))
  assert.equal(String(record!.value!.subarray(5)), '{"bar":1.5,"unit":null}')
  const flows = await (await nodeRed.request('/flows')).text()
  assert.doesNotMatch(flows + nodeRed.log(), /registry-secret/)
})

test('a sink that should register and has no schema is red at deploy', async () => {
  const { id, node } = flowBuilder()
  const options = { cluster: id('cluster'), valueFormat: 'json-schema', schemaRegistryUrl: registry.url }
  await nodeRed.deploy([
    { id: id('tab'), type: 'tab', label: 'Red' },
    node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
    node('kafka-sink', 'sink', options, [[], []]),
  ])
  const status = await nodeRed.statusIs(id('sink'), ({ fill }) => fill === 'red')
  assert.equal(status.text, 'schema required')
})
