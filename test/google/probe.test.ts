import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Step } from '../../src/core/steps.ts'
import { nobody } from '../../src/google/authorization.ts'
import { googleFields } from '../../src/google/config.ts'
import { probeSignIn } from '../../src/google/probe.ts'
import { probeBigQuery } from '../../src/sinks/bigquery/probe.ts'
import { probePubsub } from '../../src/sinks/pubsub/probe.ts'
import { type FakeGoogle, startFakeGoogle } from '../services/fake-google.ts'
import { freePort } from '../services/processes.ts'
import { type Pubsub, project, startPubsub } from '../services/pubsub.ts'
import { outcomesOf } from '../services/steps.ts'
import { forever, parsed } from '../sinks/kafka-harness.ts'

const account = 'writer@rowline-test.iam.gserviceaccount.com'
const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const key = JSON.stringify({ type: 'service_account', client_email: account, private_key: privateKey })
const systemAuthorities = getCACertificates()

let google: FakeGoogle
let pubsub: Pubsub
before(async () => {
  google = await startFakeGoogle()
  google.publicKey = publicKey
  pubsub = await startPubsub()
  setDefaultCACertificates([google.ca])
  process.env.HTTPS_PROXY = google.proxy
})
after(async () => {
  delete process.env.HTTPS_PROXY
  setDefaultCACertificates(systemAuthorities)
  await google?.close()
  await pubsub?.[Symbol.asyncDispose]()
})

const config = (raw: object) => parsed(googleFields, { projectId: project, ...raw })

const signIn = (raw: object) => outcomesOf(probeSignIn(config(raw), { directory: '/', isNeeded: true }, forever))

test('the account is named, and a token is asked for it; nothing of the key is shown', async () => {
  const steps = await signIn({ credentialsMode: 'inline', credentialsJson: key })
  assert.deepEqual(steps, [
    { step: 'credentials', state: 'passed', values: { kind: 'service_account', account } },
    { step: 'token', state: 'passed', values: {} },
  ])
})

test('acting as another account names that one', async () => {
  const impersonate = 'other@rowline-test.iam.gserviceaccount.com'
  const [credentials] = await signIn({ credentialsMode: 'inline', credentialsJson: key, impersonate })
  assert.deepEqual(credentials?.values, { kind: 'impersonated_service_account', account: impersonate })
})

test('a key that Google has deleted fails at the token, and says where to look', async () => {
  google.publicKey = undefined
  const [credentials, token, ...more] = await signIn({ credentialsMode: 'inline', credentialsJson: key })
  google.publicKey = publicKey
  assert.equal(credentials?.state, 'passed')
  assert.match(token?.problem ?? '', /^Google gives no access: .*Check "Sign in with"/)
  assert.deepEqual(more, [])
  assert.doesNotMatch(JSON.stringify(token), /PRIVATE/)
})

test('nobody signs in to emulators', async () => {
  const steps = await outcomesOf(probeSignIn(config({}), { directory: '/', isNeeded: false }, forever))
  assert.deepEqual(steps, [{ step: 'credentials', state: 'skipped', values: {} }])
})

test('Pub/Sub is reached, or not, or without the right to list topics', async () => {
  const ask = (pubsubEmulator: string) => outcomesOf(probePubsub(config({ pubsubEmulator }), nobody, forever))
  const [reached] = await ask(pubsub.address)
  assert.deepEqual(reached, { step: 'pubsub', state: 'passed', values: { project, address: pubsub.address } })
  const [away] = await ask(`127.0.0.1:${await freePort()}`)
  assert.equal(away?.state, 'failed')
  assert.match(away?.problem ?? '', /^Pub\/Sub of the project rowline-test cannot be reached: .*ECONNREFUSED/)
  const [unasked] = await outcomesOf(probePubsub(config({}), undefined, forever))
  assert.equal(unasked?.state, 'skipped')
})

/** BigQuery's REST interface, saying one thing. */
async function bigquerySays(status: number, body: object): Promise<Step | undefined> {
  const server = createServer((_request, response) => response.writeHead(status).end(JSON.stringify(body)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { readonly port: number }
  const bigqueryEmulator = `http://127.0.0.1:${port}`
  const [step] = await outcomesOf(probeBigQuery(config({ bigqueryEmulator }), nobody, forever))
  server.closeAllConnections()
  server.close()
  return step
}

test('BigQuery is reached also where datasets may not be listed, but not where it is switched off', async () => {
  const refusal = (message: string) => ({ error: { message, errors: [{ reason: 'accessDenied' }] } })
  assert.equal((await bigquerySays(200, {}))?.state, 'passed')
  const noted = await bigquerySays(403, refusal('Access Denied: Permission bigquery.datasets.list denied'))
  assert.deepEqual([noted?.state, noted?.text], ['noted', 'unlisted'])
  const off = await bigquerySays(403, refusal('BigQuery API has not been used in project 1 before or it is disabled.'))
  assert.match(off?.problem ?? '', /does not allow this: BigQuery API has not been used/)
})
