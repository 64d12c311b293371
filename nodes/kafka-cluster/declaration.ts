import { declareNode } from '../../src/config/declaration.ts'
import { clusterFields } from '../../src/sinks/kafka/config.ts'

export const declaration = declareNode({
  type: 'kafka-cluster',
  kind: 'config',
  label: 'kafka cluster',
  summary: 'The address of a Kafka cluster and how to sign in there.',
  outputs: [],
  fields: clusterFields,
  labelField: 'brokers',
  check: ({ saslMechanism, user }) =>
    saslMechanism === 'PLAIN' && user === '' ? [{ field: 'user', text: 'is required to sign in with PLAIN' }] : [],
})
