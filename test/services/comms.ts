import { once } from 'node:events'
import WebSocket from 'ws'

export interface NodeStatus {
  readonly fill?: string
  readonly shape?: string
  readonly text?: string
}

/** What Node-RED tells its editors: node statuses and the debug sidebar. */
export interface Comms {
  readonly statuses: ReadonlyMap<string, NodeStatus>
  readonly debugMessages: readonly unknown[]
  /** Revisions of the flows that have been started since the connection, oldest first. */
  readonly deployments: readonly string[]
  close(): void
}

interface Notice {
  readonly topic: string
  readonly data?: unknown
}

/** Resolves when Node-RED has taken the subscriptions; it then sends every node's present status. */
export async function connectComms(url: string): Promise<Comms> {
  const statuses = new Map<string, NodeStatus>()
  const debugMessages: unknown[] = []
  const deployments: string[] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/comms`)
  socket.on('error', () => {})
  socket.on('message', (text: Buffer) => {
    const parsed: unknown = JSON.parse(text.toString())
    for (const { topic, data } of Array.isArray(parsed) ? (parsed as Notice[]) : []) {
      if (topic === 'debug') debugMessages.push(data)
      if (topic === 'notification/runtime-deploy') deployments.push((data as { revision: string }).revision)
      if (!topic.startsWith('status/')) continue
      const nodeId = topic.slice('status/'.length)
      if (data && Object.keys(data).length > 0) statuses.set(nodeId, data)
      else statuses.delete(nodeId)
    }
  })
  await once(socket, 'open')
  for (const topic of ['status/#', 'debug']) socket.send(JSON.stringify({ subscribe: topic }))
  return { statuses, debugMessages, deployments, close: () => socket.terminate() }
}
