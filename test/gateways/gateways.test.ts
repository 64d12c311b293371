import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  acknowledged,
  acknowledgementsIn,
  deploySubscribed,
  flowBuilder,
  publishAll,
  startLoggingMosquitto,
} from '../nodes/acceptance-flow.ts'
import { type Kafka, sharedKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import type { Mosquitto } from '../services/mosquitto.ts'
import { startNodeRed } from '../services/node-red.ts'
import { gateway, installGateways, paletteInstall } from './gateway.ts'

/** What the palette installs, and what the sink then takes. */
const gateways = [
  { title: 'Node-RED 5 on Node.js 22.9', node: 'node-22.9', nodeRed: undefined, client: 'kafkajs' },
  { title: 'Node-RED 5 on Node.js 24', node: undefined, nodeRed: undefined, client: '@platformatic/kafka' },
  { title: 'Node-RED 4.1 on Node.js 22.12', node: 'node-22.12', nodeRed: 'node-red-4.1', client: 'kafkajs' },
  { title: 'Node-RED 4.1 on Node.js 24', node: undefined, nodeRed: 'node-red-4.1', client: '@platformatic/kafka' },
] as const

describe('a flow from MQTT to Kafka runs on every gateway', () => {
  let kafka: Pick<Kafka, 'brokers' | 'stop'>
  let broker: Mosquitto
  let runtimes: string
  const services = new AsyncDisposableStack()
  before(async () => {
    runtimes = await installGateways()
    kafka = await sharedKafka()
    services.defer(() => kafka.stop())
    broker = services.use(await startLoggingMosquitto())
  })
  after(() => services.disposeAsync())

  /** in -> decoder -> sink, and a sink that asks for what only one of the clients can do. */
  const pipeline = (run: string) => {
    const { id, node, source } = flowBuilder()
    const kafkaSink = (name: string, values: object) =>
      node('kafka-sink', name, { cluster: id('cluster'), topic: run, ...values }, [[], []])
    const flow = [
      ...source(broker.port, [{ filter: `${run}/#`, qos: '1' }], ['decoder']),
      node('row-schema', 'schema', { schema: 'n BIGINT, text STRING' }),
      node('row-decoder', 'decoder', { schema: id('schema') }, [['sink'], []]),
      node('kafka-cluster', 'cluster', { brokers: kafka.brokers }),
      kafkaSink('sink', { compression: 'gzip' }),
      kafkaSink('lz4', { compression: 'lz4' }),
    ]
    return { id, flow }
  }

  for (const { title, node, nodeRed: version, client } of gateways) {
    it(`${title}, with the client ${client}`, { timeout: 300_000 }, async () => {
      const chosen = gateway(runtimes, node, version)
      const userDir = await paletteInstall(chosen)
      assert.ok(existsSync(join(userDir, 'node_modules/kafkajs')))
      const isInstalled = existsSync(join(userDir, 'node_modules/@platformatic/kafka'))
      assert.equal(isInstalled, client !== 'kafkajs', 'the palette leaves out what does not fit its Node.js')

      await using nodeRed = await startNodeRed({ gateway: chosen, userDir })
      const run = `g${randomUUID().slice(0, 8)}`
      const { id, flow } = pipeline(run)
      await deploySubscribed(nodeRed, broker, flow)
      const acknowledgements = acknowledgementsIn(broker)
      const numbers = Array.from({ length: 50 }, (_, n) => n)
      await publishAll(
        broker.port,
        numbers.map((n) => [`${run}/line`, JSON.stringify({ n, text: 'ü' })]),
      )
      await acknowledged(broker, acknowledgements + numbers.length)
      const stored = await readTopic(kafka.brokers, run, { count: numbers.length })
      assert.deepEqual(
        stored.map(({ key, value }) => [key, JSON.parse(String(value))]),
        numbers.map((n) => [`${run}/line`, { n, text: 'ü' }]),
      )

      const status = await nodeRed.statusIs(id('lz4'), ({ fill }) => fill === (client === 'kafkajs' ? 'red' : 'green'))
      if (client === 'kafkajs') {
        assert.match(status.text!, /^Compression cannot be used/)
        assert.match(nodeRed.log(), /Compression: lz4 needs Node\.js 22\.22/)
      }
      await nodeRed.stop()
    })
  }
})
