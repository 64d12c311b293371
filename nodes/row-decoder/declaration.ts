import { declareNode } from '../../src/config/declaration.ts'
import { topicProblems } from '../../src/core/topic-filter.ts'
import { checkRowDecoder, rowDecoderFields } from '../../src/rows/config.ts'
import { rowProblems } from '../../src/rows/problems.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'row-decoder',
  kind: 'transform',
  label: 'row decoder',
  summary: 'Makes typed rows of payloads; what does not fit leaves at output 2 with the reason.',
  color: '#C7E9C0',
  icon: 'rows.svg',
  outputs: ['rows', 'rejected', 'requests'],
  fields: rowDecoderFields,
  problems: [rowProblems, topicProblems],
  check: checkRowDecoder,
  editorPart: previewPart,
})
