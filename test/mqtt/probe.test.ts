import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import mqtt from 'mqtt'
import type { Step } from '../../src/core/steps.ts'
import { sourceFields } from '../../src/mqtt/config.ts'
import { probeBroker } from '../../src/mqtt/probe.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { freePort } from '../services/processes.ts'
import { outcomesOf, statesOf } from '../services/steps.ts'
import { forever, parsed } from '../sinks/kafka-harness.ts'

const password = 'right words'
let broker: Mosquitto
before(async () => {
  broker = await startMosquitto({ tls: true, users: { anna: password } })
})
after(async () => void (await broker?.stop()))

/** What came out of each step. */
async function asked(raw: object, signal = forever): Promise<readonly Step[]> {
  const options = { host: '127.0.0.1', port: String(broker.port), user: 'anna', password, ...raw }
  return outcomesOf(probeBroker(parsed(sourceFields, options), '/', signal))
}

test('a wrong password is told from a right one, and neither is in an answer', async () => {
  const wrong = await asked({ password: 'wrong words' })
  assert.deepEqual(statesOf(wrong), ['tcp passed', 'connect failed'])
  assert.match(wrong.at(-1)?.problem ?? '', /refuses the connection: user name or password is wrong/)
  const right = await asked({})
  assert.deepEqual(statesOf(right), ['tcp passed', 'connect passed', 'limits skipped'])
  assert.doesNotMatch(JSON.stringify([wrong, right]), /right words|wrong words/)
})

test('an MQTT 5 broker tells its limits, and a name its addresses', async () => {
  const steps = await asked({ host: 'localhost', protocolVersion: 'auto' })
  assert.deepEqual(statesOf(steps), ['name passed', 'tcp passed', 'connect passed', 'limits passed'])
  assert.match(String(steps[0]?.values.addresses), /127\.0\.0\.1|::1/)
  assert.deepEqual([steps[2]?.values.version, steps[2]?.values.sessionPresent], ['5', false])
  const limits = { receiveMaximum: 20, maximumPacketSize: null, maximumQoS: 2, retain: true, shared: true }
  assert.deepEqual(steps[3]?.values, limits)
})

test('the running session of the same node is not touched', async () => {
  const running = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
    ...{ clientId: 'the-gateway', clean: false, username: 'anna', password, reconnectPeriod: 0 },
  })
  await new Promise((resolve) => running.once('connect', resolve))
  let closed = 0
  running.on('close', () => closed++)
  const steps = await asked({ clientId: 'the-gateway' })
  assert.equal(steps[1]?.state, 'passed')
  assert.match(String(steps[1]?.values.clientId), /^rowline-[0-9a-f]{8}$/)
  assert.equal(closed, 0)
  await running.endAsync()
  const guests = broker.log().match(/as rowline-\w+ \(p\d, c\d/g) ?? []
  assert.ok(guests.length > 0)
  assert.deepEqual(
    guests.filter((guest) => !guest.endsWith('c1')),
    [],
    'a session is left behind',
  )
})

test('the certificate is read: known, not known, not looked at', async () => {
  const secure = { host: 'localhost', useTls: true, port: String(broker.tlsPort) }
  const known = await asked({ ...secure, ca: readFileSync(broker.certificates!.caFile, 'utf8') })
  assert.deepEqual(statesOf(known), [
    'name passed',
    'tcp passed',
    'tls noted expires',
    'connect passed',
    'limits skipped',
  ])
  assert.equal(known[2]?.values.subject, 'localhost')
  assert.match(String(known[2]?.values.validTo), /^20\d\d-\d\d-\d\d$/)
  const unknown = await asked(secure)
  assert.match(unknown.at(-1)?.problem ?? '', /^No secure connection .*self-signed/)
  const unchecked = await asked({ ...secure, rejectUnauthorized: false })
  assert.deepEqual(statesOf(unchecked)[2], 'tls noted unchecked')
  const missing = await asked({ ...secure, ca: '/nowhere/ca.pem' })
  assert.match(missing.at(-1)?.problem ?? '', /^No secure connection .*no such file/)
})

test('what is wrong with the way there is said with what to do', async () => {
  const last = async (raw: object) => (await asked(raw)).at(-1)?.problem ?? ''
  assert.match(await last({ port: String(await freePort()) }), /ECONNREFUSED.*Nothing listens there/)
  assert.match(await last({ host: 'no.such.host.invalid' }), /ENOTFOUND.*check its spelling/)
  assert.match(await last({ useTls: true }), /may not speak TLS at this port/)
  assert.match(await last({ port: String(broker.tlsPort) }), /may ask for TLS/)
})

test('a broker that says nothing ends the test after its time, and so does a user who goes', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { readonly port: number }
  const late = await asked({ port: String(port), connectTimeoutMs: '300 ms' })
  assert.match(late.at(-1)?.problem ?? '', /no answer within 0\.3 s|connack timeout/)
  const gone = await asked({ port: String(port) }, AbortSignal.timeout(300))
  assert.deepEqual(statesOf(gone), ['tcp passed', 'connect failed'])
  silent.close()
})

test('a connect timeout of 0, which is for ever, gives each step the time of the test', async () => {
  assert.deepEqual(statesOf(await asked({ connectTimeoutMs: '0' })), ['tcp passed', 'connect passed', 'limits skipped'])
})

test('each further broker is tested too', async () => {
  const away = await freePort()
  const steps = await asked({ port: String(away), fallbacks: `127.0.0.1:${broker.port}` })
  assert.deepEqual(statesOf(steps), ['tcp failed', 'tcp passed', 'connect passed', 'limits skipped'])
})
