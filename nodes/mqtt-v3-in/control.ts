import { PipelineError } from '../../src/core/errors.ts'
import type { InConfig, Subscription } from '../../src/mqtt/config.ts'
import { nameOf, readControl } from '../../src/mqtt/control-message.ts'
import type { MqttSource } from '../../src/mqtt/mqtt-source.ts'
import type { StoredRows } from '../../src/mqtt/stored-rows.ts'
import type { FlowMessage } from '../shared/handle.ts'
import type { RowlineNode } from '../shared/register-node.ts'

/** Output 3. */
const answered = (message: FlowMessage) => [null, null, message]

/** Follows control messages. What they subscribe is stored before the broker is asked for it. */
export function followMessages(node: RowlineNode, config: InConfig, source: MqttSource, stored: StoredRows): void {
  const change = (rows: readonly Subscription[], message: FlowMessage) => {
    stored.write(rows)
    // The reading of the answer may wait for the flow, and this message be a part of the flow: it does not wait for it.
    source.change(rows).catch((error: Error) => node.error(error, message as never))
    message.subscriptions = rows.map(nameOf)
  }
  const follow = async (message: FlowMessage, send: (messages: unknown) => void): Promise<void> => {
    const control = readControl(message)
    switch (control.action) {
      case 'subscribe': {
        const named = new Set(control.rows.map(({ filter }) => filter))
        return change([...source.dynamic.filter(({ filter }) => !named.has(filter)), ...control.rows], message)
      }
      case 'unsubscribe':
        return change(without(source.dynamic, control.filters, config), message)
      case 'getSubscriptions':
        message.topic = 'subscriptions'
        message.payload = source.dynamic.map(nameOf)
        message.connected = source.status?.phase === 'connected'
        return send(answered(message))
      case 'connect':
        return source.connect()
      case 'disconnect':
        return source.disconnect()
    }
  }
  node.on('input', (message, send, done) => void follow(message as FlowMessage, send as never).then(() => done(), done))
}

/** As with Node-RED's own node, what is not subscribed is no mistake. The table is not changed by messages. */
function without(
  rows: readonly Subscription[],
  filters: readonly string[] | undefined,
  { subscriptions }: InConfig,
): readonly Subscription[] {
  if (!filters) return []
  const fixed = subscriptions.find(
    ({ filter }) => filters.includes(filter) && rows.every((row) => row.filter !== filter),
  )
  if (fixed)
    throw new PipelineError('CONTROL_INVALID', { problem: `"${fixed.filter}" is a row of "Topic" in the node` })
  return rows.filter(({ filter }) => !filters.includes(filter))
}
