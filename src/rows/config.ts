import {
  type ConfigOf,
  choice,
  code,
  columnTwice,
  type Field,
  type FieldProblem,
  fieldProblems,
  flag,
  node,
  repeatedIn,
  table,
  text,
} from '../config/fields.ts'
import { logLevelField } from '../config/log-field.ts'
import { Problem } from '../core/problem.ts'
import { checkJsonSchema, jsonSchemaFields, parseJsonSchema } from './json-schema/fields.ts'
import { type ParsedSchema, parseRowSchema, readItemText, readRowSchema } from './parse-ddl.ts'
import { payloadFields } from './payload-fields.ts'
import { rowProblems } from './problems.ts'
import { type Item, timestampFormats } from './row-schema.ts'
import { sparkplug, sparkplugFields } from './sparkplug/fields.ts'
import { topicFields } from './topic-fields.ts'

const typeText = text({
  label: 'Type',
  note: 'As in SQL: BIGINT, DOUBLE, DECIMAL(10, 2), TIMESTAMP(3), ARRAY<INT>.',
  placeholder: 'DOUBLE',
})

const columnType: Field<Item> = {
  ...typeText,
  default: undefined,
  parse: (raw) => {
    const written = typeText.parse(raw)
    return written instanceof Problem ? written : readItemText(written)
  },
}

/** `row-schema`: the columns of a row. */
export const rowSchemaFields = {
  writtenAs: choice({
    label: 'Written as',
    note: '"sql" is for those who have a table definition already, "columns" for a list of names and types, "json-schema" checks every payload by a JSON Schema.',
    values: ['sql', 'columns', 'json-schema'],
    default: 'sql',
  }),
  schema: code({
    label: 'Schema',
    note: 'A Flink CREATE TABLE statement, a ROW<…> type, or a list of columns such as "ts BIGINT, unit STRING". All types of Flink SQL that JSON can hold, NOT NULL, and the computed column TO_TIMESTAMP(FROM_UNIXTIME(CAST(ts AS BIGINT) / 1000)).',
    placeholder: 'ts BIGINT, metadata ROW<siteId INT, unit STRING>, measurement DOUBLE',
    default: '',
    when: { field: 'writtenAs', values: ['sql'] },
  }),
  columns: table({
    label: 'Columns',
    note: 'What the rows hold, in this order. What else is in a payload is left out.',
    columns: {
      name: text({
        label: 'Name',
        note: 'As in the payload; upper and lower case differ.',
        placeholder: 'measurement',
      }),
      type: columnType,
      required: flag({
        label: 'Required',
        note: 'A reading without it, or where it is null, is rejected.',
        default: false,
      }),
    },
    when: { field: 'writtenAs', values: ['columns'] },
  }),
  ...jsonSchemaFields,
}
export type RowSchemaConfig = ConfigOf<typeof rowSchemaFields>

/** The text is read here and not by its field: while another way of writing is chosen, it may be anything. */
export function checkRowSchema({ writtenAs, schema, columns, jsonSchema }: RowSchemaConfig): readonly FieldProblem[] {
  if (writtenAs === 'json-schema') return checkJsonSchema(jsonSchema)
  if (writtenAs === 'sql') {
    const read = schema === '' ? fieldProblems.of('required') : readRowSchema(schema)
    return read instanceof Problem ? [{ field: 'schema', problem: read }] : []
  }
  return [
    ...(columns.length === 0 ? [{ field: 'columns', problem: fieldProblems.of('rows') }] : []),
    ...columnTwice(
      'columns',
      columns.map(({ name }) => name),
    ),
  ]
}

/** The schema of a configuration that `checkRowSchema` has nothing to say about. */
export function schemaOf({ writtenAs, schema, columns, jsonSchema }: RowSchemaConfig): ParsedSchema {
  if (writtenAs === 'json-schema') return parseJsonSchema(jsonSchema)
  if (writtenAs === 'sql') return parseRowSchema(schema)
  const listed = columns.map(({ name, type, required }) => ({
    name,
    type: type.type,
    notNull: required || type.notNull,
  }))
  return { columns: listed, ignored: [], decoding: {} }
}

const rows = { field: 'format', values: ['json-row', 'cbor', 'messagepack'] } as const
const schemas = { field: 'format', values: [...rows.values, 'json-schema'] } as const

/** `row-decoder`: what becomes of a payload. */
export const rowDecoderFields = {
  format: choice({
    label: 'Format',
    note: 'json-row makes rows with the columns of a schema; json-schema checks JSON by a JSON Schema and passes it on as it is; json takes any JSON as it is; cbor and messagepack do either, by whether there is a schema; text is UTF-8, raw any bytes; sparkplug-b makes a row of each Sparkplug B message.',
    values: ['json-row', 'json-schema', 'json', 'cbor', 'messagepack', 'text', 'raw', sparkplug],
    default: 'json-row',
  }),
  schema: node({
    label: 'Schema',
    note: 'The columns of every row. Left empty where the routes below name their own, and for CBOR and MessagePack that are to stay as they are.',
    nodeType: 'row-schema',
    optional: true,
    when: schemas,
  }),
  routes: table({
    label: 'Routes',
    note: 'A schema for each route of the source. Readings of a route that is not listed pass unchanged.',
    columns: {
      route: text({ label: 'Route', note: 'The route that the topics of the source give.' }),
      schema: node({ label: 'Schema', note: 'The columns of its rows.', nodeType: 'row-schema' }),
    },
    when: schemas,
  }),
  ...payloadFields,
  ...sparkplugFields,
  ...topicFields,
  onEmpty: choice({
    label: 'Empty payload',
    note: 'skip: no row, and the reading counts as done. reject: it goes to output 2. auto: reject where there is a topic pattern or a JSON Schema, else skip.',
    values: ['auto', 'skip', 'reject'],
    default: 'auto',
    advanced: true,
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
  timestampFormat: choice({
    label: 'Timestamps',
    note: 'How TIMESTAMP columns are written in the payload and in the row: SQL is 2024-10-19 04:35:51, ISO-8601 is 2024-10-19T04:35:51. RFC-3339 takes 2024-10-19T06:35:51+02:00 with any offset, and milliseconds since 1970, and makes UTC of them; numbers that could be seconds are rejected. What a table says about its JSON in its own WITH clause counts more than these three.',
    values: timestampFormats,
    default: 'SQL',
    advanced: true,
    when: rows,
  }),
  coerceNumbers: flag({
    label: 'Convert text to numbers',
    note: 'Text in a column of numbers, such as "12.5", is read as a number, as Flink does. Off: it is rejected, and so are "NaN" and numbers that are not finite.',
    default: true,
    advanced: true,
    when: rows,
  }),
  rejectEmptyText: flag({
    label: 'Reject empty text',
    note: 'Empty text in a required column (NOT NULL) counts as missing.',
    default: false,
    advanced: true,
    when: rows,
  }),
  logLevel: logLevelField('that it is done with'),
}
export type RowDecoderConfig = ConfigOf<typeof rowDecoderFields>

export function checkRowDecoder(config: RowDecoderConfig): readonly FieldProblem[] {
  const { format, schema, routes, failOnMissingField, ignoreParseErrors } = config
  if (!schemas.values.some((value) => value === format)) return []
  const twice = repeatedIn(routes.map(({ route }) => route))
  return [
    ...((format === 'json-row' || format === 'json-schema') && schema === '' && routes.length === 0
      ? [{ field: 'schema', problem: fieldProblems.of('required') }]
      : []),
    ...(schema !== '' && routes.length > 0
      ? [
          {
            field: 'schema',
            problem: rowProblems.of('schemaTwice'),
          },
        ]
      : []),
    ...(twice === undefined ? [] : [{ field: 'routes', problem: rowProblems.of('routeTwice', { route: twice }) }]),
    ...(format !== 'json-schema' && failOnMissingField && ignoreParseErrors
      ? [{ field: 'ignoreParseErrors', problem: rowProblems.of('together') }]
      : []),
  ]
}
