import { declareNode } from '../../src/config/declaration.ts'
import { sinkProblems } from '../../src/config/environment-gate.ts'
import { templateProblems } from '../../src/core/metadata.ts'
import { checkSink, sinkFields } from '../../src/sinks/bigquery/config.ts'
import { bigqueryProblems } from '../../src/sinks/bigquery/problems.ts'
import { previewPart } from '../shared/preview-texts.ts'

export const declaration = declareNode({
  type: 'bigquery-sink',
  kind: 'sink',
  label: 'bigquery sink',
  summary: 'Writes readings into a BigQuery table; they count as written when BigQuery has confirmed each row.',
  color: '#A9C7E8',
  icon: 'bigquery.svg',
  outputs: ['written', 'rejected'],
  fields: sinkFields,
  problems: [bigqueryProblems, templateProblems, sinkProblems],
  labelField: 'table',
  check: (config) => checkSink(config),
  editorPart: previewPart,
})
