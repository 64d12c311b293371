import type { EditorPart } from '../../src/config/editor-part.ts'
import { sampleTexts } from '../shared/sample-texts.ts'

/** What the dialog shows and does beside its fields, and the menu action *Import table…*. */
export const editorPart: EditorPart = {
  module: 'schema-part',
  texts: {
    show: 'Show as',
    columns: 'Columns',
    sql: 'SQL',
    'json-schema': 'JSON Schema',
    'big-query': 'BigQuery schema',
    use: 'Write it so',
    none: 'There are no columns yet.',
    unread: 'The columns appear here once the schema has no error.',
    inferTitle: 'Columns from payloads',
    inferNote: 'One JSON payload per line. What ten payloads or more all have becomes required.',
    infer: 'Make columns',
    double: 'DOUBLE',
    doubles: 'All whole numbers as DOUBLE',
    topics: 'Topic',
    everyTopic: 'all {count}',
    oneTopic: '{topic} ({count})',
    differ: 'The {count} topics have different fields. For one schema per topic choose the one to make columns of.',
    ...sampleTexts,
    sampleOf: 'of',
    import: 'Import table…',
    importNote:
      'A Flink CREATE TABLE with its WITH clause fills mqtt v3 source, mqtt v3 in, row schema and row decoder. User and password go to the credentials.',
    importing: 'Import a Flink table',
    into: 'Into',
    intoNew: 'New nodes',
    intoChain: 'Update {input} → {decoder}',
    apply: 'Import',
    close: 'Close',
    created: 'New: {node}',
    updated: 'Updated: {node}',
    locked: 'This flow is locked.',
    installed: 'Rowline is installed.',
    firstRows: 'First rows…',
    firstRowsTitle: 'First rows in Kafka',
    firstRowsNote:
      'Makes the flow of the example 02 in a tab of its own: readings become rows in Kafka. Then press Deploy. The table is that of the example; comment 4 of the flow says how to enter your own.',
    broker: 'MQTT broker',
    user: 'User (broker)',
    password: 'Password (broker)',
    topic: 'MQTT topic',
    kafka: 'Kafka brokers',
    overTls:
      'Port 8883: the connection uses TLS, and the certificate of the broker must be from an authority that this system trusts. Another one is entered in "CA certificate" of the source, before Deploy.',
    make: 'Make the flow',
  },
}
