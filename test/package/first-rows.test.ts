import assert from 'node:assert/strict'
import { test } from 'node:test'
import { declarations } from '../../nodes/declarations.ts'
import { type Answers, firstRowsFlow, problemsIn, questions } from '../../nodes/shared/editor/first-rows-flow.ts'
import { englishCatalogue, flatten } from '../../scripts/catalogue.ts'
import { parseFields } from '../../src/config/fields.ts'
import { isHost, splitAddress } from '../../src/mqtt/broker-address.ts'
import { sourceFields } from '../../src/mqtt/config.ts'

const textsOf = (type: string) => {
  const texts = new Map(flatten(englishCatalogue(declarations.find((each) => each.type === type)!)))
  return (key: string) => texts.get(`${type}.${key}`) ?? assert.fail(`${type} lacks ${key}`)
}
const asOffered = Object.fromEntries(
  Object.entries(questions).map(([name, { value }]) => [name, value]),
) as unknown as Answers
const problems = (answers: Partial<Answers>) => problemsIn({ ...asOffered, ...answers }, textsOf)

test('an address is taken apart into host and port, and what is no address is refused', () => {
  const addresses: readonly (readonly [string, string, string])[] = [
    ['localhost', 'localhost', ''],
    [' 192.168.1.10:1884 ', '192.168.1.10', '1884'],
    ['[fe80::1%eth0]:1884', 'fe80::1%eth0', '1884'],
    ['[::1]', '::1', ''],
    ['::1', '::1', ''],
  ]
  for (const [address, host, port] of addresses) {
    assert.deepEqual(splitAddress(address), { host, port })
    assert.ok(isHost(host), host)
  }
  for (const wrong of ['127.0.0.1:28831x', 'a:', 'mqtt://a', 'a b', '[::1', 'plant:1:2', '[]'])
    assert.ok(!isHost(splitAddress(wrong).host), wrong)
})

test('First rows… refuses what the nodes would refuse, and takes what they take', () => {
  assert.deepEqual(problems({}), {})
  assert.deepEqual(problems({ broker: 'plant:1884', user: 'anna', password: 'p', topic: '$share/g/a/+/#' }), {})
  assert.deepEqual(problems({ broker: '${BROKER}', kafka: '${KAFKA}' }), {})
  const address = 'must be a name or an address, with a port from 1 to 65535 or none'
  for (const broker of ['127.0.0.1:28831x', 'plant:70000', ':1883'])
    assert.deepEqual(problems({ broker }), { broker: address })
  assert.deepEqual(problems({ broker: ' ', topic: '', kafka: '' }), {
    broker: 'is required',
    topic: 'is required',
    kafka: 'is required',
  })
  assert.deepEqual(problems({ password: 'p' }), { user: 'is needed with a password (MQTT 3.1.1)' })
  assert.match(problems({ topic: 'a/#/b' }).topic ?? '', /#/)
})

test('the flow of First rows… has the answers, also in its comments, new ids, and the secrets apart', () => {
  let ids = 0
  const answers = { broker: 'plant:1884', user: 'anna', password: 'canary', topic: 'line/+/temp', kafka: 'k1:9092,k2' }
  const flow = firstRowsFlow(answers, () => `id${ids++}`)
  const one = (type: string) => flow.find((node) => node.type === type)!
  const { host, port, credentials } = one('mqtt-v3-source')
  assert.deepEqual([host, port, credentials], ['plant', '1884', { user: 'anna', password: 'canary' }])
  assert.equal(one('kafka-cluster').brokers, 'k1:9092,k2')
  assert.deepEqual(
    one('mqtt-v3-in').subscriptions?.map((row) => Object.values(row).slice(0, 2)),
    [['line/+/temp', '1']],
  )
  assert.ok(flow.every(({ id }) => /^id\d+$/.test(id)))
  const said = JSON.stringify(flow.filter(({ type }) => type === 'comment'))
  assert.match(said, /The source is set to `plant:1884`.*The cluster is set to `k1:9092,k2`/)
  assert.match(said, /line\/101\/temp becomes the Kafka topic line_101_temp/)
  assert.doesNotMatch(said, /localhost|factory_iot|canary|anna/)
  assert.equal(
    'credentials' in firstRowsFlow(asOffered, () => 'x').find(({ type }) => type === 'mqtt-v3-source')!,
    false,
  )
})

test('a broker at port 8883 is spoken to over TLS, and its certificate is checked', () => {
  const sourceAt = (broker: string) => {
    const answers = { ...asOffered, broker, user: 'anna', password: 'canary' }
    assert.deepEqual(problems(answers), {})
    const { version, wires, z, ...values } = firstRowsFlow(answers, () => 'x').find(
      ({ type }) => type === 'mqtt-v3-source',
    )!
    return parseFields(sourceFields, values).config!
  }
  for (const broker of ['plant:8883', ' [fe80::1]:8883 ', '${BROKER}:8883']) {
    const { port, useTls, ca, rejectUnauthorized } = sourceAt(broker)
    assert.deepEqual([port, useTls, ca, rejectUnauthorized], [8883, true, '', true], broker)
  }
  for (const broker of ['plant', 'plant:1883', 'plant:18883']) assert.equal(sourceAt(broker).useTls, false, broker)
})
