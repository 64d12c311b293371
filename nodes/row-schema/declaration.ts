import { declareNode } from '../../src/config/declaration.ts'
import { checkRowSchema, rowSchemaFields } from '../../src/rows/config.ts'
import { connectorNotices } from '../../src/rows/connector-options.ts'
import { inferProblems } from '../../src/rows/infer.ts'
import { jsonSchemaProblems } from '../../src/rows/json-schema/read-json-schema.ts'
import { patternProblems } from '../../src/rows/pattern/code-points.ts'
import { sqlProblems } from '../../src/rows/sql-problems.ts'
import { editorPart } from './editor-part.ts'

export const declaration = declareNode({
  type: 'row-schema',
  kind: 'config',
  label: 'row schema',
  summary: 'The columns of a row and their types.',
  outputs: [],
  fields: rowSchemaFields,
  problems: [sqlProblems, jsonSchemaProblems, patternProblems, inferProblems, connectorNotices],
  check: checkRowSchema,
  editorPart,
})
