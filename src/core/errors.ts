/**
 * What the pipeline does with a failure.
 * `retry`: try again, for ever by default. `reject`: only this record is at fault, it goes to output 2 or the dead letter.
 * `config`: an operator has to change something outside (password, topic, rights): hold, show red, retry slowly.
 * `fatal`: this process cannot go on with it: hold, show red, no retry until a redeploy.
 */
export type Disposition = 'retry' | 'reject' | 'config' | 'fatal'

interface Entry {
  readonly disposition: Disposition
  /** What `msg.reason` says (kebab-case) where the record itself is at fault. */
  readonly reason?: string
  /** `{name}` is replaced by the detail of that name. It tells a plant engineer what to do. */
  readonly message: string
  /**
   * The same in a few words, for a place where the node's name and not much else can be seen; the message if absent.
   * What stands behind the first ": " is left out where there is no room for it.
   */
  readonly status?: string
  /** What happens, for the README, where it is not what the disposition says. */
  readonly effect?: string
}

/** Every code of the product. The README's error list is generated from it. */
export const errorTable = {
  CONFIG_INVALID: { disposition: 'fatal', message: '{field}: {problem}', status: '{field} cannot be used: {problem}' },
  DEPENDENCY_MISSING: {
    disposition: 'fatal',
    message:
      'The package {name} is not installed: the offline package leaves it out, and npm where Node.js is too old for it. Run "npm install {name}" in the Node-RED user directory and restart Node-RED, or {instead}.',
    status: '{name} is not installed',
  },
  UNKNOWN: { disposition: 'retry', message: '{problem}' },

  JSON_INVALID: { disposition: 'reject', reason: 'json', message: 'The payload is not valid JSON: {problem}' },
  SPARKPLUG_INVALID: {
    disposition: 'reject',
    reason: 'sparkplug',
    message: 'The payload is not valid Sparkplug B: {problem}',
  },
  ROW_TYPE: {
    disposition: 'reject',
    reason: 'type',
    message: 'At {pointer}: expected {expected}, found {found}',
  },
  SCHEMA_MISMATCH: {
    disposition: 'reject',
    reason: 'schema',
    message: 'The payload does not fit the JSON Schema: {problem}',
  },
  ROW_MISSING: { disposition: 'reject', reason: 'missing', message: 'At {pointer}: the field is {state}' },
  TIMESTAMP_INVALID: {
    disposition: 'reject',
    reason: 'timestamp',
    message:
      'At {pointer}: {found} is no time. Send RFC 3339 text such as "2025-07-01T12:00:00Z", or milliseconds since 1970 (from 100000000000 on: smaller numbers might be seconds).',
  },
  TOPIC_STRUCTURE: {
    disposition: 'reject',
    reason: 'topic-structure',
    message: 'The topic does not fit the pattern {pattern}: {problem}',
  },
  TOPIC_MISMATCH: {
    disposition: 'reject',
    reason: 'site-mismatch',
    message: 'The topic says {name} is {inTopic}, the payload says {inPayload}',
  },
  PAYLOAD_EMPTY: { disposition: 'reject', reason: 'empty', message: 'The payload is empty' },
  TEXT_INVALID: { disposition: 'reject', reason: 'text', message: 'The payload is not UTF-8 text' },
  BINARY_INVALID: { disposition: 'reject', reason: 'format', message: 'The payload is not valid {format}: {problem}' },
  COMPRESSION_INVALID: {
    disposition: 'reject',
    reason: 'compression',
    message: 'The payload is not valid {compression}: {problem}',
  },
  UNPACKED_TOO_LARGE: {
    disposition: 'reject',
    reason: 'too-large',
    message: 'Unpacked, the payload is over the limit of {limit} bytes ({why})',
  },
  UNROUTED: {
    disposition: 'reject',
    reason: 'unrouted',
    message: 'No row of "Topic" that gives a route or target matches the topic {topic}',
  },
  NO_TOPIC: {
    disposition: 'reject',
    reason: 'no-topic',
    message: 'The message names no target: set "Topic" in the sink, "Target" in the source, or msg.topic',
  },
  PACKET_TOO_LARGE: {
    disposition: 'reject',
    reason: 'too-large',
    message: 'The broker sent a packet of {bytes} bytes, over "{option}". Only the beginning of its payload was kept.',
  },
  INVALID_KAFKA_TOPIC: {
    disposition: 'reject',
    reason: 'invalid-kafka-topic',
    message: '"{topic}" cannot be a Kafka topic: {problem}',
  },
  NO_MQTT_TOPIC: {
    disposition: 'reject',
    reason: 'no-topic',
    message: 'The message names no MQTT topic: set "Topic" in the node, or msg.headers["mqtt.topic"]',
  },
  INVALID_MQTT_TOPIC: {
    disposition: 'reject',
    reason: 'invalid-topic',
    message: '"{topic}" cannot be published to: {problem}',
  },
  INVALID_PUBSUB_TOPIC: {
    disposition: 'reject',
    reason: 'invalid-pubsub-topic',
    message: '"{topic}" cannot be a Pub/Sub topic: {problem}',
  },
  RECORD_TOO_LARGE: {
    disposition: 'reject',
    reason: 'too-large',
    message: 'A record of {bytes} bytes is over the limit of {limit} bytes of {target}',
  },
  RECORD_REFUSED_SIZE: {
    disposition: 'reject',
    reason: 'too-large',
    message: '{target} refuses the record as too large: {problem}',
  },
  RECORD_INVALID: { disposition: 'reject', reason: 'invalid', message: '{target} refuses this record: {problem}' },
  PAYLOAD_UNSUPPORTED: {
    disposition: 'reject',
    reason: 'type',
    message: 'msg.payload cannot be written: {problem}',
  },
  RETRIES_EXHAUSTED: {
    disposition: 'reject',
    reason: 'retries-exhausted',
    message: 'Not written after {attempts} attempts: {problem}',
  },
  STOPPED: {
    disposition: 'fatal',
    message: 'Stopped by a failed write, as "When a write fails" says; deploy to go on. {problem}',
    status: 'stopped by a failed write: {problem}',
  },
  FLOW_FAILED: { disposition: 'reject', reason: 'flow-failed', message: 'The flow failed at {node}: {problem}' },
  DELIVERY_ABANDONED: {
    disposition: 'reject',
    reason: 'abandoned',
    message: 'The flow did not finish with this message within {timeout} ms; it was last seen at {node}',
  },
  DELIVERY_RELEASED: { disposition: 'retry', message: 'The flow was stopped before it had finished with the message' },

  TARGET_FAILED: { disposition: 'retry', message: '{target} failed: {problem}', status: 'failed: {problem}' },
  TARGET_UNREACHABLE: {
    disposition: 'retry',
    message: '{target} cannot be reached: {problem}',
    status: 'not reachable: {problem}',
  },
  TARGET_TIMEOUT: {
    disposition: 'retry',
    message: '{target} did not answer in time: {problem}',
    status: 'no answer in time: {problem}',
  },
  TARGET_THROTTLED: {
    disposition: 'retry',
    message: '{target} asks to slow down: {problem}',
    status: 'asked to slow down: {problem}',
  },
  TARGET_STARTING: {
    disposition: 'retry',
    message: '{target} is not ready yet: {problem}. It is tried again.',
    status: 'not ready yet: {problem}',
  },
  TARGET_DEGRADED: {
    disposition: 'retry',
    message: '{target} misses brokers: {problem}. It is tried again until they are back.',
    status: 'brokers missing: {problem}',
  },
  TARGET_AUTHENTICATION: {
    disposition: 'config',
    message: '{target} refuses the user name or password: {problem}. Correct the credentials.',
    status: 'sign-in refused: {problem}',
  },
  CREDENTIALS_UNUSABLE: {
    disposition: 'config',
    message:
      'Google gives no access: {problem}. Check "Sign in with" in the google cloud node, and that the account and its key still exist.',
    status: 'no access: {problem}',
  },
  CREDENTIALS_REFUSED: {
    disposition: 'config',
    message: '{target} does not accept who we are: {problem}. Check "Sign in with" in the google cloud node.',
    status: 'credentials not accepted: {problem}',
  },
  TARGET_AUTHORIZATION: {
    disposition: 'config',
    message: '{target} does not allow this: {problem}. Ask for the right to write there.',
    status: 'not allowed: {problem}',
  },
  TARGET_MISSING: {
    disposition: 'config',
    message: '{target} does not exist. Create it, or switch on its creation where the sink offers that.',
    status: '{target} does not exist',
  },
  TABLE_MISMATCH: {
    disposition: 'config',
    message: '{problem}: {target} does not suit the sink. Change the table; the readings wait until it suits.',
    status: '{problem}',
  },
  TARGET_UNSUPPORTED: {
    disposition: 'config',
    message: '{target} does not support this: {problem}',
    status: 'not supported: {problem}',
  },
  SCHEMA_REFUSED: {
    disposition: 'config',
    message:
      '{target} refuses the schema of {subject}: {problem}. Change the schema, or what the registry takes as compatible.',
    status: 'schema refused: {problem}',
  },
  TARGET_TLS: {
    disposition: 'config',
    message: 'No secure connection to {target}: {problem}',
    status: 'no secure connection: {problem}',
  },

  TARGET_ADVERTISED: {
    disposition: 'config',
    message:
      '{target} sends its clients to {address}, which cannot be reached from here: {problem}. Correct "advertised.listeners" of that broker, or make the address known and open to this machine.',
    status: 'advertised address not reachable: {address}',
  },

  FILE_FAILED: { disposition: 'retry', message: 'Writing {path} failed: {problem}', status: 'not written: {problem}' },
  FILE_FULL: {
    disposition: 'config',
    message:
      '{path} has reached its size limit of {limit} bytes. Move the finished files away, or raise "Disk limit" (of dead letters: rowline.deadLetterBytes in settings.js).',
    status: 'size limit of the file reached',
  },
  FILE_TAKEN: {
    disposition: 'config',
    message: 'Another file sink writes {path}. Give this one another "File".',
    status: 'another file sink writes this file',
  },

  OUTBOX_LOCKED: {
    disposition: 'config',
    message:
      'The outbox folder {path} is in use by {holder}. Stop that one, or give this node an "Outbox folder" of its own.',
    status: 'outbox in use by {holder}',
  },
  OUTBOX_HELD: {
    disposition: 'retry',
    message:
      'The outbox folder {path} was last used by {holder}, which cannot be asked from here. It is taken over when that has left it alone for {seconds} s.',
    status: 'waits for the outbox: {holder}, up to {seconds} s',
  },
  OUTBOX_UNUSABLE: {
    disposition: 'config',
    message:
      'The outbox folder {path} cannot be used: {problem}. Give Node-RED the right to read and write there, or the node another "Outbox folder".',
    status: 'outbox not usable: {problem}',
  },
  OUTBOX_FAILED: {
    disposition: 'config',
    message:
      'The disk of the outbox {path} fails: {problem}. Make room or replace it. Nothing is acknowledged until it can be written again, which is tried again and again.',
    status: 'outbox disk fails: {problem}',
  },
  OUTBOX_DAMAGED: {
    disposition: 'reject',
    reason: 'damaged',
    message:
      '{entries} stored entries cannot be read: the disk, or somebody, has changed {files} in {path}. The rest was passed on. Damaged files are kept as *.damaged; check the disk.',
  },
  OUTBOX_FULL: {
    disposition: 'retry',
    message:
      'The outbox {path} has reached "Outbox size" ({limit} bytes) or "Outbox age". Messages wait at the broker until the target takes some.',
    status: 'outbox full: readings wait at the broker',
  },
  OUTBOX_UNREADABLE: {
    disposition: 'reject',
    reason: 'unreadable',
    message: 'A stored reading cannot be read by this version of Rowline: {problem}',
  },

  BROKER_UNREACHABLE: {
    disposition: 'retry',
    message: 'The MQTT broker {broker} cannot be reached: {problem}',
    status: 'not reachable: {broker}',
  },
  BROKER_REFUSED: {
    disposition: 'config',
    message: 'The MQTT broker {broker} refuses the connection: {problem}',
    status: 'refused: {problem}',
  },
  BROKER_TLS: {
    disposition: 'config',
    message: 'No secure connection to the MQTT broker {broker}: {problem}',
    status: 'no secure connection: {problem}',
  },
  BROKER_TAKEN_OVER: {
    disposition: 'config',
    message:
      '{broker} ends each connection of the client id "{clientId}" at once. Unless it is being restarted, another client uses that id: give each one a "Client id" of its own.',
    status: 'client id used twice: {clientId}',
  },
  BROKER_HANGS_UP: {
    disposition: 'retry',
    message:
      'The MQTT broker ended the connection {attempts} times while a message of {bytes} bytes to {topic} was published. It may be too large for it, or this client may not publish there. Change that at the broker, or set "Publish attempts", after which such a message goes to output 2. {problem}',
    status: 'the broker hangs up: {bytes} bytes to {topic}',
  },
  BROKER_GIVEN_UP: {
    disposition: 'fatal',
    message:
      'No further attempt to connect after {attempts}, as "Connect attempts" or "Reconnect" say; deploy to go on. {problem}',
    status: 'given up after {attempts} attempts: {problem}',
  },
  SUBSCRIPTION_REFUSED: {
    disposition: 'config',
    message: 'The broker refuses the subscription {filter}',
    status: 'subscription refused: {filter}',
  },
  SUBSCRIPTION_LOWERED: {
    disposition: 'config',
    message:
      'The broker grants less than was asked for: {filter}. At QoS 0 readings that are under way when a connection ends are lost. Raise the QoS that the broker allows this client.',
    status: 'QoS lowered: {filter}',
    effect: 'yellow; it goes on with less QoS, and at QoS 0 readings can be lost',
  },
  SUBSCRIPTIONS_UNREADABLE: {
    disposition: 'fatal',
    message:
      'The subscriptions made by message cannot be read from {path}: {problem}. Restore the file, or remove it and make them again.',
    status: 'subscriptions by message not readable: {problem}',
  },
  CONTROL_INVALID: {
    disposition: 'reject',
    reason: 'control',
    message: 'The control message says nothing that can be done: {problem}',
  },
  PROTOCOL_VIOLATION: {
    disposition: 'retry',
    message: 'The broker broke the MQTT protocol: {problem}',
    status: 'MQTT protocol broken: {problem}',
  },
} as const satisfies { readonly [code: string]: Entry }

export type ErrorCode = keyof typeof errorTable

/** The only error class that leaves our modules. `cause` keeps the library's own error. */
export class PipelineError extends Error {
  readonly code: ErrorCode
  readonly disposition: Disposition
  /** What `msg.reason` says. */
  readonly reason: string
  /** Short, with the cause first. */
  readonly status: string
  constructor(code: ErrorCode, details: Details = {}, cause?: unknown) {
    const entry: Entry = errorTable[code]
    super(fill(entry.message, details), cause === undefined ? undefined : { cause })
    this.name = 'PipelineError'
    this.status = entry.status === undefined ? this.message : fill(entry.status, details)
    this.code = code
    this.disposition = entry.disposition
    this.reason = entry.reason ?? code.toLowerCase().replaceAll('_', '-')
  }
}

type Details = { readonly [name: string]: string | number }

function fill(message: string, details: Details): string {
  return message.replace(/\{(\w+)\}/g, (hole, name: string) => String(details[name] ?? hole))
}

/** Anything thrown as a PipelineError; what is not understood is retried. */
export function toPipelineError(error: unknown): PipelineError {
  if (error instanceof PipelineError) return error
  return new PipelineError('UNKNOWN', { problem: messageOf(error) }, error)
}

/** An AggregateError without words (no address of a host answered) says what the errors in it say. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '' && error.errors.length > 0)
    return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message || error.name : String(error)
}
