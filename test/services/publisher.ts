import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { until } from './processes.ts'

/** A numbered message. Numbers rise by one over all topics together, so they rise within each topic too. */
export interface Numbered {
  readonly topic: string
  readonly number: number
}

export interface PublishOptions {
  readonly port: number
  /** Message n goes to `topics[n % topics.length]`. */
  readonly topics: readonly string[]
  readonly count: number
  readonly qos: 0 | 1 | 2
  /** The first number; 0 if absent. */
  readonly first?: number
  /** Messages per second; as fast as the broker confirms if absent. */
  readonly ratePerSecond?: number
  /** How often what is due is sent; 10 if absent. */
  readonly tickMs?: number
  /** Default: JSON with the columns `n` and `topic`. */
  readonly payload?: (message: Numbered) => string | Buffer
  readonly signal?: AbortSignal
  /** Called with each message as soon as the broker has confirmed it. */
  readonly onConfirmed?: (message: Numbered) => void
  readonly connection?: IClientOptions
}

export const numberedPayload = ({ number, topic }: Numbered): string => JSON.stringify({ n: number, topic })

/** Most messages unconfirmed at a time. With more of QoS 2 than its own window mosquitto ends the connection. */
const unconfirmedLimits = { 0: 2000, 1: 2000, 2: 20 } as const

/**
 * Publishes `count` numbered messages and resolves with those that the broker has confirmed (QoS 0: sent), in order.
 * It goes on over reconnects, with a session that the broker keeps: in a clean one a QoS 2 message between PUBREC and
 * PUBREL would be lost. An aborted signal ends it early and in order.
 */
export async function publishNumbered(options: PublishOptions): Promise<readonly Numbered[]> {
  const { port, topics, count, qos, first = 0, tickMs = 10, signal, payload = numberedPayload } = options
  const unconfirmedLimit = unconfirmedLimits[qos]
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: `publisher-${randomUUID()}`,
    clean: false,
    reconnectPeriod: 200,
    ...options.connection,
  })
  const confirmed: Numbered[] = []
  const pending = new Set<Promise<unknown>>()
  const start = performance.now()
  for (let sent = 0; sent < count && !signal?.aborted; ) {
    const due = dueNow(options, performance.now() - start)
    for (; sent < due && pending.size < unconfirmedLimit; sent++) {
      const message = { topic: topics[(first + sent) % topics.length]!, number: first + sent }
      const publishing = client.publishAsync(message.topic, payload(message), { qos }).then(() => {
        pending.delete(publishing)
        confirmed.push(message)
        options.onConfirmed?.(message)
      })
      pending.add(publishing)
    }
    if (sent < count) await (pending.size < unconfirmedLimit ? wait(tickMs) : Promise.race(pending))
  }
  await Promise.all(pending)
  await client.endAsync()
  return confirmed.sort((a, b) => a.number - b.number)
}

function dueNow({ count, ratePerSecond }: PublishOptions, elapsedMs: number): number {
  return ratePerSecond === undefined ? count : Math.min(count, Math.ceil((elapsedMs * ratePerSecond) / 1000))
}

/** Makes a persistent session with these subscriptions, so that the broker queues for a client that is not there. */
export async function createSession(
  port: number,
  clientId: string,
  filters: readonly string[],
  qos: 0 | 1 | 2 = 1,
): Promise<void> {
  const client: MqttClient = await connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, clean: false })
  await client.subscribeAsync([...filters], { qos })
  await client.endAsync()
}

export interface Drained {
  readonly topic: string
  readonly payload: Buffer
}

/**
 * Takes over a session and gives what the broker still had for it; resolves when nothing has come for `quietMs`.
 * Only for the end of a test: it acknowledges.
 */
export async function drainSession(port: number, clientId: string, quietMs = 1500): Promise<readonly Drained[]> {
  const drained: Drained[] = []
  const client = connect(`mqtt://127.0.0.1:${port}`, { clientId, clean: false })
  let lastMs = performance.now()
  client.on('message', (topic, payload) => {
    lastMs = performance.now()
    drained.push({ topic, payload })
  })
  await until(() => client.connected && performance.now() - lastMs > quietMs, {
    what: 'the session to be drained',
    timeoutMs: 60_000,
  })
  await client.endAsync()
  return drained
}
