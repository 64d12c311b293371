import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import { settingsProblems } from '../../src/config/settings-text.ts'
import { tlsProblems } from '../../src/config/tls-fields.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { sinkFields } from '../../src/sinks/kafka/config.ts'
import { notices } from '../../src/sinks/kafka/import-rules.ts'
import { importSettings } from '../../src/sinks/kafka/import-settings.ts'
import { kafkaProblems } from '../../src/sinks/kafka/problems.ts'
import { checkRegistry } from '../../src/sinks/kafka/registry-fields.ts'
import { checkTopic } from '../../src/sinks/kafka/topic-rule.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'kafka-sink',
  kind: 'sink',
  label: 'kafka sink',
  summary: 'Writes readings to Kafka; they count as written when every in-sync replica has them.',
  color: '#C9BEDB',
  icon: 'kafka.svg',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  problems: [kafkaProblems, templateProblems, sinkProblems, tlsProblems, settingsProblems],
  labelField: 'topic',
  check: (config) => [...checkRegistry(config), ...checkTopic(config)],
  importer: {
    note: 'Paste the configuration of a librdkafka client (a dictionary) or of a Java client (properties). It fills this form; what it does not name stays as it is, and nothing is changed in the flow before Done.',
    elsewhere: 'Belongs to the kafka cluster: paste the same text there.',
    notices,
    read: (text) => importSettings('sink', text),
  },
  editorPart: previewPart,
})
