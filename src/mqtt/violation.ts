import { isUtf8 } from 'node:buffer'
import { PipelineError } from '../core/errors.ts'

/** What a server may not send: the connection cannot be used any longer. `problem` follows on "it sent". */
export function violation(problem: string): PipelineError {
  return new PipelineError('PROTOCOL_VIOLATION', { problem: `it sent ${problem}` })
}

/** Text that has to be UTF-8 without null characters [MQTT-1.5.3-1, MQTT-1.5.3-2; MQTT-1.5.4-1, -2 in MQTT 5]. */
export function strictText(bytes: Buffer, start: number, end: number): string {
  if (end > bytes.length) throw violation('a text that is longer than its packet')
  const part = bytes.subarray(start, end)
  if (!isUtf8(part) || part.includes(0)) throw violation('a text that is not UTF-8 or has null characters')
  return part.toString('utf8')
}
