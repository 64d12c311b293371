import type { FlowNode } from '../test/services/node-red.ts'
import { openNodeRed, type Place, type Variant } from './pipeline.ts'
import { schema } from './readings.ts'

const tab: FlowNode = { id: 'tab', type: 'tab', label: 'bench' }
/** A node on the tab; without a position Node-RED takes it for a configuration node. */
const onTab = (node: FlowNode): FlowNode => ({ ...node, z: tab.id, x: 100, y: 100 })

interface Ours {
  readonly output: 'reading' | 'batches'
  readonly delivery: 'confirm' | 'outbox'
  /** Of the sink; its default if absent. */
  readonly lingerMs?: string
}

/** A whole flow of ours. */
export const ours =
  ({ output, ...sink }: Ours) =>
  ({ mqttPort, clientId, filter, brokers, kafkaTopic }: Place): FlowNode[] => [
    tab,
    { id: 'source', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(mqttPort), clientId },
    { id: 'schema', type: 'row-schema', schema },
    { id: 'cluster', type: 'kafka-cluster', brokers },
    onTab({
      id: 'in',
      type: 'mqtt-v3-in',
      source: 'source',
      subscriptions: [{ filter, qos: '1', route: '', to: '', partitions: '' }],
      output,
      wires: [['decoder'], []],
    }),
    onTab({ id: 'decoder', type: 'row-decoder', schema: 'schema', routes: [], wires: [['sink'], []] }),
    onTab({ id: 'sink', type: 'kafka-sink', cluster: 'cluster', topic: kafkaTopic, ...sink, wires: [[], []] }),
  ]

const stockFlow = ({ mqttPort, clientId, filter, brokers, kafkaTopic }: Place): FlowNode[] => [
  tab,
  {
    id: 'broker',
    type: 'mqtt-broker',
    broker: '127.0.0.1',
    port: String(mqttPort),
    clientid: clientId,
    autoConnect: true,
    autoUnsubscribe: false,
    usetls: false,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: false,
  },
  onTab({
    id: 'in',
    type: 'mqtt in',
    topic: filter,
    qos: '1',
    datatype: 'utf8',
    broker: 'broker',
    nl: false,
    rap: true,
    rh: 0,
    inputs: 0,
    wires: [['parser']],
  }),
  onTab({ id: 'parser', type: 'json', property: 'payload', action: '', pretty: false, wires: [['sink']] }),
  onTab({ id: 'sink', type: 'bench-kafkajs', brokers, topic: kafkaTopic, wires: [] }),
]

const acknowledgesAfter = { confirm: 'after Kafka', outbox: 'after fdatasync' } as const

function rowline(name: string, title: string, options: Ours): Variant {
  return {
    name,
    title,
    acknowledges: acknowledgesAfter[options.delivery],
    warmsUp: true,
    open: (settings) => openNodeRed(ours(options), settings),
  }
}

export const reading = rowline('reading', '(a) Rowline, one message per reading', {
  output: 'reading',
  delivery: 'confirm',
})
export const batches = rowline('batches', '(b) Rowline, batches', { output: 'batches', delivery: 'confirm' })
export const outbox = rowline('outbox', '(d) Rowline, batches, outbox', { output: 'batches', delivery: 'outbox' })
export const readingOutbox = rowline('reading-outbox', '(e) Rowline, one message per reading, outbox', {
  output: 'reading',
  delivery: 'outbox',
})

/** For latencies: each reading goes on at once. */
export const promptConfirm = rowline('prompt-confirm', 'Rowline, one message per reading, `lingerMs` 0, confirm', {
  output: 'reading',
  delivery: 'confirm',
  lingerMs: '0 ms',
})
export const promptOutbox = rowline('prompt-outbox', 'Rowline, one message per reading, `lingerMs` 0, outbox', {
  output: 'reading',
  delivery: 'outbox',
  lingerMs: '0 ms',
})

export const promptBatches = rowline('prompt-batches', 'Rowline, batches, `lingerMs` 0, outbox', {
  output: 'batches',
  delivery: 'outbox',
  lingerMs: '0 ms',
})

export const stock: Variant = {
  name: 'stock',
  title: '(c) core mqtt in + json + kafkajs',
  acknowledges: 'on receipt',
  warmsUp: true,
  open: (options) => openNodeRed(stockFlow, options),
}
