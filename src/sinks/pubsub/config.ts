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
import { attributeNameProblem } from './names.ts'
import { pubsubProblems } from './problems.ts'
import { recordTemplateProblem } from './record-template.ts'
import { topicProblem } from './topic-name.ts'

const mapped = { field: 'data', values: ['mapped'] } as const

/** Of the service, for the attributes of one message; six are ours. */
export const mostAttributes = 100
const ownAttributes = 6

/** `pubsub-sink`: what is published where. */
export const sinkFields = {
  cloud: node({ label: 'Google Cloud', note: 'The project, and who we are there.', nodeType: 'google-cloud' }),
  topic: text({
    label: 'Topic',
    note: 'The Pub/Sub topic: its short name, or projects/…/topics/… for one of another project. Takes {topic}, {filter}, {route}, {to}, {node} and {tag}, {topic.name} for a part that the pattern of the row decoder has named, and {payload.column} for a column of the row; a character that Pub/Sub does not allow becomes "_".',
    placeholder: 'readings',
    check: topicProblem,
  }),
  data: choice({
    label: 'Data',
    note: '"payload": bytes and text as they are, rows as JSON. "original": the bytes as they came from the broker, whatever has become of them. "mapped": a JSON object with the columns below.',
    values: ['payload', 'original', 'mapped'],
    default: 'payload',
  }),
  mapping: table({
    label: 'Columns',
    note: 'The object, in this order. A value that is one {payload.column} alone keeps its type, everything else is text; what is not known is null. Takes the same placeholders as the topic.',
    columns: {
      name: text({ label: 'Column', note: 'Its name in the object.', placeholder: 'kpi' }),
      value: text({
        label: 'Value',
        note: 'Text and placeholders.',
        placeholder: '{payload.pi_tag}',
        check: recordTemplateProblem,
      }),
    },
    when: mapped,
  }),
  orderingKey: text({
    label: 'Ordering key',
    note: 'Messages with the same key are published one after the other and stay in order, also over failures; a failing key holds up no other, with an outbox for four full batches, as it confirms in order. Takes the same placeholders as the topic. Where a value is not known, or the field is empty, a message has no key and no order.',
    default: '',
    placeholder: '{topic}',
    check: recordTemplateProblem,
  }),
  includeMetadata: flag({
    label: 'Metadata attributes',
    note: 'Adds the attributes mqtt.topic, mqtt.qos, mqtt.retain, mqtt.dup and source, from an outbox rowline.id, and what an MQTT 5 publisher said: its user properties (traceparent and tracestate too) and mqtt.content-type, mqtt.response-topic, mqtt.correlation-data.',
    default: true,
  }),
  attributes: table({
    label: 'Attributes',
    note: 'More attributes, for example site = {topic.site_code}. Both take the same placeholders as the topic; an attribute whose name or value is not known is left out.',
    columns: {
      name: text({ label: 'Attribute', note: 'Its name.', placeholder: 'site', check: attributeNameProblem }),
      value: text({
        label: 'Value',
        note: 'Text and placeholders.',
        placeholder: '{payload.site_code}',
        check: recordTemplateProblem,
      }),
    },
  }),
  endpoint: text({
    label: 'Endpoint',
    note: 'Where messages are sent. Take the one of a region, for example europe-west3-pubsub.googleapis.com, where several publishers share ordering keys: Pub/Sub keeps their order only within a region.',
    default: 'pubsub.googleapis.com',
    advanced: true,
    check: (host) => (/^[\w.-]+(:\d{1,5})?$/.test(host) ? undefined : pubsubProblems.of('endpoint')),
  }),
  requestTimeoutMs: duration({
    label: 'Request timeout',
    note: 'How long Pub/Sub may take to answer before a request is sent again. What it has stored all the same is then there twice, with the same rowline.id.',
    default: 10_000,
    min: 100,
    max: 600_000,
    advanced: true,
  }),
  ...runnerFields({ batchRecords: 1000, batchBytes: 9_000_000, lingerMs: 10, delivery: 'outbox' }),
}

export type PubsubSinkConfig = ConfigOf<typeof sinkFields>

/** What no field can see alone. */
export function checkSink({ data, mapping, attributes }: PubsubSinkConfig): readonly FieldProblem[] {
  const most = mostAttributes - ownAttributes
  return [
    ...(data === 'mapped' && mapping.length === 0 ? [{ field: 'mapping', problem: fieldProblems.of('rows') }] : []),
    ...columnTwice(
      'mapping',
      mapping.map(({ name }) => name),
    ),
    ...(attributes.length > most ? [{ field: 'attributes', problem: pubsubProblems.of('most', { most }) }] : []),
  ]
}
