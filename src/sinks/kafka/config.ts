import { bytes, type ConfigOf, choice, duration, flag, integer, node, table, text } from '../../config/fields.ts'
import { runnerFields } from '../../config/sink-fields.ts'
import { tlsFields } from '../../config/tls-fields.ts'
import { nameTemplateProblem, templateProblem } from '../../core/metadata.ts'
import type { Problem } from '../../core/problem.ts'
import { mostPartitions } from '../../core/record.ts'
import { kafkaProblems } from './problems.ts'
import { registryFields } from './registry-fields.ts'
import { signInFields } from './sign-in-fields.ts'
import { moreTlsFields } from './tls-fields.ts'

/** `kafka-cluster`: how to reach a cluster and who we are there. */
export const clusterFields = {
  brokers: text({
    label: 'Brokers',
    note: 'Addresses of one or more brokers, separated by commas. The others are found through them.',
    placeholder: '192.168.1.20:9092, 192.168.1.21:9092',
    check: brokersProblem,
  }),
  clientId: text({
    label: 'Client id',
    note: 'The name in the logs and quotas of the cluster. Left empty: the name of the sink.',
    default: '',
    advanced: true,
    check: (id) => (/\s/.test(id) ? kafkaProblems.of('spaces') : undefined),
  }),
  ...signInFields,
  ...tlsFields,
  ...moreTlsFields,
  client: choice({
    label: 'Client',
    note: 'The library that talks to Kafka. "auto" takes platformatic where it is installed and Node.js is new enough for it (22.22 or newer of its line, 24.6 and newer), else kafkajs, which needs two to three times the CPU and compresses only with gzip.',
    values: ['auto', 'platformatic', 'kafkajs'],
    default: 'auto',
    advanced: true,
  }),
  connectTimeoutMs: duration({
    label: 'Connect timeout',
    note: 'How long a broker may take to accept the connection.',
    default: 10_000,
    min: 100,
    max: 600_000,
    advanced: true,
  }),
}

export type ClusterConfig = ConfigOf<typeof clusterFields>

/** `kafka-sink`: what is written where. */
export const sinkFields = {
  cluster: node({ label: 'Cluster', note: 'The Kafka cluster to write to.', nodeType: 'kafka-cluster' }),
  topic: text({
    label: 'Topic',
    note: 'The Kafka topic. Takes {topic}, {filter}, {route}, {to}, {node}, {tag}, and {topic.name} for a part that the topic pattern of a row decoder has named. Left empty: msg.to, else the MQTT topic. A slash becomes the separator, any other character that Kafka does not allow becomes "_".',
    default: '',
    placeholder: 'the MQTT topic',
    check: nameTemplateProblem,
  }),
  topicSeparator: choice({
    label: 'Separator',
    note: 'What stands for the slashes of MQTT in a Kafka topic.',
    values: ['_', '.'],
    default: '_',
  }),
  onInvalidTopic: choice({
    label: 'Impossible names',
    note: 'What becomes of a reading whose Kafka topic would be longer than 249 characters, "." or "..": "reject" sends it to output 2, "hash" cuts the name and adds a hash of the whole.',
    values: ['reject', 'hash'],
    default: 'reject',
    advanced: true,
  }),
  keyTemplate: text({
    label: 'Key',
    note: 'Records with the same key stay in order. Takes the same placeholders as the topic. Left empty: no key, the records are spread over the partitions.',
    default: '{topic}',
    blank: true,
    check: templateProblem,
  }),
  includeMetadata: flag({
    label: 'Metadata headers',
    note: 'Adds the headers mqtt.topic, mqtt.qos, mqtt.retain, mqtt.dup and source, from an outbox rowline.id, and what an MQTT 5 publisher said: its user properties and mqtt.content-type, mqtt.response-topic, mqtt.correlation-data.',
    default: true,
  }),
  headers: table({
    label: 'Headers',
    note: 'More headers, for example source.node = {node}. Values take the same placeholders as the topic; a header whose value is not known is left out.',
    columns: {
      name: text({ label: 'Header', note: 'Its name.', placeholder: 'source.node', check: headerProblem }),
      value: text({ label: 'Value', note: 'Text and placeholders.', placeholder: '{node}', check: templateProblem }),
    },
    advanced: true,
  }),
  timestampAttribute: text({
    label: 'Time column',
    note: 'The column with the time of the record, inside sub-rows as in metadata.ts: a number is milliseconds since 1970, text is RFC 3339. Where it is missing, older than the topic keeps records or more than an hour ahead, the record has the time of receipt, and the original in the header rowline.timestamp. Left empty: the time of receipt.',
    default: '',
    advanced: true,
  }),
  tombstones: flag({
    label: 'Tombstones',
    note: 'Writes a payload that is null or empty as a record without value, which deletes the key from a compacted topic.',
    default: false,
    advanced: true,
  }),
  partitioner: choice({
    label: 'Partitioner',
    note: 'How a key chooses its partition: "murmur2" as the Java client does, "consistent" as librdkafka does unless told otherwise. Change it only where other producers write the same keys.',
    values: ['murmur2', 'consistent'],
    default: 'murmur2',
    advanced: true,
  }),
  compression: choice({
    label: 'Compression',
    note: 'Saves network and disk for CPU time. lz4 and snappy cost the least, gzip and zstd make it smaller. kafkajs, which the offline package brings alone, has only gzip.',
    values: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    default: 'none',
  }),
  autoCreateTopics: flag({
    label: 'Create topics',
    note: 'Creates a topic that does not exist. Off: the sink turns red and waits until somebody has created it.',
    default: true,
  }),
  partitions: integer({
    label: 'Partitions',
    note: 'Of a topic that is created, where the topics of the source say nothing else. 0: the default of the cluster.',
    default: 0,
    min: 0,
    max: mostPartitions,
    advanced: true,
    when: { field: 'autoCreateTopics', values: [true] },
  }),
  replication: integer({
    label: 'Replication',
    note: 'How many brokers keep a copy of a topic that is created. 0: the default of the cluster.',
    default: 0,
    min: 0,
    max: 100,
    advanced: true,
    when: { field: 'autoCreateTopics', values: [true] },
  }),
  retentionMs: duration({
    label: 'Retention',
    note: 'How long a topic that is created keeps its records, as "7 d". 0: the default of the cluster.',
    default: 0,
    min: 0,
    max: 3650 * 86_400_000,
    advanced: true,
    when: { field: 'autoCreateTopics', values: [true] },
  }),
  maxMessageBytes: bytes({
    label: 'Largest record',
    note: 'Larger records are rejected before they are sent. Raise it together with max.message.bytes of the topic.',
    default: 1 << 20,
    min: 1024,
    max: 64 << 20,
    advanced: true,
  }),
  ...registryFields,
  requestTimeoutMs: duration({
    label: 'Request timeout',
    note: 'How long a broker, or the schema registry, may take to answer before the request is sent again.',
    default: 30_000,
    min: 100,
    max: 600_000,
    advanced: true,
  }),
  deliveryTimeoutMs: duration({
    label: 'Delivery timeout',
    note: 'How long a batch is sent again within one producer session, in which Kafka recognises repeats. After that the sink starts a new session, and a batch whose answer was lost may be stored twice.',
    default: 120_000,
    min: 100,
    max: 3_600_000,
    advanced: true,
  }),
  ...runnerFields({ batchRecords: 500, batchBytes: 512 << 10, lingerMs: 5, delivery: 'outbox' }),
}

export type KafkaSinkConfig = ConfigOf<typeof sinkFields>

const ours = ['rowline.id', 'rowline.timestamp']

function headerProblem(name: string): Problem | undefined {
  return ours.includes(name) ? kafkaProblems.of('header', { name }) : undefined
}

export interface Broker {
  readonly host: string
  readonly port: number
}

const address = /^(\[[\da-fA-F:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/

/** `kafka1:9092, [::1]:9093`; without a port 9092. */
export function parseBrokers(list: string): readonly (Broker | undefined)[] {
  return list.split(',').map((item) => {
    const match = address.exec(item.trim())
    const port = Number(match?.[2] ?? 9092)
    if (!match || port < 1 || port > 65_535) return undefined
    return { host: match[1]!.replace(/^\[|\]$/g, ''), port }
  })
}

function brokersProblem(list: string): Problem | undefined {
  return parseBrokers(list).includes(undefined) ? kafkaProblems.of('brokers') : undefined
}
