import { Problem } from '../../core/problem.ts'

export const bigqueryProblems = Problem.area('bigquery', {
  dataset: 'must be of A-Z a-z 0-9 _ alone',
  table: 'must be of letters, digits, blanks, _ and - alone',
  alone: 'must be {hole} alone, as its column has a type of its own',
  columns: 'is required where "More columns" is empty',
  outbox: 'can be exactlyOnce only with "Delivery" outbox',
  clustering: 'must be at most four columns',
})
