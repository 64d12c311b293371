import { randomUUID } from 'node:crypto'
import { after } from 'node:test'
import { connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt'
import { type ConfigOf, type Fields, parseFields } from '../../src/config/fields.ts'
import type { Publisher } from '../../src/core/publisher.ts'
import type { Sink } from '../../src/core/sink.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { MqttConnection } from '../../src/mqtt/connection.ts'
import { publishingOptions } from '../../src/mqtt/connection-options.ts'
import { ConnectionPool } from '../../src/mqtt/connection-pool.ts'
import { LeasedPublisher } from '../../src/mqtt/leased-publisher.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'
import { sinkFields } from '../../src/sinks/mqtt/config.ts'
import type { MqttRequest } from '../../src/sinks/mqtt/request.ts'
import { mqttSink } from '../../src/sinks/mqtt/sink.ts'
import { until } from '../services/processes.ts'

type Raw = { readonly [option: string]: unknown }

/** Parsed with the defaults a user gets; throws when an option is wrong. */
export function parsed<F extends Fields>(fields: F, raw: Raw): ConfigOf<F> {
  const { config, problems } = parseFields(fields, raw)
  if (!config) throw new Error(JSON.stringify(problems))
  return config
}

const publishers: Publisher[] = []

/** A test that fails must not keep its connections alive, and the run with them. */
after(() => Promise.all(publishers.map((publisher) => publisher.close())))

/** As a `mqtt-v3-source` node with these options gives it; reconnects quickly. */
export function createPublisher(source: Raw, pool = new ConnectionPool()): Publisher {
  const waits = { reconnectPeriodMs: 20, maxReconnectDelayMs: 100 }
  const config = parsed(sourceFields, { host: '127.0.0.1', ...waits, ...source })
  const options = publishingOptions(config, `test-${randomUUID().slice(0, 8)}`, '/')
  const publisher = new LeasedPublisher(() => pool.acquire('broker', () => new MqttConnection(options, () => {})))
  publishers.push(publisher)
  return publisher
}

export function mqttContext(publisher: () => Publisher): SinkContext {
  return {
    connection: () => {
      throw new Error('all that is needed is the publisher')
    },
    publisher,
    directory: '/',
    name: 'rowline-test',
    jsonSchema: () => undefined,
    rowSchema: () => undefined,
    warn: () => {},
  }
}

export function createMqttSink(sink: Raw, publisher: Publisher): Sink<MqttRequest> {
  return mqttSink.create(
    parsed(sinkFields, { source: 'b', ...sink }),
    mqttContext(() => publisher),
  )
}

export const forever: AbortSignal = new AbortController().signal

export interface Heard {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly retain: boolean
  readonly properties: IPublishPacket['properties']
}

/** A subscriber beside the one that is tested. */
export interface Listener extends AsyncDisposable {
  /** Everything that was published until now. */
  heard(): Promise<readonly Heard[]>
}

/** Hears topics that match `filter` with QoS 2. */
export async function listen(
  port: number,
  filter: string,
  protocolVersion: 4 | 5 = 4,
  signIn: Pick<IClientOptions, 'username' | 'password'> = {},
): Promise<Listener> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion,
    clientId: `listener-${randomUUID()}`,
    ...signIn,
  })
  const heard: Heard[] = []
  const marks = new Set<string>()
  client.on('message', (topic, payload, { qos, retain, properties }) => {
    if (topic.startsWith('mark/')) marks.add(topic)
    else heard.push({ topic, payload, qos, retain, properties })
  })
  await client.subscribeAsync([filter, 'mark/#'], { qos: 2 })
  return {
    heard: async () => {
      const mark = `mark/${randomUUID()}`
      await client.publishAsync(mark, '', { qos: 2 })
      await until(() => marks.has(mark), { what: 'the mark behind what was published', timeoutMs: 30_000 })
      return [...heard]
    },
    [Symbol.asyncDispose]: () => client.endAsync(true),
  }
}
