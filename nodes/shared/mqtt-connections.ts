import { createHash } from 'node:crypto'
import type { Node } from 'node-red'
import { type Delivery, released } from '../../src/core/delivery.ts'
import { PipelineError } from '../../src/core/errors.ts'
import type { Publisher } from '../../src/core/publisher.ts'
import type { SourceConfig } from '../../src/mqtt/config.ts'
import { MqttConnection } from '../../src/mqtt/connection.ts'
import { poolOptions, publishingOptions } from '../../src/mqtt/connection-options.ts'
import { LeasedPublisher } from '../../src/mqtt/leased-publisher.ts'
import type { InboundPublish } from '../../src/mqtt/publish-decoder.ts'
import { openReceivedIds } from '../../src/mqtt/received-ids.ts'
import { type SourceLease, sharedLease } from '../../src/mqtt/shared-lease.ts'
import type { Rowline } from './rowline.ts'

/** Leases the connections of a `mqtt-v3-source` node, shared by all nodes that use it. Throws where none can be made. */
export function connectionLease(rowline: Rowline, source: Node, config: SourceConfig): () => Promise<SourceLease> {
  const members = poolOptions(config, rowline.clientId(source), rowline.directory)
  const unclaimed = (publish: InboundPublish, delivery: Delivery) => storeUnclaimed(rowline, source, publish, delivery)
  const leases = members.map(
    (options, i) => () =>
      rowline.pool.acquire(
        keyOf(source, i),
        () => {
          const { socket, clientId } = options
          source.log(`Connecting to ${socket.host}:${socket.port} with the client id "${clientId}"`)
          const file = (session: string) =>
            rowline.pathOf('sessions', { id: `${keyOf(source, i)}-${digest(session)}.qos2` })
          const receivedIds = (session: string) => openReceivedIds(file(session), session, (text) => source.warn(text))
          return new MqttConnection({ ...options, receivedIds }, unclaimed, rowline.memory)
        },
        { unclaimed, kept: () => source.warn(keptText) },
      ),
  )
  const group = members[0]!.clientId.replace(/[/+#]/g, '_')
  return () => sharedLease(leases, group)
}

const keptText =
  'A "mqtt v3 in" of this source is red: the topics of the session stay subscribed, and readings that no node takes are ' +
  'kept as dead letters (UNROUTED) until it is right.'

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

const keyOf = (source: Node, member: number): string => (member === 0 ? source.id : `${source.id}-${member}`)

/** A stored session outlives the nodes that read it: the broker keeps readings for it, for ever. */
export function noteSession(rowline: Rowline, source: Node, config: SourceConfig): void {
  const members = poolOptions(config, rowline.clientId(source), rowline.directory)
  for (const [i, { clientId, clean, socket }] of members.entries()) {
    if (clean || rowline.pool.has(keyOf(source, i))) continue
    const { host, port } = socket
    source.warn(
      `The broker ${host}:${port} goes on keeping readings for the client id "${clientId}" of the removed node. ` +
        `To end that: mosquitto_sub -h ${host} -p ${port} -i ${clientId} -t rowline/end -E, with the login of that id`,
    )
  }
}

/** A second connection to the broker of a `mqtt-v3-source` node, shared by all nodes that publish there. */
export function createPublisher(rowline: Rowline, source: Node, config: SourceConfig): Publisher {
  const options = publishingOptions(config, rowline.clientId(source), rowline.directory)
  const unclaimed = (publish: InboundPublish, delivery: Delivery) => storeUnclaimed(rowline, source, publish, delivery)
  const create = () => new MqttConnection(options, unclaimed, rowline.memory)
  return new LeasedPublisher(() => rowline.pool.acquire(`${source.id}-out`, create))
}

/** The broker's session has subscriptions that no node has any longer: nothing of it may vanish without a trace. */
function storeUnclaimed(rowline: Rowline, source: Node, publish: InboundPublish, delivery: Delivery): void {
  const error = new PipelineError('UNROUTED', { topic: publish.topic })
  const { topic, payload, qos, retain, dup, properties } = publish
  const record = { topic, payload, qos, retain, dup, receivedAt: Date.now(), ...(properties ? { properties } : {}) }
  rowline
    .deadLettersOf(source)
    .store([{ record, error }], (isStored) => delivery.settle(isStored ? { status: 'rejected', error } : released))
}

/** Whether one of these `mqtt-v3-source` nodes has the connection of this key. */
export const isOfSource = (key: string, sources: Iterable<string>): boolean =>
  [...sources].some((id) => key === id || key.startsWith(`${id}-`))
