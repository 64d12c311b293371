import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classifyStatus, grpcCodes } from '../../src/google/errors.ts'

/** Every code of gRPC, in the order of their numbers: what becomes of a request that fails with it. */
const expected = [
  ['OK', 'TARGET_FAILED', 'retry'],
  ['CANCELLED', 'TARGET_FAILED', 'retry'],
  ['UNKNOWN', 'TARGET_FAILED', 'retry'],
  ['INVALID_ARGUMENT', 'RECORD_INVALID', 'reject'],
  ['DEADLINE_EXCEEDED', 'TARGET_TIMEOUT', 'retry'],
  ['NOT_FOUND', 'TARGET_MISSING', 'config'],
  ['ALREADY_EXISTS', 'TARGET_FAILED', 'retry'],
  ['PERMISSION_DENIED', 'TARGET_AUTHORIZATION', 'config'],
  ['RESOURCE_EXHAUSTED', 'TARGET_THROTTLED', 'retry'],
  ['FAILED_PRECONDITION', 'TARGET_UNSUPPORTED', 'config'],
  ['ABORTED', 'TARGET_FAILED', 'retry'],
  ['OUT_OF_RANGE', 'TARGET_FAILED', 'retry'],
  ['UNIMPLEMENTED', 'TARGET_UNSUPPORTED', 'config'],
  ['INTERNAL', 'TARGET_FAILED', 'retry'],
  ['UNAVAILABLE', 'TARGET_UNREACHABLE', 'retry'],
  ['DATA_LOSS', 'TARGET_FAILED', 'retry'],
  ['UNAUTHENTICATED', 'CREDENTIALS_REFUSED', 'config'],
] as const

for (const [number, [name, code, disposition]] of expected.entries()) {
  test(`${name} is ${code}: ${disposition}`, () => {
    assert.equal(grpcCodes[number], name)
    const error = classifyStatus(number, 'as the service says', 'The topic t')
    assert.deepEqual([error.code, error.disposition], [code, disposition])
    assert.match(error.message, /The topic t/)
    if (name !== 'NOT_FOUND') assert.match(error.message, new RegExp(`${name}: as the service says`))
  })
}

test('a code that gRPC does not have yet is tried again', () => {
  assert.equal(grpcCodes.length, expected.length)
  const error = classifyStatus(99, '', 'The topic t')
  assert.deepEqual([error.code, error.message], ['TARGET_FAILED', 'The topic t failed: gRPC code 99'])
})
