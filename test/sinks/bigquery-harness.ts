import { join } from 'node:path'
import type { Sink } from '../../src/core/sink.ts'
import { googleFields } from '../../src/google/config.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { sinkFields } from '../../src/sinks/bigquery/config.ts'
import type { BigQueryRequest } from '../../src/sinks/bigquery/request.ts'
import { bigquerySink } from '../../src/sinks/bigquery/sink.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'
import { project } from '../services/bigquery.ts'
import { parsed } from './kafka-harness.ts'

/** Where a sink finds the emulator, or a front before it. */
export interface Emulated {
  readonly url: string
  readonly storage: string
}

export interface Opening {
  readonly at: Emulated
  /** Raw, over a dataset and a table of the name `t`. */
  readonly sink: { readonly [option: string]: unknown }
  /** As SQL. */
  readonly schema?: string
  readonly directory?: string
  readonly warn?: (message: string) => void
}

export function bigqueryContext({ at, schema, directory, warn }: Omit<Opening, 'sink'>): SinkContext {
  const addresses = { bigqueryEmulator: at.url, bigqueryStorageEmulator: at.storage }
  const cloud = parsed(googleFields, { projectId: project, ...addresses })
  const rowSchema = schema === undefined ? undefined : parseRowSchema(schema)
  return {
    connection: <C>() => cloud as C,
    directory: directory ?? '/',
    outbox: join(directory ?? '/', 'outbox'),
    name: 'rowline-test',
    jsonSchema: () => undefined,
    rowSchema: () => rowSchema,
    warn: warn ?? (() => {}),
  }
}

export const dataset = 'plant'

export function createBigQuerySink(opening: Opening): Sink<BigQueryRequest> {
  const schema = opening.schema === undefined ? '' : 's'
  const config = parsed(sinkFields, { cloud: 'c', schema, dataset, table: 't', ...opening.sink })
  return bigquerySink.create(config, bigqueryContext(opening))
}

export const forever: AbortSignal = new AbortController().signal
