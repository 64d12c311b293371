import { declareNode } from '../../src/config/declaration.ts'
import { checkGauge, gaugeFields, gaugeProblems } from '../../src/metrics/gauge-config.ts'

export const declaration = declareNode({
  type: 'prometheus-gauge',
  kind: 'transform',
  label: 'prometheus gauge',
  summary: 'Shows the last value of each series of rows to Prometheus, at /rowline/rows.',
  color: '#F3B8A5',
  icon: 'gauge.svg',
  outputs: ['shown', 'rejected'],
  fields: gaugeFields,
  problems: [gaugeProblems],
  labelField: 'valueColumn',
  check: checkGauge,
})
