import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type FakeBroker, startFakeBroker } from '../services/fake-broker.ts'
import { type Kafka, runKafkaTool, startKafka } from '../services/kafka.ts'
import { createTopic, readTopic } from '../services/kafka-topics.ts'
import { type FlowNode, type NodeRed, startNodeRed } from '../services/node-red.ts'
import { runCommand, until } from '../services/processes.ts'
import { startTokenServer, type TokenServer, tokenClient, tokenScope, tokenSecret } from '../services/token-server.ts'
import { flowBuilder } from './acceptance-flow.ts'

const passphrase = 'key-passphrase-7391'
const password = 'scram-password-4426'
const keystorePassword = 'key-store-password-5518'
const registryPassword = 'registry-password-2207'
const registryToken = 'registry-token-9034'

/** Sinks that get at Kafka, and one whose schema registry nobody answers for. */
const names = ['scram', 'token', 'certificate', 'store']
const all = [...names, 'registry']

let broker: FakeBroker
let tokens: TokenServer
let kafka: Kafka
let nodeRed: NodeRed

before(async () => {
  broker = await startFakeBroker({ window: 100 })
  tokens = await startTokenServer()
  kafka = await startKafka({ secure: true, tokens })
  const settings = { logging: { console: { level: 'trace', metrics: false, audit: true } } }
  nodeRed = await startNodeRed({ nodesDir: join(import.meta.dirname, 'fixtures'), settings })
})
after(async () => {
  await broker.close()
  await tokens.close()
  await kafka.stop()
  await nodeRed.kill9()
})

const { id, node, source } = flowBuilder()

/** A cluster and the sink that signs in there. */
const signingIn = (name: string, values: object, credentials: object): readonly FlowNode[] => [
  node('kafka-cluster', `${name}-cluster`, { ...values, credentials }),
  node(
    'kafka-sink',
    name,
    { cluster: id(`${name}-cluster`), topic: name, retryBackoffMs: '100 ms', maxRetryBackoffMs: '1 s' },
    [[], []],
  ),
]

test('wrong credentials that are put right outside need no deploy, and no secret is to be seen anywhere', async () => {
  for (const name of names) await createTopic(kafka.brokers, name)
  tokens.secret = 'another'
  await makeStore('another')
  await nodeRed.deploy(await flow())
  for (const name of ['scram', 'token', 'store']) await nodeRed.statusIs(id(name), ({ fill }) => fill === 'red', 30_000)
  for (let n = 0; n < 3; n++) broker.publish({ topic: 't', qos: 1, payload: JSON.stringify({ n }) })
  await nodeRed.statusIs(id('certificate'), isForwarded, 30_000)
  await nodeRed.statusIs(id('registry'), ({ fill }) => fill === 'yellow', 30_000)
  await lookForSecrets([tokenSecret])

  tokens.secret = tokenSecret
  await makeStore(keystorePassword)
  const change = ['--bootstrap-server', kafka.brokers, '--alter', '--entity-type', 'users', '--entity-name', 'alice']
  await runKafkaTool('kafka.admin.ConfigCommand', [...change, '--add-config', `SCRAM-SHA-256=[password=${password}]`])
  for (const name of names) {
    await nodeRed.statusIs(id(name), isForwarded, 60_000)
    assert.equal((await readTopic(kafka.brokers, name, { count: 3 })).length, 3, name)
  }
  assert.equal(nodeRed.log().match(/Started flows/g)?.length, 2, 'one start and one deploy')
  assert.ok(tokens.given.length > 0)
  await lookForSecrets([tokenSecret, ...tokens.given])
})

const isForwarded = ({ fill, text = '' }: { readonly fill?: string; readonly text?: string }) =>
  fill === 'green' && text.includes('outbox 0')

const store = () => join(kafka.directory, 'client.p12')

async function makeStore(password: string): Promise<void> {
  const { clientCertFile, clientKeyFile } = kafka.secure.certificates!
  const made = ['-export', '-inkey', clientKeyFile, '-in', clientCertFile, '-out', store()]
  await runCommand('openssl', ['pkcs12', ...made, '-passout', `pass:${password}`])
}

async function flow(): Promise<readonly FlowNode[]> {
  const { caFile, clientCertFile, clientKeyFile } = kafka.secure.certificates!
  const key = join(kafka.directory, 'encrypted.key')
  const encrypt = ['-topk8', '-in', clientKeyFile, '-out', key, '-passout', `pass:${passphrase}`]
  await runCommand('openssl', ['pkcs8', ...encrypt])
  const tls = { useTls: true, ca: caFile }
  const { saslTls: brokers, mutualTls } = kafka.secure
  const oauth = { saslMechanism: 'OAUTHBEARER', tokenUrl: tokens.url, tokenScope }
  return [
    ...source(broker.port, [{ filter: 't', qos: '1' }], all),
    ...signingIn(
      'scram',
      { ...tls, brokers, client: 'kafkajs', saslMechanism: 'SCRAM-SHA-256' },
      { user: 'alice', password },
    ),
    ...signingIn(
      'token',
      { ...tls, brokers, ...oauth },
      { tokenClientId: tokenClient, tokenClientSecret: tokenSecret },
    ),
    ...signingIn('certificate', { ...tls, brokers: mutualTls, cert: clientCertFile, key }, { passphrase }),
    ...signingIn('store', { ...tls, brokers: mutualTls, keystorePath: store() }, { keystorePassword }),
    node('kafka-cluster', 'plain', { brokers: kafka.brokers }),
    node(
      'kafka-sink',
      'registry',
      {
        cluster: id('plain'),
        topic: 'registry',
        valueFormat: 'json-schema',
        autoRegister: false,
        schemaRegistryUrl: 'http://127.0.0.1:1',
        credentials: {
          schemaRegistryUser: 'u',
          schemaRegistryPassword: registryPassword,
          schemaRegistryToken: registryToken,
        },
      },
      [[], []],
    ),
    node('inject', 'ask', { props: [] }, [['inspect']]),
    node('probe-inspect', 'inspect', {}, [[]]),
  ]
}

/** In logs, statuses, the exported flow, files and everything that can be reached from a snapshot. */
async function lookForSecrets(others: readonly string[]): Promise<void> {
  const inspections = () => nodeRed.log().match(/end of inspection/g)?.length ?? 0
  const seen = inspections()
  await nodeRed.inject(id('ask'))
  await until(() => inspections() > seen, { what: 'the inspection of the snapshot' })
  const places: { readonly [place: string]: string } = {
    log: nodeRed.log(),
    metrics: await (await nodeRed.request('/rowline/metrics')).text(),
    health: await (await nodeRed.request('/rowline/health')).text(),
    export: await (await nodeRed.request('/flows')).text(),
    status: JSON.stringify(all.map((name) => nodeRed.status(id(name)))),
    ...(await credentials()),
    ...Object.fromEntries(files().map((file) => [file, readFileSync(file, 'latin1')])),
  }
  assert.match(places.log!, /inspected .*SinkSnapshot|inspected \{/)
  assert.match(places.metrics!, /rowline_retries_total/)
  assert.match(places.export!, /SCRAM-SHA-256/)
  for (const secret of [password, passphrase, keystorePassword, registryPassword, registryToken, ...others]) {
    for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, -3)]) {
      for (const [place, text] of Object.entries(places)) assert.ok(!text.includes(form), `${form} in ${place}`)
    }
  }
}

/** What the editor gets of them. */
async function credentials() {
  const nodes = [...names.map((name) => `kafka-cluster/${id(`${name}-cluster`)}`), `kafka-sink/${id('registry')}`]
  const texts = nodes.map(async (node) => [node, await (await nodeRed.request(`/credentials/${node}`)).text()] as const)
  return Object.fromEntries(await Promise.all(texts))
}

/** Everything that Node-RED and we have written, without the packages. */
function files(): readonly string[] {
  const own = globSync(['*.json', '.*.json', '.*.backup', 'rowline/**/*'], { cwd: nodeRed.userDir })
  return own.map((file) => join(nodeRed.userDir, file)).filter((file) => existsSync(file) && statSync(file).isFile())
}
