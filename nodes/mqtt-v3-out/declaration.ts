import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { topicProblems } from '../../src/core/topic-filter.ts'
import { sinkFields } from '../../src/sinks/mqtt/config.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'mqtt-v3-out',
  kind: 'sink',
  label: 'mqtt v3 out',
  summary: 'Publishes readings at an MQTT broker; they count as written when the broker has confirmed them.',
  color: '#C0DEED',
  icon: 'mqtt-out.svg',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  problems: [templateProblems, topicProblems, sinkProblems],
  labelField: 'topic',
  editorPart: previewPart,
})
