import {
  type ConfigOf,
  choice,
  columnTwice,
  duration,
  type FieldProblem,
  fieldProblems,
  flag,
  node,
  table,
  text,
} from '../../config/fields.ts'
import { runnerFields } from '../../config/sink-fields.ts'
import { cellProblem } from './cell-template.ts'
import { bigqueryProblems } from './problems.ts'

const created = { field: 'createTable', values: [true] } as const

/** `bigquery-sink`: which columns go into which table. */
export const sinkFields = {
  cloud: node({ label: 'Google Cloud', note: 'The project, and who we are there.', nodeType: 'google-cloud' }),
  dataset: text({
    label: 'Dataset',
    note: 'The dataset that has the table.',
    placeholder: 'plant',
    check: (name) => (/^\w{1,1024}$/.test(name) ? undefined : bigqueryProblems.of('dataset')),
  }),
  table: text({
    label: 'Table',
    note: 'The table that gets the rows.',
    placeholder: 'readings',
    check: (name) =>
      /^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]{1,1024}$/u.test(name) ? undefined : bigqueryProblems.of('table'),
  }),
  schema: node({
    label: 'Row schema',
    note: 'The columns of the rows and their types. What else is in a row is left out. Left empty: only the columns below.',
    nodeType: 'row-schema',
    optional: true,
  }),
  columns: table({
    label: 'More columns',
    note: 'What is known about a reading, for example mqtt_topic = {topic} and ingested_at = {receivedAt}. Takes {topic}, {topic.name} (what the pattern of the row decoder calls {name}), {filter}, {route}, {to}, {node}, {tag}, {id}, {qos}, {retain}, {dup}, {receivedAt} and {payload}, which is all of it as JSON. Where a value is not known the column is null.',
    columns: {
      name: text({ label: 'Column', note: 'Its name in the table.', placeholder: 'mqtt_topic' }),
      value: text({ label: 'Value', note: 'Text and placeholders.', placeholder: '{topic}', check: cellProblem }),
    },
  }),
  writeMethod: choice({
    label: 'Write with',
    note: '"storageWrite" is the Storage Write API: each row at least once. "exactlyOnce" is the same with a stream of its own: no row twice, also after a crash; it needs the outbox and writes each row to the local disk once more. "insertAll" is the older interface, for where the other is not allowed.',
    values: ['storageWrite', 'exactlyOnce', 'insertAll'],
    default: 'storageWrite',
  }),
  createTable: flag({
    label: 'Create the table',
    note: 'Creates the table where it does not exist. Off: the sink turns red and waits until somebody has created it. The dataset has to exist.',
    default: false,
  }),
  partitioning: choice({
    label: 'Partitions',
    note: 'How a table that is created is divided: not at all, by the time at which rows arrive there, or by a column with a date or time.',
    values: ['none', 'ingestion-day', 'ingestion-hour', 'column-day', 'column-hour'],
    default: 'none',
    when: created,
  }),
  partitionColumn: text({
    label: 'Partition column',
    note: 'Of type TIMESTAMP, or DATE where a partition is a day.',
    default: '',
    placeholder: 'timestamp',
    when: { field: 'partitioning', values: ['column-day', 'column-hour'] },
  }),
  clustering: text({
    label: 'Cluster by',
    note: 'Up to four columns, separated by commas, by which a table that is created sorts its rows.',
    default: '',
    placeholder: 'site, mqtt_topic',
    when: created,
  }),
  addColumns: flag({
    label: 'Add columns',
    note: 'Adds columns that the table does not have, nullable. Off: the sink turns red, names the column and goes on when somebody has added it.',
    default: false,
  }),
  requestTimeoutMs: duration({
    label: 'Request timeout',
    note: 'How long BigQuery may take to answer before a request is sent again.',
    default: 15_000,
    min: 100,
    max: 600_000,
    advanced: true,
  }),
  ...runnerFields({ batchRecords: 500, batchBytes: 4 << 20, lingerMs: 50, delivery: 'outbox' }),
}

export type BigQuerySinkConfig = ConfigOf<typeof sinkFields>

/** What no field can see alone. */
export function checkSink(config: BigQuerySinkConfig): readonly FieldProblem[] {
  const { schema, columns, writeMethod, delivery, createTable, partitioning, partitionColumn, clustering } = config
  const isByColumn = createTable && partitioning.startsWith('column')
  return [
    ...(schema === '' && columns.length === 0 ? [{ field: 'schema', problem: bigqueryProblems.of('columns') }] : []),
    ...columnTwice(
      'columns',
      columns.map(({ name }) => name.toLowerCase()),
    ),
    ...(writeMethod === 'exactlyOnce' && delivery === 'confirm'
      ? [{ field: 'writeMethod', problem: bigqueryProblems.of('outbox') }]
      : []),
    ...(isByColumn && partitionColumn === ''
      ? [{ field: 'partitionColumn', problem: fieldProblems.of('required') }]
      : []),
    ...(createTable && clustering.split(',').length > 4
      ? [{ field: 'clustering', problem: bigqueryProblems.of('clustering') }]
      : []),
  ]
}
