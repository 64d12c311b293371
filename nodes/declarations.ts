import type { NodeDeclaration } from '../src/config/declaration.ts'
import { declaration as bigquerySink } from './bigquery-sink/declaration.ts'
import { declaration as fileSink } from './file-sink/declaration.ts'
import { declaration as googleCloud } from './google-cloud/declaration.ts'
import { declaration as kafkaCluster } from './kafka-cluster/declaration.ts'
import { declaration as kafkaSink } from './kafka-sink/declaration.ts'
import { declaration as mqttV3In } from './mqtt-v3-in/declaration.ts'
import { declaration as mqttV3Out } from './mqtt-v3-out/declaration.ts'
import { declaration as mqttV3Source } from './mqtt-v3-source/declaration.ts'
import { declaration as prometheusGauge } from './prometheus-gauge/declaration.ts'
import { declaration as pubsubSink } from './pubsub-sink/declaration.ts'
import { declaration as rowDecoder } from './row-decoder/declaration.ts'
import { declaration as rowSchema } from './row-schema/declaration.ts'

/** Every node type of the package. Each has its folder `nodes/<type>` with `declaration.ts` and `<type>.ts`. */
export const declarations: readonly NodeDeclaration[] = [
  mqttV3Source,
  mqttV3In,
  rowSchema,
  rowDecoder,
  kafkaCluster,
  kafkaSink,
  mqttV3Out,
  googleCloud,
  pubsubSink,
  bigquerySink,
  fileSink,
  prometheusGauge,
]
