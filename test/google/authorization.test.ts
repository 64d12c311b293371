import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { parseFields } from '../../src/config/fields.ts'
import { PipelineError } from '../../src/core/errors.ts'
import { createAuthorization } from '../../src/google/authorization.ts'
import { checkGoogle, googleFields } from '../../src/google/config.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { sinkFields as bigqueryFields } from '../../src/sinks/bigquery/config.ts'
import { bigquerySink } from '../../src/sinks/bigquery/sink.ts'
import { sinkFields } from '../../src/sinks/pubsub/config.ts'
import { pubsubSink } from '../../src/sinks/pubsub/sink.ts'
import { reading } from '../contract/sink-harness.ts'
import { type FakeGoogle, startFakeGoogle } from '../services/fake-google.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { project } from '../services/pubsub.ts'
import { forever, parsed } from '../sinks/kafka-harness.ts'
import { pubsubContext } from '../sinks/pubsub-harness.ts'

type Raw = { readonly [option: string]: unknown }

const account = 'writer@rowline-test.iam.gserviceaccount.com'
const newKey = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
const directory = temporaryDirectory('credentials')
const write = (file: string, text: string) => writeFileSync(join(directory, file), text)
const keyOf = (privateKey: string) =>
  JSON.stringify({ type: 'service_account', client_email: account, private_key: privateKey, private_key_id: 'k1' })

let google: FakeGoogle
const systemAuthorities = getCACertificates()
let key = newKey()
before(async () => {
  google = await startFakeGoogle()
  setDefaultCACertificates([google.ca])
  process.env.HTTPS_PROXY = google.proxy
})
after(async () => {
  delete process.env.HTTPS_PROXY
  setDefaultCACertificates(systemAuthorities)
  await google.close()
})
beforeEach(() => {
  key = newKey()
  google.publicKey = key.publicKey
  google.asked.length = 0
  google.published.length = 0
  google.accepted = [`token-of-${account}`]
})

const config = (raw: Raw) => parsed(googleFields, { projectId: project, ...raw })
const tokenOf = async (raw: Raw) =>
  (await (await createAuthorization(config(raw), directory)).headers()).authorization?.replace('Bearer ', '')

/** A sink that speaks TLS with the fake, and signs in. */
function createSink(cloud: Raw, raw: Raw = {}) {
  const options = parsed(sinkFields, { cloud: 'c', topic: 'readings', endpoint: google.endpoint, ...raw })
  return pubsubSink.create(options, pubsubContext(cloud, directory))
}

describe('who we are to Google', () => {
  it('is the service account of a key, inline, in a file, or in the file that the machine names', async () => {
    const text = keyOf(key.privateKey)
    assert.equal(await tokenOf({ credentialsMode: 'inline', credentialsJson: text }), `token-of-${account}`)
    write('key.json', text)
    assert.equal(await tokenOf({ credentialsMode: 'file', credentialsFile: 'key.json' }), `token-of-${account}`)
    process.env.GOOGLE_APPLICATION_CREDENTIALS = join(directory, 'key.json')
    assert.equal(await tokenOf({ credentialsMode: 'adc' }), `token-of-${account}`)
    delete process.env.GOOGLE_APPLICATION_CREDENTIALS
    assert.deepEqual(new Set(google.asked), new Set(['oauth2.googleapis.com /token']))
  })

  it('works in the project of the form', () => {
    for (const projectId of ['plant-one', 'example.com:plant-two'])
      assert.equal(createSink({ projectId }).prepare(reading(1)).request.topic, `projects/${projectId}/topics/readings`)
    const [missing] = parseFields(googleFields, { projectId: '' }).problems
    assert.deepEqual([missing?.field, missing?.problem.text], ['projectId', 'is required'])
  })

  it('is another service account where we may act as it', async () => {
    const other = 'other@rowline-test.iam.gserviceaccount.com'
    const inline = { credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey) }
    assert.equal(await tokenOf({ ...inline, impersonate: other }), `token-of-${other}-by-token-of-${account}`)
    const file = {
      type: 'impersonated_service_account',
      source_credentials: JSON.parse(keyOf(key.privateKey)),
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${other}:generateAccessToken`,
    }
    const credentials = JSON.stringify(file)
    assert.equal(
      await tokenOf({ credentialsMode: 'inline', credentialsJson: credentials }),
      `token-of-${other}-by-token-of-${account}`,
    )
  })

  it('is a workload of another cloud, which has no key', async () => {
    write('subject', 'plant-workload')
    const credentials = JSON.stringify({
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/plant/providers/gateway',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: { file: join(directory, 'subject') },
    })
    assert.equal(await tokenOf({ credentialsMode: 'inline', credentialsJson: credentials }), 'token-for-plant-workload')
    assert.deepEqual(google.asked, ['sts.googleapis.com /v1/token'])
  })
})

describe('credentials that cannot be used', () => {
  it('are red at deploy where the form can see it', () => {
    const problems = (raw: Raw) => checkGoogle(config(raw)).map(({ field, problem }) => `${field} ${problem.text}`)
    assert.deepEqual(problems({}), [])
    assert.deepEqual(problems({ credentialsMode: 'file' }), ['credentialsFile is required'])
    assert.deepEqual(problems({ credentialsMode: 'inline' }), ['credentialsJson is required'])
    for (const credentials of ['{', '[]', 'null', '{"type":"robot"}', '{"type":"service_account"}'])
      assert.match(
        problems({ credentialsMode: 'inline', credentialsJson: credentials })[0]!,
        /^credentialsJson must/,
        credentials,
      )
  })

  it('hold and alarm where Google says no, and no text shows the key', async () => {
    const cases: readonly (readonly [Raw, RegExp])[] = [
      [{ credentialsMode: 'file', credentialsFile: 'nowhere.json' }, /nowhere\.json/],
      [
        { credentialsMode: 'inline', credentialsJson: keyOf(newKey().privateKey) },
        /invalid_grant|Invalid JWT Signature/,
      ],
      [{ credentialsMode: 'inline', credentialsJson: keyOf('no key at all') }, /Check "Sign in with"/],
      [
        {
          credentialsMode: 'inline',
          credentialsJson: JSON.stringify({
            type: 'external_account',
            credential_source: { executable: { command: 'rm' } },
          }),
        },
        /a program is not supported/,
      ],
    ]
    for (const [raw, expected] of cases)
      await assert.rejects(tokenOf(raw), (error: Error & { code?: string; disposition?: string }) => {
        assert.deepEqual([error.code, error.disposition], ['CREDENTIALS_UNUSABLE', 'config'])
        assert.match(error.message, expected)
        assert.doesNotMatch(error.message, /PRIVATE KEY/)
        return true
      })
  })

  it('are no fault of ours while nobody can be asked', async () => {
    process.env.HTTPS_PROXY = 'http://127.0.0.1:1'
    await assert.rejects(tokenOf({ credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey) }), {
      code: 'TARGET_UNREACHABLE',
      disposition: 'retry',
    })
    process.env.HTTPS_PROXY = google.proxy
  })
})

describe('a sign-in service that does not answer', () => {
  for (const impersonate of ['', 'other@rowline-test.iam.gserviceaccount.com'])
    it(`is given up in time and asked again${impersonate && ', also to act as another'}`, async () => {
      const cloud = config({ credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey), impersonate })
      const authorization = await createAuthorization(cloud, directory, 300)
      google.givesTokens = false
      await assert.rejects(authorization.headers(), { code: 'TARGET_UNREACHABLE', disposition: 'retry' })
      google.givesTokens = true
      assert.match((await authorization.headers()).authorization ?? '', /^Bearer token-of-/)
    })
})

describe('a sink that signs in', () => {
  const written = { rejected: [] }

  it('publishes over TLS to the endpoint of the form', async () => {
    const sink = createSink({ credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey) })
    await sink.open(forever)
    assert.deepEqual(await sink.write([sink.prepare(reading(1)).request], forever), written)
    assert.deepEqual(google.published, [`token-of-${account}`])
    assert.equal(google.asked.length, 1, 'one token for all calls')
    await sink.close()
  })

  it('holds everything with a deleted key, and goes on with the one that is put in its place', async () => {
    write('key.json', keyOf(newKey().privateKey))
    const sink = createSink({ credentialsMode: 'file', credentialsFile: 'key.json' })
    await assert.rejects(sink.open(forever), { code: 'CREDENTIALS_UNUSABLE', disposition: 'config' })
    write('key.json', keyOf(key.privateKey))
    await sink.open(forever)
    const request = sink.prepare(reading(1)).request
    assert.deepEqual(await sink.write([request], forever), written)
    google.accepted = []
    const next = sink.prepare(reading(2)).request
    await assert.rejects(sink.write([next], forever), { code: 'CREDENTIALS_REFUSED', disposition: 'config' })
    google.accepted = [`token-of-${account}`]
    assert.deepEqual(await sink.write([next], forever), written)
    assert.equal(google.published.length, 2)
    await sink.close()
    rmSync(join(directory, 'key.json'))
  })

  it('waits for a token no longer than a request may take, and not at all once it is closed', async () => {
    google.givesTokens = false
    const cloud = { credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey) }
    const sinks = [
      (raw: Raw) => createSink(cloud, { topic: '{tag}', ...raw }),
      (raw: Raw) => createSink(cloud, raw),
      (raw: Raw) => {
        const config = parsed(bigqueryFields, { cloud: 'c', schema: 's', dataset: 'd', table: 't', ...raw })
        return bigquerySink.create(config, {
          ...pubsubContext(cloud, directory),
          rowSchema: () => parseRowSchema('n INT'),
        })
      },
    ]
    for (const create of sinks) {
      const hasty = create({ requestTimeoutMs: '200 ms' })
      await assert.rejects(hasty.open(forever), (error) => {
        assert.ok(error instanceof PipelineError)
        assert.deepEqual([error.code, error.disposition], ['TARGET_TIMEOUT', 'retry'])
        return true
      })
      await hasty.close()
      const patient = create({ requestTimeoutMs: '10 min' })
      const closing = new AbortController()
      const opening = patient.open(closing.signal)
      const asked = google.asked.length
      await until(() => google.asked.length > asked, { what: 'the question for a token' })
      closing.abort()
      await assert.rejects(opening, { code: 'DELIVERY_RELEASED' })
      await patient.close()
    }
    google.givesTokens = true
  })

  it('does not speak with a server that nobody knows', async () => {
    const stranger = await startFakeGoogle()
    const other = createSink(
      { credentialsMode: 'inline', credentialsJson: keyOf(key.privateKey) },
      { endpoint: stranger.endpoint },
    )
    await assert.rejects(other.open(forever), { code: 'TARGET_TLS', disposition: 'config' })
    await other.close()
    await stranger.close()
  })
})
