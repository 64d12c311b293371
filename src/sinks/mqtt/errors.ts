import { type ErrorCode, messageOf, PipelineError } from '../../core/errors.ts'
import { PublishRefused, Unconfirmed } from '../../core/publisher.ts'

/** What the reason codes of PUBACK and PUBREC mean for us (MQTT 5, tables 3-4 and 3-5; 0x95 is mosquitto's). */
const meanings: { readonly [reasonCode: number]: readonly [ErrorCode, string] } = {
  128: ['UNKNOWN', 'it gives no reason'],
  131: ['UNKNOWN', 'for a reason of its own'],
  135: ['TARGET_AUTHORIZATION', 'this client may not publish there'],
  144: ['RECORD_INVALID', 'the topic is not valid there'],
  145: ['UNKNOWN', 'it takes the packet id for one in use'],
  149: ['RECORD_REFUSED_SIZE', 'it is too large'],
  151: ['TARGET_THROTTLED', 'a limit or quota is exceeded'],
  153: ['RECORD_INVALID', 'the payload is not what its properties say'],
}

/** `topic` is where the message was to go. */
export function classify(error: unknown, topic: string): PipelineError {
  if (error instanceof PipelineError) return error
  if (error instanceof Unconfirmed && error.cause instanceof PipelineError) return error.cause
  if (!(error instanceof PublishRefused)) return new PipelineError('UNKNOWN', { problem: messageOf(error) }, error)
  const { reasonCode, message } = error
  const [code, meaning] = meanings[reasonCode] ?? ['UNKNOWN', `reason code ${reasonCode}`]
  const target = `The MQTT broker, asked to publish to ${topic},`
  const words = message === '' ? meaning : `${meaning} ("${message}")`
  const problem = code === 'UNKNOWN' ? `${target} refuses: ${words}` : words
  return new PipelineError(code, { target, problem }, error)
}
