import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import { connectionError } from '../../src/mqtt/connection-error.ts'

const failed = (code: unknown, message = 'it failed') => Object.assign(new Error(message), { code })
const explain = (error: unknown) => connectionError(error, 'plant:1883')

test('a refusing broker is named with what to do about it', () => {
  const expected: readonly (readonly [number, string, RegExp])[] = [
    [1, 'BROKER_REFUSED', /MQTT version/],
    [2, 'BROKER_REFUSED', /client id/],
    [3, 'BROKER_UNREACHABLE', /not ready/],
    [4, 'BROKER_REFUSED', /user name or password is wrong/],
    [5, 'BROKER_REFUSED', /user name or password is wrong, or .* not allowed/],
    [99, 'BROKER_REFUSED', /it failed/],
  ]
  for (const [returnCode, code, text] of expected) {
    const error = explain(failed(returnCode))
    assert.equal(error.code, code)
    assert.match(error.message, text)
    assert.match(error.message, /plant:1883/)
  }
})

test('what is wrong with a certificate is a matter of the configuration, a missing network is not', () => {
  for (const code of [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'EPROTO',
    'HOSTNAME_MISMATCH',
    'INVALID_CA',
  ])
    assert.deepEqual([explain(failed(code)).code, explain(failed(code)).disposition], ['BROKER_TLS', 'config'], code)
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT', 'ECONNRESET', 'EHOSTUNREACH'])
    assert.deepEqual([explain(failed(code)).code, explain(failed(code)).disposition], ['BROKER_UNREACHABLE', 'retry'])
})

test('the code of a network error is in the message, once', () => {
  assert.match(
    explain(failed('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1')).message,
    /reached: connect ECONNREFUSED 127.0.0.1:1$/,
  )
  assert.match(explain(failed('EPIPE', 'broken')).message, /broken \(EPIPE\)$/)
  const both = new AggregateError([
    failed('ECONNREFUSED', 'connect ECONNREFUSED ::1:1883'),
    failed('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1883'),
  ])
  assert.match(
    explain(Object.assign(both, { code: 'ECONNREFUSED' })).message,
    /reached: connect ECONNREFUSED ::1:1883; connect ECONNREFUSED 127/,
  )
})

test('an error of ours passes through', () => {
  const ours = new PipelineError('PROTOCOL_VIOLATION', { problem: 'x' })
  assert.equal(explain(ours), ours)
  assert.equal(explain(undefined).code, 'BROKER_UNREACHABLE')
})
