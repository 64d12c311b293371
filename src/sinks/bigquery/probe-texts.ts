import type { StepTexts } from '../../core/steps.ts'

export const bigquerySteps: StepTexts = {
  bigquery: 'BigQuery of {project} at {address}',
  'bigquery-passed': 'reached',
  'bigquery-skipped': 'Not asked, for lack of access.',
}
