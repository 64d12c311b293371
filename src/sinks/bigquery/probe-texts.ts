import type { StepTexts } from '../../core/steps.ts'

export const bigquerySteps: StepTexts = {
  bigquery: 'BigQuery of {project} at {address}',
  'bigquery-passed': 'reached',
  'bigquery-unlisted':
    'Reached. This account may not list datasets, which is no harm: whether it may write, the sink tells.',
  'bigquery-skipped': 'Not asked: there is no access, or no sink uses it.',
}
