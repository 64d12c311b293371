import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeCertificates } from '../services/certificates.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { findProgram, freePort, runCommand, startProcess, temporaryDirectory, until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { startTlsFront } from '../services/tls-front.ts'
import {
  acknowledged,
  connectionsIn,
  deploySubscribed,
  flowBuilder,
  linesOf,
  publishAll,
  startLoggingMosquitto,
  subscriptionsIn,
  type Values,
  waitForDeadLetters,
  waitForLines,
} from './acceptance-flow.ts'

/** The heap of a gateway: on a large machine V8 takes what it likes before it collects, and that says nothing of us. */
const env = { NODE_OPTIONS: '--max-old-space-size=256' }
const nodeRed = await startNodeRed({ env })
after(() => nodeRed.stop())

/** One source with these options, and lines of what it reads. */
function reading(port: number, source: Values, filter = 'a7') {
  const builder = flowBuilder()
  const path = `${builder.id('rows')}.ndjson`
  const nodes = builder.source(port, [{ filter, qos: '1' }], ['sink'])
  const flow: readonly FlowNode[] = [
    ...nodes.map((node) => (node.type === 'mqtt-v3-source' ? { ...node, ...source } : node)),
    builder.node('file-sink', 'sink', { path }, [[], []]),
  ]
  return { ...builder, flow, path }
}

const isGreen = ({ fill }: { readonly fill?: string }) => fill === 'green'

for (const clean of [true, false])
  test(`A5: 8 of 8 readings are in the file around a restart of a mosquitto without persistence (clean ${clean})`, async () => {
    await using broker = await startLoggingMosquitto()
    const { flow, path, id } = reading(broker.port, { clean })
    const publish = (from: number, to: number) =>
      publishAll(
        broker.port,
        Array.from({ length: to - from }, (_, i) => ['a7', `{"n":${from + i}}`] as const),
      )
    await deploySubscribed(nodeRed, broker, flow)
    await publish(0, 3)
    await waitForLines(nodeRed, path, 3)
    await broker.restart()
    await until(() => subscriptionsIn(broker) === 1, { what: 'the subscription after the restart', output: broker.log })
    await nodeRed.statusIs(id('in'), isGreen)
    await publish(3, 8)
    assert.deepEqual(
      await waitForLines(nodeRed, path, 8),
      Array.from({ length: 8 }, (_, n) => `{"n":${n}}`),
    )
  })

/** Stores as keytool makes them, for a broker that asks for a certificate. */
async function makeStores({ caFile, clientCertFile, clientKeyFile }: NonNullable<Mosquitto['certificates']>) {
  const directory = temporaryDirectory('a7')
  const path = (name: string) => join(directory, name)
  const keytool = (...args: string[]) => runCommand(findProgram('keytool', 'default-jre-headless'), args)
  const trusting = ['-importcert', '-noprompt', '-alias', 'ca', '-file', caFile, '-storepass', trustPassword]
  for (const type of ['JKS', 'PKCS12', 'JCEKS'])
    await keytool(...trusting, '-storetype', type, '-keystore', path(`trust.${type.toLowerCase()}`))
  const [openssl, p12] = [findProgram('openssl', 'openssl'), path('client.p12')]
  const pair = ['-inkey', clientKeyFile, '-in', clientCertFile]
  await runCommand(openssl, ['pkcs12', '-export', ...pair, '-passout', `pass:${storePassword}`, '-out', p12])
  const source = ['-srckeystore', p12, '-srcstoretype', 'PKCS12', '-srcstorepass', storePassword, '-srcalias', '1']
  const target = ['-destkeystore', path('client.jks'), '-deststoretype', 'JKS', '-deststorepass', storePassword]
  await keytool('-importkeystore', ...source, ...target, '-destkeypass', keyPassword)
  return path
}

const [trustPassword, storePassword, keyPassword] = ['trust-secret-1', 'store-secret-2', 'key-secret-3'] as const

test('A7: with stores of keytool a reading arrives; a wrong password, version or cipher is red and says why, without any password', async () => {
  await using broker = await startLoggingMosquitto({ tls: true, conf: ['require_certificate true'] })
  const path = await makeStores(broker.certificates!)
  const credentials = { truststorePassword: trustPassword, keystorePassword: storePassword, keyPassword }
  const keys = { useTls: true, keystorePath: path('client.jks') }
  const jks = { ...keys, truststorePath: path('trust.jks'), credentials }
  const secure = (values: object, port = broker.tlsPort) => reading(port, { ...jks, ...values })
  for (const [n, trust] of [
    { truststorePath: path('trust.jks') },
    { truststorePath: path('trust.pkcs12') },
    { truststorePath: broker.certificates!.caFile },
  ].entries()) {
    const { flow, path: rows } = secure(trust)
    await deploySubscribed(nodeRed, broker, flow)
    await publishAll(broker.port, [['a7', `{"n":${n}}`]])
    assert.deepEqual(await waitForLines(nodeRed, rows, 1), [`{"n":${n}}`])
  }
  const red: readonly (readonly [object, RegExp, RegExp?])[] = [
    [
      { credentials: { ...credentials, truststorePassword: 'wrong-secret-4' } },
      /^no secure connection/,
      /trust\.jks: the password/,
    ],
    [
      { credentials: { ...credentials, keyPassword: 'wrong-secret-4' } },
      /^no secure connection/,
      /client\.jks: the key password/,
    ],
    [
      { truststorePath: path('trust.jceks') },
      /^no secure connection/,
      /trust\.jceks.*keytool -importkeystore -deststoretype PKCS12/,
    ],
    [{ ciphers: 'FOO_CIPHER' }, /Ciphers.*FOO_CIPHER/],
  ]
  for (const [values, status, logged] of red) {
    const { flow, id } = secure(values)
    const from = nodeRed.log().length
    await nodeRed.deploy(flow)
    const { text } = await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'red')
    assert.match(text!, status)
    if (logged) await until(() => logged.test(nodeRed.log().slice(from)), { what: `${logged}`, output: nodeRed.log })
  }
  assert.doesNotMatch(nodeRed.log(), /secret-\d/)
})

test('A7: TLSv1.3 against a broker of TLSv1.2 is red, and a cipher by its Java name is the one that is used', async () => {
  await using broker = await startLoggingMosquitto()
  const directory = temporaryDirectory('a7')
  const { ca, certFile, keyFile } = await makeCertificates(directory)
  const [rsaKey, rsaCert] = ['rsa.key', 'rsa.pem'].map((name) => join(directory, name)) as [string, string]
  const selfSigned = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost']
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  await runCommand(findProgram('openssl', 'openssl'), [...selfSigned, ...names, '-keyout', rsaKey, '-out', rsaCert])
  const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)]
  await using only12 = await startTlsFront(broker.port, { cert, key, maxVersion: 'TLSv1.2' })
  await using rsa = await startTlsFront(broker.port, {
    cert: readFileSync(rsaCert),
    key: readFileSync(rsaKey),
    maxVersion: 'TLSv1.2',
    ciphers: 'AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256',
  })
  const tooNew = reading(only12.port, { useTls: true, ca, tlsMinVersion: 'TLSv1.3' })
  await nodeRed.deploy(tooNew.flow)
  await nodeRed.statusIs(tooNew.id('in'), ({ fill }) => fill === 'red')
  assert.equal(only12.handshakes.length, 0)
  const java = reading(rsa.port, { useTls: true, ca: rsaCert, ciphers: 'SSL_RSA_WITH_AES_128_CBC_SHA' })
  await deploySubscribed(nodeRed, broker, java.flow)
  await nodeRed.statusIs(java.id('in'), isGreen)
  assert.equal(rsa.handshakes.at(-1)!.cipher, 'AES128-SHA')
})

test('D8: with TLS no user name is on the line, and a plain listener is not talked to', async () => {
  const users = { 'plant-user': 'plant-password' }
  await using broker = await startLoggingMosquitto({ tls: true, users })
  const sent: Buffer[] = []
  const observe = (direction: string, chunk: Buffer) => void (direction === 'request' && sent.push(chunk))
  const toPlain = await startTcpProxy({ target: broker.port, observe })
  const toTls = await startTcpProxy({ target: broker.tlsPort, observe })
  const said = () => Buffer.concat(sent.splice(0)).toString('latin1')
  const login = { credentials: { user: 'plant-user', password: 'plant-password' } }
  const secure = { useTls: true, ca: broker.certificates!.ca, ...login }
  try {
    await deploySubscribed(nodeRed, broker, reading(toPlain.port, login).flow)
    assert.match(said(), /plant-user/, 'the proxy hears what is said')
    await deploySubscribed(nodeRed, broker, reading(toTls.port, secure).flow)
    const encrypted = said()
    assert.ok(encrypted.length > 100)
    assert.doesNotMatch(encrypted, /plant-user|plant-password|MQTT/)
    const refused = reading(toPlain.port, secure)
    await nodeRed.deploy(refused.flow)
    await nodeRed.statusIs(refused.id('in'), ({ fill }) => fill === 'red' || fill === 'yellow')
    await until(() => sent.length > 0, { what: 'an attempt' })
    assert.doesNotMatch(said(), /plant-user|plant-password/)
  } finally {
    await nodeRed.deploy([])
    await Promise.all([toPlain.close(), toTls.close()])
  }
})

test('C4: each filter takes the topics that it matches and no other, and what is no filter is refused at deploy', async () => {
  await using broker = await startLoggingMosquitto()
  const topics = ['a', 'a/b', 'a/b/c', 'a/bbb', 'a/bbb/c', 'ab/a', 'abc', 'a.b', 'axb', 'a/*', '$rowline/a']
  const expected: { readonly [filter: string]: readonly string[] } = {
    '#': topics.filter((topic) => !topic.startsWith('$')),
    'a/#': ['a', 'a/b', 'a/b/c', 'a/bbb', 'a/bbb/c', 'a/*'],
    'a/+': ['a/b', 'a/bbb', 'a/*'],
    'a/+/c': ['a/b/c', 'a/bbb/c'],
    '+': ['a', 'ab/a', 'abc', 'a.b', 'axb'].filter((topic) => !topic.includes('/')),
    '+/a': ['ab/a'],
    'a/b': ['a/b'],
    'a.b': ['a.b'],
    'a/*': ['a/*'],
    '$rowline/#': ['$rowline/a'],
  }
  const { id, node } = flowBuilder()
  const filters = Object.keys(expected)
  const reader = (filter: string, n: number) => [
    node('mqtt-v3-source', `broker${n}`, { host: '127.0.0.1', port: String(broker.port) }),
    node('mqtt-v3-in', `in${n}`, { source: id(`broker${n}`), subscriptions: [{ filter, qos: '1' }] }, [
      [`out${n}`],
      [],
    ]),
    node('file-sink', `out${n}`, { path: `${id('rows')}${n}.ndjson`, content: 'record' }, [[], []]),
  ]
  const refused = ['a/#/c', 'a+', 'a/b#', '']
  const flow = [
    { id: id('tab'), type: 'tab', label: 'C4' },
    ...filters.flatMap(reader),
    ...refused.flatMap((filter, n) => reader(filter, filters.length + n)),
  ]
  await deploySubscribed(nodeRed, broker, flow, filters.length)
  for (const n of refused.keys()) {
    const { text } = await nodeRed.statusIs(id(`in${filters.length + n}`), ({ fill }) => fill === 'red')
    assert.match(text!, /Topic filter/)
  }
  await publishAll(
    broker.port,
    topics.map((topic) => [topic, `{"of":"${topic}"}`] as const),
  )
  const topicsOf = (lines: readonly string[]) => lines.map((line) => (JSON.parse(line) as { topic: string }).topic)
  for (const [n, filter] of filters.entries()) {
    const lines = await waitForLines(nodeRed, `${id('rows')}${n}.ndjson`, expected[filter]!.length)
    assert.deepEqual(topicsOf(lines), expected[filter], filter)
  }
  const last = topicsOf(linesOf(nodeRed, `${id('rows')}${filters.indexOf('a/b')}.ndjson`))
  assert.deepEqual(last, ['a/b'], 'also after all others have come')
})

const letters = (bytes: number) => `"${'ABCDEFGHIJKLMNOPQRSTUVWXYZ'.repeat(bytes / 26).slice(0, bytes - 2)}"`
const residentMiB = ({ pid }: NodeRed) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

test('B3: 204 messages of 512,000 bytes arrive whole, and Node-RED grows by at most 128 MB; five sinks get 40 each', async () => {
  // Of its own: what grows is not what the tests before have left to the garbage collector.
  await using own = await startNodeRed({ env })
  await using broker = await startLoggingMosquitto()
  const { flow, id } = reading(broker.port, {}, 'b3')
  const names = (count: number) => Array.from({ length: count }, (_, n) => `sink${n}`)
  const withSinks = (count: number, folder: string): readonly FlowNode[] => [
    ...flow
      .filter(({ type }) => type !== 'file-sink')
      .map((node) => (node.type === 'mqtt-v3-in' ? { ...node, wires: [names(count).map(id), []] } : node)),
    ...names(count).map((name) => ({
      ...flow.find(({ type }) => type === 'file-sink')!,
      id: id(name),
      path: `${folder}/${name}.ndjson`,
    })),
  ]
  const payload = letters(512_000)
  const linesIn = (folder: string) =>
    globSync(`${folder}/*.ndjson`, { cwd: own.userDir }).flatMap((file) => linesOf(own, file))
  const arrive = async (folder: string, messages: number, lines: number) => {
    const publishing = publishAll(broker.port, Array(messages).fill(['b3', payload]))
    let peakMiB = 0
    await until(
      () => {
        peakMiB = Math.max(peakMiB, residentMiB(own))
        const sizes = globSync(`${folder}/*.ndjson`, { cwd: own.userDir, withFileTypes: true })
        return sizes.length > 0 && linesIn(folder).length >= lines
      },
      { what: `${lines} lines`, timeoutMs: 120_000, intervalMs: 200, output: own.log },
    )
    await publishing
    const written = linesIn(folder)
    assert.equal(written.length, lines)
    assert.ok(written.every((line) => line === payload))
    return peakMiB
  }
  await deploySubscribed(own, broker, withSinks(1, 'b3'))
  const before = residentMiB(own)
  const growth = (await arrive('b3', 204, 204)) - before
  process.stderr.write(`B3: ${before.toFixed(0)} MiB before, ${growth.toFixed(0)} MiB more at most\n`)
  assert.ok(growth <= 128, `${growth} MiB`)
  await own.deploy(withSinks(5, 'five'))
  await own.statusIs(id('in'), isGreen)
  await arrive('five', 40, 200)
})

test('D7: of a message over the largest packet the beginning is a dead letter, and it is acknowledged over the same connection', async () => {
  await using broker = await startLoggingMosquitto()
  const { flow, path, id } = reading(broker.port, { maxPacketSize: '100000' })
  await deploySubscribed(nodeRed, broker, flow)
  await publishAll(broker.port, [
    ['a7', '{"n":1}'],
    ['a7', Buffer.alloc(3_000_000, 'x')],
    ['a7', '{"n":2}'],
  ])
  assert.deepEqual(await waitForLines(nodeRed, path, 2), ['{"n":1}', '{"n":2}'])
  const [letter, ...others] = await waitForDeadLetters(nodeRed, id('in'), 1)
  assert.deepEqual([letter!.topic, letter!.reason, others.length], ['a7', 'too-large', 0])
  assert.equal(letter!.payload, 'x'.repeat(65_536))
  await acknowledged(broker, 3)
  assert.equal(connectionsIn(broker), 1)
})

test('topics that overlap are named at deploy where several connections share them, and only there', async () => {
  const rows = ['own/#', 'own/+', 'other'].map((filter) => ({ filter, qos: '1' }))
  const from = nodeRed.log().length
  const warnings = () =>
    nodeRed
      .log()
      .slice(from)
      .match(/"own\/#" and "own\/\+" overlap, and are shared/g) ?? []
  for (const poolSize of ['1', '2']) {
    const { id, node, source } = flowBuilder()
    const nodes = source(await freePort(), rows, ['sink'])
    await nodeRed.deploy([
      ...nodes.map((each) => (each.type === 'mqtt-v3-source' ? { ...each, poolSize } : each)),
      node('file-sink', 'sink', { path: 'own.ndjson' }, [[], []]),
    ])
    await nodeRed.statusIs(id('in'), ({ fill }) => fill === 'red' || fill === 'yellow')
    if (poolSize === '1') assert.equal(warnings().length, 0)
  }
  await until(() => warnings().length === 1, { what: 'the warning', output: nodeRed.log })
  await nodeRed.deploy([])
})

test('B5: with one connect attempt a broker that is down is an error that names the cause; the default goes on', async () => {
  const port = await freePort()
  const once = reading(port, { connectAttempts: '1' })
  const from = nodeRed.log().length
  await nodeRed.deploy(once.flow)
  const { text } = await nodeRed.statusIs(once.id('in'), ({ fill }) => fill === 'red')
  assert.match(`${text} ${nodeRed.log().slice(from)}`, /ECONNREFUSED/)
  await nodeRed.deploy([])
  const always = reading(port, { maxReconnectDelayMs: '200 ms' })
  await nodeRed.deploy(always.flow)
  await nodeRed.statusIs(always.id('in'), ({ fill }) => fill === 'yellow')
  await using broker = await startMosquitto({ port })
  await nodeRed.statusIs(always.id('in'), isGreen)
  assert.ok(broker.pid > 0)
})

test('A8: after a kill -9 a subscriber that starts later gets the will; an empty will reaches who is there, and nothing is kept', async () => {
  await using broker = await startLoggingMosquitto()
  const topic = 'disconnected/client'
  const program = findProgram('mosquitto_sub', 'mosquitto-clients')
  const subscribe = ['-p', String(broker.port), '-q', '1', '-F', '%q %r %l %p', '-t', topic, '-C', '1']
  const will = { willTopic: topic, willQos: '1', willRetain: true }
  for (const [willPayload, later] of [
    ['gone', '1 1 4 gone'],
    ['', undefined],
  ] as const) {
    await deploySubscribed(nodeRed, broker, reading(broker.port, { ...will, willPayload }).flow)
    await using live = startProcess(program, [...subscribe, '-R'], { name: 'live subscriber' })
    const subscriptions = () => broker.log().split('Sending SUBACK to ').length
    const before = subscriptions()
    await until(() => subscriptions() > before || !live.isRunning(), { what: 'the live subscriber' })
    await nodeRed.kill9()
    await live.waitFor(willPayload === '' ? /^1 0 0 $/m : /^1 0 4 gone$/m)
    const afterwards = runCommand(program, [...subscribe, '-W', '2']).catch(() => undefined)
    assert.equal((await afterwards)?.trim(), later)
    await nodeRed.restart()
  }
})
