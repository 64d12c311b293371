import { pubsubSink } from '../../src/sinks/pubsub/sink.ts'
import { sinkContract } from '../contract/sink-contract.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Pubsub, startPubsub } from '../services/pubsub.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { pubsubContext } from './pubsub-harness.ts'

let pubsub: Pubsub
let proxy: TcpProxy

const tests = [
  ...[
    'order',
    'kinds',
    'isolated',
    'broken',
    'late',
    'aborted',
    'closed',
    'confirm-order',
    'outbox-order',
    'confirm-broken',
  ],
  ...['outbox-broken', 'confirm-closed', 'outbox-closed', 'confirm-poison', 'outbox-poison'],
]
const topicOf = (name: string) => `contract-${name}`

sinkContract(pubsubSink, {
  start: async () => {
    pubsub = await startPubsub({ topics: tests.map(topicOf) })
    await pubsub.fault({ code: 'INVALID_ARGUMENT', contains: 'poison', count: -1 })
    proxy = await startTcpProxy({ target: pubsub.port })
  },
  stop: async () => {
    await proxy.close()
    await pubsub.stop()
  },
  config: (name) => ({ cloud: 'c', topic: topicOf(name), orderingKey: '{topic}', requestTimeoutMs: '2 s' }),
  context: {
    ...pubsubContext({}),
    connection: <C>() => pubsubContext({ pubsubEmulator: `127.0.0.1:${proxy?.port ?? 1}` }).connection<C>('cloud'),
  },
  readBack: async (name) => pubsub.stored(topicOf(name)).map(({ data }) => parse(String(data))),
  breakTarget: () => proxy.refuse(),
  healTarget: () => proxy.heal(),
  poison: reading(7, { payload: 'poison' }),
})

// A text payload is stored as it is, not as JSON.
function parse(value: string): unknown {
  return value === 'text' ? value : JSON.parse(value)
}
