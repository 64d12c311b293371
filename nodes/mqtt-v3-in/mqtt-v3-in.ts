import type { Node, NodeAPI } from 'node-red'
import type { SourceConfig } from '../../src/mqtt/config.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { FlowEntry } from '../shared/flow-entry.ts'
import { connectionLease, noteSession } from '../shared/mqtt-connections.ts'
import { configOf, registerNode } from '../shared/register-node.ts'
import { brokerOf, serveTopics } from '../shared/seen-topics.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  serveTopics(RED)
  registerNode(RED, declaration, (node, config, rowline) => {
    const broker = RED.nodes.getNode(config.source) as Node
    const connection = configOf<SourceConfig>(RED, config.source)
    const lease = connectionLease(rowline, broker, connection)
    const address = brokerOf(connection)
    const seen = (topic: string) => rowline.seenTopics.note(address, topic)
    const flow = new FlowEntry(node, config, rowline)
    flow.start(new MqttSource(config, lease, flow, node.name || node.id, seen), () =>
      noteSession(rowline, broker, connection),
    )
  })
}
