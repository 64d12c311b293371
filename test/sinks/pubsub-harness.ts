import type { Sink } from '../../src/core/sink.ts'
import { googleFields } from '../../src/google/config.ts'
import type { SinkContext } from '../../src/sinks/definition.ts'
import { sinkFields } from '../../src/sinks/pubsub/config.ts'
import type { PubsubRequest } from '../../src/sinks/pubsub/request.ts'
import { pubsubSink } from '../../src/sinks/pubsub/sink.ts'
import { project } from '../services/pubsub.ts'
import { parsed } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }

export function pubsubContext(cloud: Raw, directory = '/'): SinkContext {
  const connection = parsed(googleFields, { projectId: project, ...cloud })
  return {
    connection: <C>() => connection as C,
    directory,
    name: 'rowline-test',
    jsonSchema: () => undefined,
    rowSchema: () => undefined,
    warn: () => {},
  }
}

export function createPubsubSink(pubsubEmulator: string, sink: Raw): Sink<PubsubRequest> {
  return pubsubSink.create(parsed(sinkFields, { cloud: 'c', ...sink }), pubsubContext({ pubsubEmulator }))
}
