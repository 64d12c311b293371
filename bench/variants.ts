import type { FlowNode } from '../test/services/node-red.ts'
import { schema } from './readings.ts'

/** Where a run finds its readings and puts them. */
export interface Place {
  readonly mqttPort: number
  readonly clientId: string
  readonly filter: string
  readonly brokers: string
  readonly kafkaTopic: string
}

export interface Variant {
  readonly name: 'reading' | 'batches' | 'outbox' | 'stock'
  readonly title: string
  flow(place: Place): FlowNode[]
}

const tab: FlowNode = { id: 'tab', type: 'tab', label: 'bench' }
/** A node on the tab; without a position Node-RED takes it for a configuration node. */
const onTab = (node: FlowNode): FlowNode => ({ ...node, z: tab.id, x: 100, y: 100 })

const ours =
  (output: 'reading' | 'batches', delivery: 'confirm' | 'outbox') =>
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
    onTab({ id: 'sink', type: 'kafka-sink', cluster: 'cluster', topic: kafkaTopic, delivery, wires: [[], []] }),
  ]

const stock = ({ mqttPort, clientId, filter, brokers, kafkaTopic }: Place): FlowNode[] => [
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

export const variants: readonly Variant[] = [
  { name: 'reading', title: '(a) Rowline, one message per reading', flow: ours('reading', 'confirm') },
  { name: 'batches', title: '(b) Rowline, batches', flow: ours('batches', 'confirm') },
  { name: 'outbox', title: '(d) Rowline, batches, outbox', flow: ours('batches', 'outbox') },
  { name: 'stock', title: '(c) core mqtt in + json + kafkajs', flow: stock },
]
