import { PipelineError } from '../../core/errors.ts'
import type { Value } from '../../core/record.ts'
import { decodeJson } from '../decode-json.ts'
import { decodeText } from '../formats/plain.ts'
import type { ParsedSchema } from '../parse-ddl.ts'
import { compileJsonSchema } from './json-schema-validator.ts'
import { isObject, type JsonSchemaText } from './read-json-schema.ts'

type Decode<T> = (bytes: Uint8Array) => T

/** Reads a payload and checks it. Throws JSON_INVALID, TEXT_INVALID or SCHEMA_MISMATCH; at once CONFIG_INVALID. */
export function decodeByJsonSchema(text: JsonSchemaText): Decode<Value> {
  const read: Decode<Value> = isText(text) ? decodeText : decodeJson
  const validate = compileJsonSchema(text)
  return (bytes) => {
    const value = read(bytes)
    validate(value)
    return value
  }
}

/** Checks every payload by the JSON Schema of a schema, and makes rows of it as `decodeRow` does where there are columns. */
export function checkedRows<T>(schema: ParsedSchema, decodeRow: Decode<T>): Decode<T | Value> {
  const { jsonSchema, columns } = schema
  if (jsonSchema === undefined) return decodeRow
  const decode = decodeByJsonSchema(jsonSchema)
  if (columns.length === 0) return decode
  return (bytes) => {
    decode(bytes)
    return decodeRow(bytes)
  }
}

export function demandJsonSchema({ jsonSchema }: ParsedSchema): JsonSchemaText {
  if (jsonSchema !== undefined) return jsonSchema
  throw new PipelineError('CONFIG_INVALID', {
    field: 'schema',
    problem: 'must be written as JSON Schema for this format',
  })
}

/** Any text fits then, with or without quotes. */
const isText = ({ root }: JsonSchemaText): boolean => isObject(root) && root.type === 'string'
