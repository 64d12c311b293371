import {
  type ConfigOf,
  choice,
  code,
  type Field,
  type FieldProblem,
  flag,
  node,
  Problem,
  table,
  text,
} from '../config/fields.ts'
import { type ParsedSchema, readRowSchema } from './parse-ddl.ts'

const schemaText = code({
  label: 'Schema',
  note: 'A Flink CREATE TABLE statement, a ROW<…> type, or a list of columns such as "ts BIGINT, unit STRING". Types: BIGINT, INT, DOUBLE, STRING, BOOLEAN, ROW<…>.',
  placeholder: 'ts BIGINT, metadata ROW<siteId INT, unit STRING>, measurement DOUBLE',
})

/** A schema as text; the parsed configuration holds its columns. */
const schema: Field<ParsedSchema> = {
  ...schemaText,
  default: undefined,
  parse: (raw) => {
    const written = schemaText.parse(raw)
    return written instanceof Problem ? written : readRowSchema(written)
  },
}

/** `row-schema`: the columns of a row. */
export const rowSchemaFields = { schema }
export type RowSchemaConfig = ConfigOf<typeof rowSchemaFields>

const rows = { field: 'format', values: ['json-row'] } as const

/** `row-decoder`: what becomes of a payload. */
export const rowDecoderFields = {
  format: choice({
    label: 'Format',
    note: 'json-row makes rows with the columns of a schema; json takes any JSON as it is.',
    values: ['json-row', 'json'],
    default: 'json-row',
  }),
  schema: node({
    label: 'Schema',
    note: 'The columns of every row. Left empty where the routes below name their own.',
    nodeType: 'row-schema',
    optional: true,
    when: rows,
  }),
  routes: table({
    label: 'Routes',
    note: 'A schema for each route of the source. Readings of a route that is not listed pass unchanged.',
    columns: {
      route: text({ label: 'Route', note: 'The route that the topics of the source give.' }),
      schema: node({ label: 'Schema', note: 'The columns of its rows.', nodeType: 'row-schema' }),
    },
    when: rows,
  }),
  onEmpty: choice({
    label: 'Empty payload',
    note: 'skip: no row, and the reading counts as done. reject: it goes to output 2.',
    values: ['skip', 'reject'],
    default: 'skip',
  }),
  failOnMissingField: flag({
    label: 'Reject missing fields',
    note: 'A reading without one of the columns goes to output 2. Otherwise the column is null.',
    default: false,
    advanced: true,
    when: rows,
  }),
  ignoreParseErrors: flag({
    label: 'Ignore parse errors',
    note: 'A value of the wrong type becomes null, and a payload that is no JSON object is skipped and counted. Otherwise both go to output 2.',
    default: false,
    advanced: true,
    when: rows,
  }),
}
export type RowDecoderConfig = ConfigOf<typeof rowDecoderFields>

export function checkRowDecoder(config: RowDecoderConfig): readonly FieldProblem[] {
  if (config.format !== 'json-row') return []
  const { schema, routes, failOnMissingField, ignoreParseErrors } = config
  const names = routes.map(({ route }) => route)
  const twice = names.find((route, i) => names.indexOf(route) < i)
  return [
    ...(schema === '' && routes.length === 0 ? [{ field: 'schema', text: 'is required' }] : []),
    ...(schema !== '' && routes.length > 0
      ? [
          {
            field: 'schema',
            text: 'must be empty where routes name the schemas: readings of other routes pass unchanged',
          },
        ]
      : []),
    ...(twice === undefined ? [] : [{ field: 'routes', text: `name the route ${twice} twice` }]),
    ...(failOnMissingField && ignoreParseErrors
      ? [{ field: 'ignoreParseErrors', text: 'cannot be on together with failOnMissingField' }]
      : []),
  ]
}
