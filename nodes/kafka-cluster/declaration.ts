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
  check: ({ saslMechanism, user, tokenUrl, tokenClientId }) => {
    if (saslMechanism === 'none') return []
    const needed = saslMechanism === 'OAUTHBEARER' ? { tokenUrl, tokenClientId } : { user }
    return Object.entries(needed).flatMap(([field, value]) =>
      value === '' ? [{ field, text: `is required to sign in with ${saslMechanism}` }] : [],
    )
  },
})
