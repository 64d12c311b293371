import type { Publisher } from '../../src/core/publisher.ts'
import { mqttSink } from '../../src/sinks/mqtt/sink.ts'
import { sinkContract } from '../contract/sink-contract.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { createPublisher, type Listener, listen, mqttContext } from './mqtt-harness.ts'

for (const qos of ['1', '2'] as const) {
  let broker: Mosquitto
  let proxy: TcpProxy
  let listener: Listener
  const publisher = (): Publisher => createPublisher({ port: proxy.port })

  sinkContract(mqttSink, {
    start: async () => {
      broker = await startMosquitto()
      proxy = await startTcpProxy({ target: broker.port })
      listener = await listen(broker.port, 'contract/#')
    },
    stop: async () => {
      await listener[Symbol.asyncDispose]()
      await proxy.close()
      await broker.stop()
    },
    config: (name) => ({ source: 'b', topic: `contract/${name}`, qos, maxPacketSize: '100 KiB' }),
    context: mqttContext(publisher),
    readBack: async (name) =>
      (await listener.heard())
        .filter(({ topic }) => topic === `contract/${name}`)
        .map(({ payload }) => parse(String(payload))),
    breakTarget: () => proxy.refuse(),
    healTarget: () => proxy.heal(),
    poison: reading(7, { payload: 'x'.repeat(200_000) }),
  })
}

// A text payload is published as it is, not as JSON.
function parse(value: string): unknown {
  return value === 'text' ? value : JSON.parse(value)
}
