import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import type { FieldProblem } from '../../src/config/fields.ts'
import { settingsProblems } from '../../src/config/settings-text.ts'
import { tlsProblems } from '../../src/config/tls-fields.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { type ClusterConfig, clusterFields } from '../../src/sinks/kafka/config.ts'
import { notices } from '../../src/sinks/kafka/import-rules.ts'
import { importSettings } from '../../src/sinks/kafka/import-settings.ts'
import { clusterSteps } from '../../src/sinks/kafka/probe-texts.ts'
import { kafkaProblems } from '../../src/sinks/kafka/problems.ts'
import { testPart } from '../shared/test-part.ts'

export const declaration = declareNode({
  type: 'kafka-cluster',
  kind: 'config',
  label: 'kafka cluster',
  summary: 'The address of a Kafka cluster and how to sign in there.',
  outputs: [],
  fields: clusterFields,
  problems: [kafkaProblems, templateProblems, sinkProblems, tlsProblems, settingsProblems],
  labelField: 'brokers',
  editorPart: testPart(clusterSteps),
  check: (config) => [...missingForSignIn(config), ...tooManyKeys(config)],
  importer: {
    note: 'Paste the configuration of a librdkafka client (a dictionary) or of a Java client (properties). It fills this form; what it does not name stays as it is, and nothing is changed in the flow before Done.',
    elsewhere: 'Belongs to the kafka sink: paste the same text there.',
    notices,
    read: (text) => importSettings('cluster', text),
  },
})

function missingForSignIn({ saslMechanism, user, tokenUrl, tokenClientId }: ClusterConfig): readonly FieldProblem[] {
  if (saslMechanism === 'none') return []
  const needed = saslMechanism === 'OAUTHBEARER' ? { tokenUrl, tokenClientId } : { user }
  return Object.entries(needed).flatMap(([field, value]) =>
    value === '' ? [{ field, problem: kafkaProblems.of('signIn', { mechanism: saslMechanism }) }] : [],
  )
}

function tooManyKeys({ useTls, keystorePath, cert, key }: ClusterConfig): readonly FieldProblem[] {
  if (!useTls || keystorePath === '' || (cert === '' && key === '')) return []
  return [{ field: 'keystorePath', problem: kafkaProblems.of('oneKeystore') }]
}
