import { setTimeout as wait } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import { flowBuilder, type Values } from '../nodes/acceptance-flow.ts'
import { encode, nodeBirth } from '../rows/sparkplug-payloads.ts'
import type { FlowNode } from '../services/node-red.ts'

export interface PlantOptions {
  readonly brokerPort: number
  readonly credentials: { readonly user: string; readonly password: string }
  readonly kafka: string
  /** Where no Kafka is. */
  readonly nobody: string
  /** Begins the names of Kafka topics. */
  readonly run: string
}

export interface Plant {
  readonly flow: readonly FlowNode[]
  readonly id: (name: string) => string
  /** Which does not exist: the sink that writes to it waits for it. */
  readonly missingTopic: string
}

/** One pipeline for everything that a metric counts: what goes well, what is refused, what hangs and what is away. */
export function plant({ brokerPort, credentials, kafka, nobody, run }: PlantOptions): Plant {
  const { id, node, source } = flowBuilder()
  const missingTopic = `${run}-missing`
  const reads = (name: string, to: string, values: Values = {}) =>
    node('mqtt-v3-in', `${name}-in`, { source: id('broker'), subscriptions: all(name), ...values }, [[to], []])
  const sink = (name: string, values: Values) =>
    node(
      'kafka-sink',
      name,
      { cluster: id('cluster'), retryBackoffMs: '100 ms', maxRetryBackoffMs: '1 s', ...values },
      [[], []],
    )
  const nodes = [
    ...source(brokerPort, [{ filter: 'main/#', qos: '1', route: 'main' }], ['rows']),
    node('row-schema', 'schema', { schema: 'n BIGINT' }),
    node('row-decoder', 'rows', { schema: id('schema') }, [['main'], []]),
    node('kafka-cluster', 'cluster', { brokers: kafka }),
    sink('main', { topic: `${run}-main` }),
    reads('warned', 'warns'),
    node('row-decoder', 'warns', { format: 'json', topicPattern: '{area}/{site}/{rest...}', onMismatch: 'warn' }, [
      ['collides'],
      [],
    ]),
    sink('collides', { topicSeparator: '_', timestampAttribute: 'site' }),
    reads('spBv1.0', 'sparkplug'),
    node('row-decoder', 'sparkplug', { format: 'sparkplug-b' }, [['print'], []]),
    node('debug', 'print', { active: false }, []),
    reads('down', 'away'),
    node('kafka-cluster', 'nobody', { brokers: nobody }),
    sink('away', { cluster: id('nobody'), outboxMaxBytes: '1 MiB', outboxWhenFull: 'drop-oldest' }),
    node('mqtt-v3-source', 'broker2', { host: '127.0.0.1', port: String(brokerPort) }),
    reads('held', 'waits', { source: id('broker2'), windowRecords: '1' }),
    sink('waits', { topic: missingTopic, autoCreateTopics: false, delivery: 'confirm' }),
    reads('hanging', 'hangs', { settleTimeoutMs: '1 s' }),
    node('function', 'hangs', func('setTimeout(() => node.done(), 2500)'), [[]]),
    // The broker grants no more than QoS 1.
    node('mqtt-v3-source', 'broker3', { host: '127.0.0.1', port: String(brokerPort) }),
    reads('lowered', 'print', { source: id('broker3'), subscriptions: [{ filter: 'lowered/#', qos: '2' }] }),
    reads('late', 'sends-late'),
    node('probe-late', 'sends-late', {}, [['print']]),
    reads('wall', 'wall-rows'),
    node('row-decoder', 'wall-rows', { format: 'json' }, [['wall'], []]),
    node(
      'prometheus-gauge',
      'wall',
      { valueColumn: 'n', metric: 'rows_n', labels: [{ column: 'site' }], maxSeries: '1' },
      [[], []],
    ),
  ]
  const flow = nodes.map((each) => (each.type === 'mqtt-v3-source' ? { ...each, credentials } : each))
  return { flow, id, missingTopic }
}

const all = (name: string) => [{ filter: `${name}/#`, qos: '1' }]
const func = (code: string) => ({
  func: code,
  outputs: 1,
  timeout: 0,
  noerr: 0,
  initialize: '',
  finalize: '',
  libs: [],
})

/** Publishes a little of everything until it is aborted. `canary` is in every payload that is not binary. */
export async function traffic(
  { brokerPort, credentials }: PlantOptions,
  canary: string,
  signal: AbortSignal,
): Promise<void> {
  const { user: username, password } = credentials
  const client = await connectAsync(`mqtt://127.0.0.1:${brokerPort}`, { username, password })
  await client.publishAsync('spBv1.0/G/NBIRTH/E', nodeBirth, { qos: 1 })
  try {
    for (let n = 0; !signal.aborted; n++) {
      await publishRound(client, n, canary)
      await wait(300, undefined, { signal }).catch(() => {})
    }
  } finally {
    await client.endAsync()
  }
}

async function publishRound(client: MqttClient, n: number, canary: string): Promise<void> {
  const json = JSON.stringify({ n, site: `other-${n}`, text: canary })
  const unnamed = encode({ timestamp: 1000, seq: (2 * n) % 256, metrics: [{ alias: 99, intValue: 1 }] })
  const messages: readonly (readonly [topic: string, payload: string | Buffer])[] = [
    ['main/a', json],
    ['main/a', JSON.stringify({ n: canary })],
    ['main/a', ''],
    ['warned/a/b', json],
    ['warned/a_b', json],
    ['warned/a/c/d', json],
    ['warned/a/c_d', json],
    ['spBv1.0/G/NDATA/E', unnamed],
    ['down/a', Buffer.alloc(100_000, canary)],
    ['held/a', json],
    ['hanging/a', json],
    ['late/a', json],
    ['wall/a', json],
  ]
  for (const [topic, payload] of messages) await client.publishAsync(topic, payload, { qos: 1 })
}
