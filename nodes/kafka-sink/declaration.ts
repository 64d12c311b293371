import { declareNode } from '../../src/config/declaration.ts'
import { sinkFields } from '../../src/sinks/kafka/config.ts'
import { checkRegistry } from '../../src/sinks/kafka/registry-fields.ts'

export const declaration = declareNode({
  type: 'kafka-sink',
  kind: 'sink',
  label: 'kafka sink',
  summary: 'Writes readings to Kafka; they count as written when every in-sync replica has them.',
  color: '#C9BEDB',
  icon: 'font-awesome/fa-exchange',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  labelField: 'topic',
  check: (config) => checkRegistry(config),
})
