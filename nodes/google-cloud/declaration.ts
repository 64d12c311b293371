import { declareNode } from '../../src/config/declaration.ts'
import { checkGoogle, googleFields } from '../../src/google/config.ts'

export const declaration = declareNode({
  type: 'google-cloud',
  kind: 'config',
  label: 'google cloud',
  summary: 'A Google Cloud project and how to sign in there.',
  outputs: [],
  fields: googleFields,
  labelField: 'projectId',
  check: (config) => checkGoogle(config),
})
