import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { declaration } from '../../nodes/kafka-cluster/declaration.ts'
import { parseField } from '../../src/config/fields.ts'
import { clusterFields } from '../../src/sinks/kafka/config.ts'
import { parsed } from './kafka-harness.ts'

describe('the form of a Kafka cluster', () => {
  const missing = (values: { readonly [field: string]: string }) =>
    declaration.check!(parsed(clusterFields, { brokers: 'kafka', ...values })).map(
      ({ field, problem }) => `${field} ${problem.text}`,
    )

  it('asks for what each way to sign in needs', () => {
    assert.deepEqual(missing({}), [])
    for (const saslMechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      assert.deepEqual(missing({ saslMechanism }), [`user is required to sign in with ${saslMechanism}`])
      assert.deepEqual(missing({ saslMechanism, user: 'alice' }), [])
    }
    assert.deepEqual(missing({ saslMechanism: 'OAUTHBEARER', user: 'alice' }), [
      'tokenUrl is required to sign in with OAUTHBEARER',
      'tokenClientId is required to sign in with OAUTHBEARER',
    ])
    const tokenUrl = 'https://login.example.com/oauth2/token?tenant=1'
    assert.deepEqual(missing({ saslMechanism: 'OAUTHBEARER', tokenUrl, tokenClientId: 'id' }), [])
  })

  it('takes only the address of a token server, without secrets in it', () => {
    for (const url of [
      'login.example.com',
      'ftp://a/b',
      'https://',
      'https://id:secret@login/token',
      'https://a b/c',
    ]) {
      assert.match(JSON.stringify(parseField(clusterFields.tokenUrl, url)), /must be an address/, url)
    }
    assert.equal(parseField(clusterFields.tokenUrl, 'http://localhost:8080'), 'http://localhost:8080')
  })
})
