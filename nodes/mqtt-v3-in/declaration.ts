import { declareNode } from '../../src/config/declaration.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { topicProblems } from '../../src/core/topic-filter.ts'
import { checkIn, inFields } from '../../src/mqtt/config.ts'
import { editorPart } from './editor-part.ts'

export const declaration = declareNode({
  type: 'mqtt-v3-in',
  kind: 'source',
  label: 'mqtt v3 in',
  summary: 'Reads MQTT topics and acknowledges a reading only when the flow has finished with it.',
  color: '#C0DEED',
  icon: 'mqtt-in.svg',
  outputs: ['readings', 'rejected'],
  controlled: { by: 'dynamic', outputs: ['answers'] },
  fields: inFields,
  problems: [templateProblems, topicProblems],
  check: checkIn,
  editorPart,
})
