import { describe } from 'node:test'
import { type ConfigOf, type Fields, parseFields } from '../../src/config/fields.ts'
import type { Sink } from '../../src/core/sink.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'
import { clusterFields, sinkFields } from '../../src/sinks/kafka/config.ts'
import type { KafkaRequest } from '../../src/sinks/kafka/request.ts'
import { kafkaSink } from '../../src/sinks/kafka/sink.ts'

/** The choices of "Client" that have a library of their own. */
export const clients = ['platformatic', 'kafkajs'] as const

type Raw = { readonly [option: string]: unknown }

/** Parsed with the defaults a user gets; throws when an option is wrong. */
export function parsed<F extends Fields>(fields: F, raw: Raw): ConfigOf<F> {
  const { config, problems } = parseFields(fields, raw)
  if (!config) throw new Error(JSON.stringify(problems))
  return config
}

export interface Opening {
  readonly cluster: Raw
  readonly sink: Raw
  readonly directory?: string
  readonly warn?: (message: string) => void
  readonly jsonSchema?: object
}

export function kafkaContext({ cluster, directory, warn, jsonSchema }: Omit<Opening, 'sink'>): SinkContext {
  const connection = parsed(clusterFields, cluster)
  return {
    connection: <C>() => connection as C,
    directory: directory ?? '/',
    name: 'rowline-test',
    jsonSchema: () => jsonSchema,
    rowSchema: () => undefined,
    warn: warn ?? (() => {}),
  }
}

export function createKafkaSink(opening: Opening): Sink<KafkaRequest> {
  return kafkaSink.create(parsed(sinkFields, { cluster: 'c', ...opening.sink }), kafkaContext(opening))
}

/** The tests of `suite` for each client; it gets a `createKafkaSink` that takes this one. */
export function describeForClients(
  title: string,
  suite: (create: typeof createKafkaSink, client: (typeof clients)[number]) => void,
): void {
  for (const client of clients) {
    const create = (opening: Opening) => createKafkaSink({ ...opening, cluster: { client, ...opening.cluster } })
    describe(`${title} (${client})`, () => suite(create, client))
  }
}

export const forever: AbortSignal = new AbortController().signal
