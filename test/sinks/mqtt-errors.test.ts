import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { PublishRefused, Unconfirmed } from '../../src/core/publisher.ts'
import { classify } from '../../src/sinks/mqtt/errors.ts'

const table = [
  [0x80, 'UNKNOWN', 'retry'],
  [0x83, 'UNKNOWN', 'retry'],
  [0x87, 'TARGET_AUTHORIZATION', 'config'],
  [0x90, 'RECORD_INVALID', 'reject'],
  [0x91, 'UNKNOWN', 'retry'],
  [0x95, 'RECORD_REFUSED_SIZE', 'reject'],
  [0x97, 'TARGET_THROTTLED', 'retry'],
  [0x99, 'RECORD_INVALID', 'reject'],
  [0xff, 'UNKNOWN', 'retry'],
] as const

for (const [reasonCode, code, disposition] of table)
  test(`reason code 0x${reasonCode.toString(16)} is ${code}`, () => {
    const error = classify(new PublishRefused(reasonCode, 'said so'), 'a/b')
    assert.deepEqual([error.code, error.disposition], [code, disposition])
    assert.match(error.message, /a\/b.*said so/s)
    assert.doesNotMatch(classify(new PublishRefused(reasonCode, undefined), 'a/b').message, /undefined|""/)
  })

test('what ended the connection is why a message is not confirmed', () => {
  const cause = new PipelineError('BROKER_UNREACHABLE', { broker: 'b:1', problem: 'gone' })
  assert.equal(classify(new Unconfirmed('x', { cause }), 'a'), cause)
})

test('an error that is known stays, any other is tried again', () => {
  const known = new PipelineError('BROKER_TLS', { broker: 'b:1', problem: 'expired' })
  assert.equal(classify(known, 'a'), known)
  assert.equal(classify(new TypeError('odd'), 'a').disposition, 'retry')
})
