import { declareNode } from '../../src/config/declaration.ts'
import { checkSink, sinkFields } from '../../src/sinks/pubsub/config.ts'
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
  labelField: 'topic',
  check: (config) => checkSink(config),
  editorPart: previewPart,
})
