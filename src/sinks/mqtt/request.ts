import { messageOf, PipelineError } from '../../core/errors.ts'
import type { MessageProperties } from '../../core/message-properties.ts'
import { compileTemplate } from '../../core/metadata.ts'
import type { OutboundMessage } from '../../core/publisher.ts'
import { encodePayload, type Record } from '../../core/record.ts'
import type { Prepared } from '../../core/sink.ts'
import { type MqttSinkConfig, payloadHole } from './config.ts'
import { textProblem, topicProblem } from './topic.ts'

export type MqttRequest = OutboundMessage

export type RequestOptions = Pick<
  MqttSinkConfig,
  'topic' | 'payload' | 'qos' | 'retain' | 'includeProperties' | 'maxPacketSize'
>

// Fixed header, length of the topic and packet id.
const overhead = 9
// What says which property it is, and how long name and value are.
const propertyOverhead = 5
const mostCorrelationBytes = 65_535

/** Pure. Copies the payload, so that the flow may reuse its buffer. */
export function createRequestBuilder(options: RequestOptions): (record: Record) => Prepared<MqttRequest> {
  const topicOf = createTopics(options.topic)
  const payloadOf = createPayloads(options.payload)
  return (record) => {
    const topic = topicOf(record)
    const payload = payloadOf(record)
    const qos = options.qos === 'message' ? record.qos : (Number(options.qos) as MqttRequest['qos'])
    const retain = options.retain === 'message' ? record.retain : options.retain === 'always'
    const properties = options.includeProperties ? propertiesOf(record) : undefined
    const bytes = payload.length + Buffer.byteLength(topic) + overhead + (properties ? lengthOf(properties) : 0)
    if (bytes > options.maxPacketSize)
      throw new PipelineError('RECORD_TOO_LARGE', { bytes, limit: options.maxPacketSize, target: '"Largest packet"' })
    return { request: { topic, payload, qos, retain, ...(properties ? { properties } : {}) }, bytes }
  }
}

/** What the publisher said, and what repeats can be told by. */
function propertiesOf({ properties, id }: Record): MessageProperties | undefined {
  if (properties === undefined && id === undefined) return undefined
  const said = { ...properties }
  const problem = propertyProblem(said)
  if (problem) throw new PipelineError('RECORD_INVALID', { target: 'MQTT 5', problem })
  if (id === undefined) return said
  return { ...said, userProperties: [...(said.userProperties ?? []), ['rowline.id', id]] }
}

function propertyProblem({ contentType, responseTopic, correlationData, userProperties }: MessageProperties) {
  if ((correlationData?.length ?? 0) > mostCorrelationBytes)
    return `correlationData must not be longer than ${mostCorrelationBytes} bytes`
  const problems = [
    ['contentType', textProblem(contentType ?? '')?.text],
    ['responseTopic', topicProblem(responseTopic ?? '')?.text],
    ...(userProperties ?? []).flat().map((text) => ['a user property', textProblem(text)?.text]),
  ].filter(([, problem]) => problem)
  return problems[0]?.join(' ')
}

function lengthOf({ contentType = '', responseTopic = '', correlationData, userProperties = [] }: MessageProperties) {
  const texts = [contentType, responseTopic, ...userProperties.flat()]
  const length = texts.reduce((sum, text) => sum + propertyOverhead + Buffer.byteLength(text), 0)
  return length + propertyOverhead + (correlationData?.length ?? 0)
}

function createTopics(template: string): (record: Record) => string {
  const fill = compileTemplate(template)
  return (record) => {
    const topic = record.headerTopic || fill(record)
    if (!topic) throw new PipelineError('NO_MQTT_TOPIC')
    const problem = topicProblem(topic)
    if (problem) throw new PipelineError('INVALID_MQTT_TOPIC', { topic, problem: problem.text })
    return topic
  }
}

/** A placeholder without a value gives no text; the payload's bytes are put in as they are. */
function createPayloads(template: string): (record: Record) => Buffer {
  if (template === '') return (record) => Buffer.from(encoded(record))
  const parts = template.split(/(\{[^{}]*\})/).map((part) => {
    if (part === payloadHole) return encoded
    const fill = compileTemplate(part)
    return (record: Record) => Buffer.from(fill(record) ?? '')
  })
  return (record) => Buffer.concat(parts.map((part) => part(record)))
}

function encoded({ payload }: Record): Uint8Array {
  try {
    return encodePayload(payload)
  } catch (error) {
    throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error)
  }
}
