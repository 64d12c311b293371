import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { checkSink, sinkFields } from '../../src/sinks/pubsub/config.ts'
import { pubsubProblems } from '../../src/sinks/pubsub/problems.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'pubsub-sink',
  kind: 'sink',
  label: 'pubsub sink',
  summary: 'Publishes readings to Google Pub/Sub; they count as written when Pub/Sub has given each a message id.',
  color: '#B9CDEB',
  icon: 'pubsub.svg',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  problems: [pubsubProblems, templateProblems, sinkProblems],
  labelField: 'topic',
  check: (config) => checkSink(config),
  editorPart: previewPart,
})
