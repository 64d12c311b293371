import { declareNode } from '../../src/config/declaration.ts'
import { checkRowSchema, rowSchemaFields } from '../../src/rows/config.ts'
import { editorPart } from './editor-part.ts'

export const declaration = declareNode({
  type: 'row-schema',
  kind: 'config',
  label: 'row schema',
  summary: 'The columns of a row and their types.',
  outputs: [],
  fields: rowSchemaFields,
  check: checkRowSchema,
  editorPart,
})
