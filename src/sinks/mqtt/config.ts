import { bytes, type ConfigOf, choice, duration, flag, integer, node, text } from '../../config/fields.ts'
import { runnerFields } from '../../config/sink-fields.ts'
import { nameTemplateProblem, templateProblem } from '../../core/metadata.ts'
import type { Problem } from '../../core/problem.ts'
import { topicProblem } from './topic.ts'

export const payloadHole = '{payload}'

/** A little under what MQTT itself allows (section 2.2.3). */
const largestPacket = 256 << 20

/** `mqtt-v3-out`: what is published where. */
export const sinkFields = {
  source: node({
    label: 'Broker',
    note: 'The broker to publish at. It is a connection of its own, with the client id of the source and "-out" behind it.',
    nodeType: 'mqtt-v3-source',
  }),
  topic: text({
    label: 'Topic',
    note: 'Where to publish what has no header mqtt.topic (msg.headers["mqtt.topic"], as messages have that come out of Kafka). Takes {topic}, {filter}, {route}, {to}, {node} and {tag}; {topic} is the topic that it came with. Left empty: a message without that header goes to output 2.',
    default: '',
    placeholder: 'bridge/{topic}',
    check: (template) => nameTemplateProblem(template) ?? fixedTopicProblem(template),
  }),
  payload: text({
    label: 'Payload',
    note: 'Text to publish in the place of the payload. Takes the placeholders of the topic, and {payload}. Left empty: the payload as it is, bytes and text unchanged, everything else as JSON.',
    default: '',
    advanced: true,
    check: (template) => templateProblem(template.replaceAll(payloadHole, '')),
  }),
  qos: choice({
    label: 'QoS',
    note: '1: the broker confirms each message. 2: it also takes each only once, as long as its session lasts. 0: nothing is confirmed; a message counts as written when it has left this process, and is lost with the connection. "message": as it came in.',
    values: ['0', '1', '2', 'message'],
    default: '1',
  }),
  retain: choice({
    label: 'Retain',
    note: 'Whether the broker keeps the latest message of a topic for later subscribers. "message": as it came in.',
    values: ['never', 'always', 'message'],
    default: 'never',
  }),
  includeProperties: flag({
    label: 'MQTT 5 properties',
    note: 'At an MQTT 5 broker: passes on content type, response topic, correlation data and user properties of a message and, from an outbox, adds the user property rowline.id, the same on every repeat. An older broker has no place for them.',
    default: true,
    advanced: true,
  }),
  maxInflight: integer({
    label: 'Messages in flight',
    note: 'How many may wait for their confirmation at a time. At QoS 2 never more than 20 together, unless the broker speaks MQTT 5 and allows it: mosquitto ends the connection of who sends more. 1 keeps the order even where the broker refuses a message for a while.',
    default: 60,
    min: 1,
    max: 10_000,
    advanced: true,
  }),
  maxPacketSize: bytes({
    label: 'Largest packet',
    note: 'Larger messages are rejected before they are sent. Set it to the limit of the broker: many a broker ends the connection instead of refusing a message.',
    default: largestPacket,
    min: 1024,
    max: largestPacket,
    advanced: true,
  }),
  publishAttempts: integer({
    label: 'Publish attempts',
    note: 'How often one message is published without a confirmation before it goes to output 2. Only attempts in which it has left this process count, not those in which the broker is away. 0: for ever.',
    default: 0,
    min: 0,
    max: 1_000_000,
    advanced: true,
  }),
  publishBackoffMs: duration({
    label: 'Publish again after',
    note: 'The shortest wait before a message that was not confirmed is published again. 0: as soon as there is a connection.',
    default: 0,
    min: 0,
    max: 3_600_000,
    advanced: true,
  }),
  ...runnerFields({ batchRecords: 500, batchBytes: 1 << 20, lingerMs: 0, delivery: 'outbox' }),
}

export type MqttSinkConfig = ConfigOf<typeof sinkFields>

function fixedTopicProblem(template: string): Problem | undefined {
  return template === '' || template.includes('{') ? undefined : topicProblem(template)
}
