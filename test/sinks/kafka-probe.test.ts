import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Step } from '../../src/core/steps.ts'
import { clusterFields } from '../../src/sinks/kafka/config.ts'
import { probeCluster } from '../../src/sinks/kafka/probe.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { createTopic } from '../services/kafka-topics.ts'
import { freePort } from '../services/processes.ts'
import { outcomesOf, statesOf } from '../services/steps.ts'
import { forever, parsed } from './kafka-harness.ts'

let kafka: Kafka
before(async () => {
  kafka = await startKafka({ secure: true, proxied: true })
  await createTopic(kafka.brokers, 'there')
})
after(async () => void (await kafka?.stop()))

/** What came out of each step. */
async function asked(raw: object, topics: readonly string[] = []): Promise<readonly Step[]> {
  const config = parsed(clusterFields, { brokers: kafka.brokers, ...raw })
  return outcomesOf(probeCluster(config, { directory: '/', topics }, forever))
}
const alice = { saslMechanism: 'SCRAM-SHA-512', user: 'alice', password: 'alice-secret' }

test('a cluster is looked through from its addresses to the topics of its sinks', async () => {
  const steps = await asked({ brokers: `127.0.0.1:${await freePort()}, ${kafka.brokers}` }, ['there', 'elsewhere'])
  assert.deepEqual(statesOf(steps), [
    'reach failed',
    'reach passed',
    'signIn passed none',
    'cluster passed',
    'advertised passed',
    'topic noted single',
    'topic noted missing',
  ])
  assert.match(steps[0]?.problem ?? '', /ECONNREFUSED.*Nothing listens there/)
  assert.deepEqual(steps[3]?.values, { clusterId: 'cm93bGluZS10ZXN0LWtmaw', count: 1 })
})

test('an address that the cluster gives its clients and that does not lead there is named', async () => {
  const { port, advertisedPort } = kafka.proxied
  const steps = await asked({ brokers: `127.0.0.1:${port}` })
  assert.deepEqual(statesOf(steps).slice(-2), ['cluster passed', 'advertised failed'])
  assert.match(
    steps.at(-1)?.problem ?? '',
    new RegExp(`^Broker 1 sends its clients to 127\\.0\\.0\\.1:${advertisedPort}, .*Correct "advertised.listeners"`),
  )
})

test('a wrong password is told from a right one, with TLS and without', async () => {
  const wrong = await asked({ brokers: kafka.secure.sasl, ...alice, password: 'wrong words' })
  assert.deepEqual(statesOf(wrong).at(-1), 'signIn failed')
  assert.match(wrong.at(-1)?.problem ?? '', /refuses the user name or password/)
  const secure = { brokers: kafka.secure.saslTls, useTls: true, ...alice }
  const right = await asked({ ...secure, ca: kafka.secure.ca })
  assert.deepEqual(statesOf(right).slice(2), [
    'tls noted expires',
    'signIn passed',
    'cluster passed',
    'advertised passed',
  ])
  const unknown = await asked(secure)
  assert.match(unknown.at(-1)?.problem ?? '', /^No secure connection .*self-signed/)
  assert.doesNotMatch(JSON.stringify([wrong, right, unknown]), /alice-secret|wrong words/)
})

test('a listener that is spoken to in the wrong way says what may be missing', async () => {
  const last = async (raw: object) => (await asked(raw)).at(-1)?.problem ?? ''
  assert.match(await last({ brokers: kafka.secure.sasl }), /see "Sign in with"/)
  assert.match(await last({ brokers: kafka.secure.tls }), /requires TLS/)
  assert.match(await last({ useTls: true }), /may not speak TLS at this port/)
  assert.match(await last({ useTls: true, ca: '/nowhere/ca.pem' }), /no such file/)
})
