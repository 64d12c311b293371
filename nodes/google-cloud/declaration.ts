import { declareNode } from '../../src/config/declaration.ts'
import { checkGoogle, googleFields } from '../../src/google/config.ts'
import { signInSteps } from '../../src/google/probe-texts.ts'
import { googleProblems } from '../../src/google/problems.ts'
import { bigquerySteps } from '../../src/sinks/bigquery/probe-texts.ts'
import { pubsubSteps } from '../../src/sinks/pubsub/probe-texts.ts'
import { testPart } from '../shared/test-part.ts'

export const declaration = declareNode({
  type: 'google-cloud',
  kind: 'config',
  label: 'google cloud',
  summary: 'A Google Cloud project and how to sign in there.',
  outputs: [],
  fields: googleFields,
  problems: [googleProblems],
  labelField: 'projectId',
  editorPart: testPart({ ...signInSteps, ...pubsubSteps, ...bigquerySteps }),
  check: (config) => checkGoogle(config),
})
