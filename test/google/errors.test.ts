import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classifyStatus, grpcCodes } from '../../src/google/errors.ts'
import { codes } from './codes.ts'

for (const [number, [name, code, disposition]] of codes.entries()) {
  test(`${name} is ${code}: ${disposition}`, () => {
    assert.equal(grpcCodes[number], name)
    const error = classifyStatus(number, 'as the service says', 'The topic t')
    assert.deepEqual([error.code, error.disposition], [code, disposition])
    assert.match(error.message, /The topic t/)
    if (name !== 'NOT_FOUND') assert.match(error.message, new RegExp(`${name}: as the service says`))
  })
}

test('a code that gRPC does not have yet is tried again', () => {
  assert.equal(grpcCodes.length, codes.length)
  const error = classifyStatus(99, '', 'The topic t')
  assert.deepEqual([error.code, error.message], ['TARGET_FAILED', 'The topic t failed: gRPC code 99'])
})
