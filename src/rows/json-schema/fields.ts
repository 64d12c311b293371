import { code, type FieldProblem, fieldProblems } from '../../config/fields.ts'
import { Problem } from '../../core/problem.ts'
import { columnsOfJsonSchema } from '../convert/columns-of-json-schema.ts'
import type { ParsedSchema } from '../parse-ddl.ts'
import { readJsonSchema } from './read-json-schema.ts'

/** Of `row-schema`. */
export const jsonSchemaFields = {
  jsonSchema: code({
    label: 'JSON Schema',
    note: 'Of the draft 2020-12, or of draft-07 where "$schema" says so. Every payload is checked by it, formats too. References stay inside the text. Rows have a column for each property where the types are certain; a payload of the type string at the top is any text.',
    placeholder: '{"type": "object", "required": ["value"], "properties": {"value": {"type": "number"}}}',
    default: '',
    language: 'json',
    when: { field: 'writtenAs', values: ['json-schema'] },
  }),
}

/** What can be said without compiling it; that is done when the flow is deployed. */
export function checkJsonSchema(text: string): readonly FieldProblem[] {
  const read = text === '' ? fieldProblems.of('required') : readJsonSchema(text)
  return read instanceof Problem ? [{ field: 'jsonSchema', problem: read }] : []
}

/** The schema of a text that `checkJsonSchema` has nothing to say about. Without columns where its types are not certain. */
export function parseJsonSchema(text: string): ParsedSchema {
  const jsonSchema = readJsonSchema(text)
  if (jsonSchema instanceof Problem) throw new Error(jsonSchema.text)
  const mapped = columnsOfJsonSchema(jsonSchema.root)
  const isMapped = 'columns' in mapped
  return {
    columns: isMapped ? mapped.columns : [],
    decoding: {},
    ignored: [
      ...jsonSchema.ignored,
      ...(isMapped ? [] : [`payloads are passed on as JSON, without columns: ${mapped.problem}`]),
    ],
    jsonSchema,
  }
}
