import { type ErrorCode, messageOf, PipelineError } from '../../core/errors.ts'

/** What our two kinds of libraries and Node's sockets put on an error. */
interface Details {
  readonly code?: unknown
  readonly apiId?: unknown
  readonly type?: unknown
  readonly topic?: unknown
  readonly serverErrorMessage?: unknown
  /** What OpenSSL says in words. */
  readonly reason?: unknown
  readonly errors?: unknown
  readonly cause?: unknown
}

/** The first entry that fits one of the nested errors decides: what an operator must change comes before the rest. */
const meanings: readonly (readonly [ErrorCode, RegExp])[] = [
  ['TARGET_UNSUPPORTED', /^UNSUPPORTED_SASL_MECHANISM$/],
  [
    'TARGET_AUTHENTICATION',
    /^(PLT_KFK_AUTHENTICATION|KafkaJSSASLAuthenticationError|SASL_AUTHENTICATION_FAILED|ILLEGAL_SASL_STATE)$/,
  ],
  ['TARGET_AUTHORIZATION', /_AUTHORIZATION_FAILED$/],
  ['TARGET_TLS', /^(EPROTO$|CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA$)/],
  ['TARGET_MISSING', /^UNKNOWN_TOPIC_OR_PARTITION$/],
  ['TARGET_UNSUPPORTED', /^((PLT_KFK_)?UNSUPPORTED|HPE_)/],
  ['TARGET_UNSUPPORTED', /^(INVALID_(REPLICATION_FACTOR|PARTITIONS|CONFIG|TOPIC_EXCEPTION)|POLICY_VIOLATION)$/],
  ['RECORD_REFUSED_SIZE', /^(MESSAGE|RECORD_LIST)_TOO_LARGE$/],
  ['RECORD_INVALID', /^(INVALID_RECORD|CORRUPT_MESSAGE|INVALID_TIMESTAMP)$/],
  ['TARGET_THROTTLED', /^THROTTLING_QUOTA_EXCEEDED$/],
  [
    'TARGET_DEGRADED',
    /^(NOT_ENOUGH_REPLICAS(_AFTER_APPEND)?|LEADER_NOT_AVAILABLE|NOT_LEADER_(OR_FOLLOWER|FOR_PARTITION))$/,
  ],
  ['TARGET_STARTING', /^(COORDINATOR_(LOAD_IN_PROGRESS|NOT_AVAILABLE)|NOT_COORDINATOR|BROKER_NOT_AVAILABLE)$/],
  ['TARGET_TIMEOUT', /^(REQUEST_TIMED_OUT|KafkaJSRequestTimeoutError)$/],
  ['TARGET_UNREACHABLE', /^(PLT_KFK_NETWORK|KafkaJSConnection(Closed)?Error|E[A-Z]+)$/],
]

// What the library says in words only.
const wordings: { readonly [text: string]: string } = {
  'Broker requires TLS.': 'ERR_TLS_REQUIRED',
  'TLS handshake failed. Please verify the broker supports TLS.': 'ERR_TLS_REFUSED',
  'Request timed out': 'REQUEST_TIMED_OUT',
}

/** `target` begins the message: "Kafka at host:9092". The library's own flags for retrying are not to be trusted. */
export function classify(error: unknown, target: string): PipelineError {
  const all = [...nestedErrors(error)]
  const ours = all.find((nested) => nested instanceof PipelineError)
  if (ours) return ours
  const found = all.map((nested) => ({ nested, names: namesOf(nested) }))
  for (const [code, pattern] of meanings) {
    const match = found.findLast(({ names }) => names.some((name) => pattern.test(name)))
    if (match)
      return new PipelineError(
        code,
        { target: topicIn(match.nested) ?? target, problem: withoutStop(problemOf(match.nested)) },
        error,
      )
  }
  const problem = problemOf(found.at(-1)?.nested ?? new Error(String(error)))
  return new PipelineError('UNKNOWN', { problem: `${target}: ${problem}` }, error)
}

export const isUnknownTopic = (error: unknown) => isNamed(error, 'UNKNOWN_TOPIC_OR_PARTITION')
export const isWithoutLeader = (error: unknown) => isNamed(error, 'LEADER_NOT_AVAILABLE')
/** The broker does not know what it has confirmed before: repeating it in the same session is in vain. */
export const isOutOfOrder = (error: unknown) => isNamed(error, 'OUT_OF_ORDER_SEQUENCE_NUMBER')
export const isIllegalSaslState = (error: unknown) => isNamed(error, 'ILLEGAL_SASL_STATE')

const isNamed = (error: unknown, name: string) =>
  [...nestedErrors(error)].some((nested) => namesOf(nested).includes(name))

export function isTopicThere(error: unknown): boolean {
  return [...nestedErrors(error)].some((nested) => (nested as Details).apiId === 'TOPIC_ALREADY_EXISTS')
}

/** What brokers have answered, among the nested errors. */
export function answersIn(error: unknown): readonly object[] {
  return [...nestedErrors(error)].filter((nested) => typeof (nested as Details).type === 'string')
}

/** By the first of its brokers: a status line is short. */
export function nameOfCluster({ brokers }: { readonly brokers: string }): string {
  const [first = '', ...others] = brokers.split(',').map((address) => address.trim())
  return `Kafka at ${first}${others.length > 0 ? ` and ${others.length} more` : ''}`
}

/** As Kafka does where another topic differs only in `.` and `_`. */
export function refusesName(error: unknown): boolean {
  return [...nestedErrors(error)].some((nested) => namesOf(nested).includes('INVALID_TOPIC_EXCEPTION'))
}

/** What Kafka would say, were it asked. */
export const internalTopic = () =>
  Object.assign(new Error('Kafka keeps it for itself'), { apiId: 'INVALID_TOPIC_EXCEPTION' })

/** In the words of the library. */
export const missingTopic = (topic: string) => new Error(`Unknown topic ${topic}.`)

/** Of a topic that was made again with fewer, while a write was under way. */
export const missingPartition = ({ topic, partition }: { readonly topic: string; readonly partition: number }) =>
  Object.assign(new Error(`It has no partition ${partition} any more`), { apiId: 'UNKNOWN_TOPIC_OR_PARTITION', topic })

export const nameOfTopic = (topic: string) => `The Kafka topic ${topic}`

const unknownTopic = /^Unknown topic (\S+)\.$/

function topicIn(error: object): string | undefined {
  const topic = (error as Details).topic ?? unknownTopic.exec(messageOf(error))?.[1]
  return typeof topic === 'string' ? nameOfTopic(topic) : undefined
}

/** kafkajs makes a refused sign-in also of a connection that breaks meanwhile. */
const interruptedSignIn =
  /: (Closed connection|Connection error: .*|Connection timeout|Not connected|Request .* timed out)$/

function namesOf(error: object): readonly string[] {
  const { apiId, type, code } = error as Details
  const { name } = error as Error
  const text = messageOf(error)
  const wording = unknownTopic.test(text) ? 'UNKNOWN_TOPIC_OR_PARTITION' : wordings[text]
  const kind =
    name === 'KafkaJSSASLAuthenticationError' && interruptedSignIn.test(text) ? 'KafkaJSConnectionError' : name
  return [apiId, type, wording, code, kind].filter((name) => typeof name === 'string')
}

const withoutStop = (text: string) => text.replace(/\.$/, '')

function problemOf(error: object): string {
  const { serverErrorMessage, reason, cause } = error as Details
  if (typeof reason === 'string') return reason
  if (typeof serverErrorMessage === 'string' && serverErrorMessage !== '') return serverErrorMessage
  return cause instanceof Error && messageOf(cause) !== messageOf(error)
    ? `${messageOf(error)} (${problemOf(cause)})`
    : messageOf(error)
}

/** The error, what it was caused by and what it gathers, depth first. */
export function* nestedErrors(error: unknown, seen = new Set<unknown>()): Generator<object> {
  if (typeof error !== 'object' || error === null || seen.has(error)) return
  seen.add(error)
  yield error
  const { cause, errors } = error as Details
  yield* nestedErrors(cause, seen)
  if (Array.isArray(errors)) for (const inner of errors) yield* nestedErrors(inner, seen)
}
