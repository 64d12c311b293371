import { after, before, describe } from 'node:test'
import { kafkaSink } from '../../src/sinks/kafka/sink.ts'
import { sinkContract } from '../contract/sink-contract.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { clients, kafkaContext } from './kafka-harness.ts'

describe('kafka-sink', () => {
  let kafka: Kafka
  let proxy: TcpProxy
  before(async () => {
    kafka = await startKafka({ proxied: true })
    proxy = await startTcpProxy({ port: kafka.proxied.advertisedPort, target: kafka.proxied.port })
  })
  after(async () => {
    await proxy.close()
    await kafka.stop()
  })

  for (const client of clients) {
    const topicOf = (name: string) => `${client}-${name}`
    describe(`with the client ${client}`, () =>
      sinkContract(kafkaSink, {
        start: async () => {},
        stop: async () => {},
        config: (name) => ({
          cluster: 'c',
          topic: topicOf(name),
          deliveryTimeoutMs: 500,
          maxMessageBytes: '8 MiB',
        }),
        context: {
          ...kafkaContext({ cluster: { brokers: 'unused' } }),
          connection: <C>() =>
            kafkaContext({ cluster: { brokers: `127.0.0.1:${proxy?.port ?? 1}`, client } }).connection<C>('cluster'),
        },
        readBack: async (name) =>
          (await readTopic(kafka.brokers, topicOf(name))).map(({ value }) => parse(String(value))),
        breakTarget: () => proxy.refuse(),
        healTarget: () => proxy.heal(),
        poison: reading(7, { payload: 'x'.repeat(2_000_000) }),
      }))
  }
})

// A text payload is stored as it is, not as JSON.
function parse(value: string): unknown {
  return value === 'text' ? value : JSON.parse(value)
}
