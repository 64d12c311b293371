import type { Node, NodeAPI } from 'node-red'
import type { InConfig, SourceConfig, Subscription } from '../../src/mqtt/config.ts'
import { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import { copiedTwice } from '../../src/mqtt/shared-lease.ts'
import { StoredRows } from '../../src/mqtt/stored-rows.ts'
import { FlowEntry } from '../shared/flow-entry.ts'
import { connectionLease, noteSession } from '../shared/mqtt-connections.ts'
import { configOf, registerNode } from '../shared/register-node.ts'
import { brokerOf, serveTopics } from '../shared/seen-topics.ts'
import { followMessages } from './control.ts'
import { declaration } from './declaration.ts'

export default function (RED: NodeAPI): void {
  serveTopics(RED)
  registerNode(RED, declaration, (node, config, rowline) => {
    const broker = RED.nodes.getNode(config.source) as Node
    const connection = configOf<SourceConfig>(RED, config.source)
    const stored = new StoredRows(rowline.pathOf('sessions', { id: `${node.id}.by-message` }))
    const rows = rowsByMessage(node, config, stored)
    warnOfCopies(node, [...config.subscriptions, ...rows], connection)
    const lease = connectionLease(rowline, broker, connection)
    const address = brokerOf(connection)
    const seen = (topic: string) => rowline.seenTopics.note(address, topic)
    const flow = new FlowEntry(node, config, rowline)
    const source = new MqttSource(config, lease, flow, node.name || node.id, rows, seen)
    flow.start(source, () => noteSession(rowline, broker, connection))
    if (config.dynamic) followMessages(node, config, source, stored)
  })
}

function warnOfCopies(node: Node, rows: readonly Subscription[], { poolSize }: SourceConfig): void {
  const filters = rows.map(({ filter }) => filter)
  const copied = copiedTwice(filters, poolSize)
  if (!copied) return
  const [one, other] = copied
  node.warn(`"${one}" and "${other}" overlap, and are shared ($share): what both match can be read twice`)
}

/** Where messages may not subscribe any longer, what they have subscribed ends, and the broker is told a little later. */
function rowsByMessage(node: Node, { dynamic }: InConfig, stored: StoredRows): readonly Subscription[] {
  if (dynamic) return stored.read()
  if (stored.remove()) node.warn('"Control by message" is off: the subscriptions made by message are given up')
  return []
}
