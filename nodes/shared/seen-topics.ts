import type { IncomingMessage, ServerResponse } from 'node:http'
import type { NodeAPI } from 'node-red'
import type { SourceConfig } from '../../src/mqtt/config.ts'
import { connectionOptions } from '../../src/mqtt/connection-options.ts'
import type { RowlineNode } from './register-node.ts'
import { rowlineOf } from './rowline.ts'

const mostTopics = 1000
const longest = 1024

/** Names of topics that running sources have read, by `host:port` of the broker: what the editor offers to complete. */
export class SeenTopics {
  readonly #topics = new Map<string, Set<string>>()

  note(broker: string, topic: string): void {
    const known = this.#topics.get(broker) ?? new Set<string>()
    this.#topics.set(broker, known)
    if (known.size < mostTopics && topic.length <= longest) known.add(topic)
  }

  of(broker: string): readonly string[] {
    return [...(this.#topics.get(broker) ?? [])].sort()
  }
}

export function brokerOf(config: SourceConfig): string {
  const { host, port } = connectionOptions(config, '', '').socket
  return `${host}:${port}`
}

/** GET `rowline/topics?source=<id>` or `?broker=<host>:<port>` of the editor: a list of names. */
export function serveTopics(RED: NodeAPI): void {
  const { seenTopics } = rowlineOf(RED)
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const asked = new URLSearchParams(url.split('?')[1])
    const { config } = (RED.nodes.getNode(asked.get('source') ?? '') ?? {}) as RowlineNode<SourceConfig>
    const broker = config?.host === undefined ? (asked.get('broker') ?? '') : brokerOf(config)
    response
      .writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      .end(JSON.stringify(seenTopics.of(broker)))
  }
  RED.httpAdmin?.get('/rowline/topics', RED.auth.needsPermission('flows.read'), answer)
}
