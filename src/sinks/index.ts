import { bigquerySink } from './bigquery/sink.ts'
import type { SinkDefinition } from './definition.ts'
import { fileSink } from './file/sink.ts'
import { kafkaSink } from './kafka/sink.ts'
import { mqttSink } from './mqtt/sink.ts'
import { pubsubSink } from './pubsub/sink.ts'

/** Every sink there is. A new one is a folder and a line here. */
export const sinks: readonly SinkDefinition[] = [fileSink, kafkaSink, mqttSink, pubsubSink, bigquerySink]
