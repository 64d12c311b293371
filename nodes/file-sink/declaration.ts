import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import { checkFileSink, fileProblems, sinkFields } from '../../src/sinks/file/config.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'file-sink',
  kind: 'sink',
  label: 'file sink',
  summary: 'Writes readings as lines of JSON to the local disk; they count as written when the disk has them.',
  color: '#C8D5B9',
  icon: 'file.svg',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  problems: [fileProblems, sinkProblems],
  labelField: 'path',
  check: checkFileSink,
  editorPart: previewPart,
})
