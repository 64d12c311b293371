import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { PipelineError } from '../../src/core/errors.ts'
import type { Sink } from '../../src/core/sink.ts'
import type { KafkaRequest } from '../../src/sinks/kafka/request.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Certificates, makeCertificates } from '../services/certificates.ts'
import { type Kafka, runKafkaTool, startKafka } from '../services/kafka.ts'
import { createTopic, readTopic, reserveTopic } from '../services/kafka-topics.ts'
import { runCommand, temporaryDirectory, until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { startTokenServer, type TokenServer, tokenClient, tokenScope, tokenSecret } from '../services/token-server.ts'
import { clients, createKafkaSink, describeForClients, forever } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }

const sessionMs = 4000
const sessions = 3

describe('kafka-sink at a secured cluster', () => {
  let tokens: TokenServer
  let kafka: Kafka
  let certificates: Certificates
  let strangers: Certificates
  before(async () => {
    strangers = await makeCertificates(temporaryDirectory('strangers'))
    const [key, cert] = [strangers.keyFile, strangers.certFile].map((file) => readFileSync(file, 'utf8'))
    tokens = await startTokenServer({ key: key!, cert: cert! })
    kafka = await startKafka({
      secure: true,
      tokens,
      properties: {
        'listener.name.sasl_plaintext.scram-sha-512.connections.max.reauth.ms': sessionMs,
        'listener.name.sasl_ssl.oauthbearer.connections.max.reauth.ms': sessionMs,
      },
    })
    certificates = kafka.secure.certificates!
  })
  after(async () => {
    await tokens.close()
    await kafka.stop()
  })

  /** Signs in at the listener with TLS and, for tokens, at a token server of another authority. */
  const overTls = () => ({ brokers: kafka.secure.saslTls, useTls: true, ca: readFileSync(kafka.secure.ca, 'utf8') })
  const user = (saslMechanism: string, name = 'alice', password = `${name}-secret`) => ({
    saslMechanism,
    user: name,
    password,
  })
  const byToken = () => ({
    saslMechanism: 'OAUTHBEARER',
    tokenUrl: tokens.url,
    tokenClientId: tokenClient,
    tokenClientSecret: tokenSecret,
    tokenScope,
    ...overTls(),
    ca: overTls().ca + strangers.ca,
  })

  /** A new topic that nobody but `owner` may use. */
  async function topicOf(owner: string): Promise<string> {
    const topic = `of-${randomUUID()}`
    await createTopic(kafka.brokers, topic)
    await reserveTopic(kafka.brokers, topic, owner)
    return topic
  }
  const write = (sink: Sink<KafkaRequest>, n: number) => sink.write([sink.prepare(reading(n)).request], forever)
  const stored = async (topic: string) =>
    (await readTopic(kafka.brokers, topic)).map(({ value }) => JSON.parse(String(value)).n)
  const fails = (work: Promise<unknown>, code: PipelineError['code'], message: RegExp) =>
    assert.rejects(work, (error: PipelineError) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      return true
    })

  describeForClients('with the client', (createKafkaSink) => {
    /** Opens, writes one record, closes. */
    const attempt = async (cluster: Raw, topic: string, sinkOptions: Raw = {}) => {
      const sink = createKafkaSink({ cluster, sink: { topic, ...sinkOptions } })
      try {
        await sink.open(forever)
        await write(sink, 1)
      } finally {
        await sink.close()
      }
    }
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      it(`${mechanism}: who has the right may write, with and without TLS, and nobody else`, async () => {
        const topic = await topicOf('alice')
        await attempt({ ...overTls(), ...user(mechanism) }, topic)
        await attempt({ brokers: kafka.secure.sasl, ...user(mechanism) }, topic)
        await fails(
          attempt({ ...overTls(), ...user(mechanism, 'bob') }, topic),
          'TARGET_AUTHORIZATION',
          new RegExp(`^The Kafka topic ${topic} does not allow this`),
        )
        const wrong = { ...overTls(), ...user(mechanism, 'alice', 'wrong') }
        await fails(attempt(wrong, topic), 'TARGET_AUTHENTICATION', /refuses the user name or password/)
        assert.deepEqual(await stored(topic), [1, 1])
      })
    }

    it('a mechanism that the cluster does not take is for an operator', async () => {
      const cluster = { ...user('SCRAM-SHA-256'), brokers: kafka.brokers }
      await fails(attempt(cluster, await topicOf('alice')), 'TARGET_AUTHENTICATION', /SASL/)
    })

    describe('that knows clients by their certificates', () => {
      const mutual = (rest: Raw) => ({ ...overTls(), brokers: kafka.secure.mutualTls, ...rest })
      const own = () => ({ cert: readFileSync(certificates.clientCertFile, 'utf8'), key: certificates.clientKeyFile })

      it('takes who has the right, by key file or by encrypted key file', async () => {
        const topic = await topicOf('CN=client')
        await attempt(mutual(own()), topic)
        const encrypted = join(temporaryDirectory('keys'), 'encrypted.key')
        const pkcs8 = [
          'pkcs8',
          '-topk8',
          '-in',
          certificates.clientKeyFile,
          '-out',
          encrypted,
          '-passout',
          'pass:geheim',
        ]
        await runCommand('openssl', pkcs8)
        await attempt(mutual({ ...own(), key: encrypted, passphrase: 'geheim' }), topic)
        assert.deepEqual(await stored(topic), [1, 1])
        await fails(attempt(mutual({ ...own(), key: encrypted, passphrase: 'falsch' }), topic), 'TARGET_TLS', /secure/)
        await fails(attempt(mutual({ ...own(), key: 'nowhere.key' }), topic), 'TARGET_TLS', /nowhere\.key/)
      })

      it('reads certificate and key again once they were refused: what is put right on the disk needs no deploy', async () => {
        const topic = await topicOf('CN=client')
        const directory = temporaryDirectory('renewed')
        const [cert, key] = [join(directory, 'client.pem'), join(directory, 'client.key')]
        const put = (from: Certificates) => {
          copyFileSync(from.clientCertFile, cert)
          copyFileSync(from.clientKeyFile, key)
        }
        put(strangers)
        const sink = createKafkaSink({ cluster: mutual({ cert, key }), sink: { topic } })
        await fails(sink.open(forever), 'TARGET_TLS', /alert/)
        put(certificates)
        await sink.open(forever)
        await write(sink, 1)
        await sink.close()
        assert.deepEqual(await stored(topic), [1])
      })

      it('says so to who has none, or one of an unknown authority', async () => {
        const topic = await topicOf('CN=client')
        await fails(attempt(mutual({}), topic), 'TARGET_TLS', /: ssl\/tls alert bad certificate$/)
        const foreign = { cert: strangers.clientCertFile, key: strangers.clientKeyFile }
        await fails(attempt(mutual(foreign), topic), 'TARGET_TLS', /: \S+ alert (certificate unknown|unknown ca)$/)
        assert.deepEqual(await stored(topic), [])
      })
    })

    describe('with tokens', () => {
      it('takes the one that a token server gives, and asks for one only while it is fresh', async () => {
        const topic = await topicOf('carol')
        const given = tokens.given.length
        const sink = createKafkaSink({ cluster: byToken(), sink: { topic } })
        await sink.open(forever)
        for (let n = 0; n < 3; n++) await write(sink, n)
        await sink.close()
        assert.deepEqual(await stored(topic), [0, 1, 2])
        assert.equal(tokens.given.length - given, 1)
        tokens.subject = 'mallory'
        await fails(attempt(byToken(), topic), 'TARGET_AUTHORIZATION', /does not allow this/)
        tokens.subject = 'carol'
      })

      it('says what the token server says, and goes on when that has been put right', async () => {
        const sink = createKafkaSink({ cluster: byToken(), sink: { topic: await topicOf('carol') } })
        tokens.secret = 'another'
        await fails(
          sink.open(forever),
          'TARGET_AUTHENTICATION',
          /^The token server at https:\/\/localhost:\d+\/oauth2\/token refuses .*status 401, invalid_client, unknown client/,
        )
        tokens.secret = tokenSecret
        await sink.open(forever)
        await write(sink, 1)
        await sink.close()
      })

      it('tells the cluster its name, and with its token what the cluster wants to know beside it', async () => {
        const sent: Buffer[] = []
        const observe = (direction: string, chunk: Buffer) => void (direction === 'request' && sent.push(chunk))
        const proxy = await startTcpProxy({ target: Number(kafka.secure.sasl.split(':')[1]), observe })
        const brokers = `127.0.0.1:${proxy.port}`
        const told = { clientId: 'plant-7', tokenExtensions: 'logicalCluster=lkc-1, pool=p' }
        await attempt({ ...byToken(), useTls: false, brokers, ...told }, await topicOf('carol'))
        await proxy.close()
        const text = Buffer.concat(sent).toString('latin1')
        assert.ok(text.includes('plant-7'))
        assert.ok(text.includes(`n,,\x01auth=Bearer ${tokens.given.at(-1)}\x01logicalCluster=lkc-1\x01pool=p\x01\x01`))
      })

      it('shows what the token server has to know: who we are, and what for', async () => {
        const stranger = { ...byToken(), tokenClientId: 'somebody else' }
        await fails(attempt(stranger, 'x'), 'TARGET_AUTHENTICATION', /invalid_client/)
        const elsewhere = { ...byToken(), tokenScope: 'mail' }
        await fails(attempt(elsewhere, 'x'), 'TARGET_UNSUPPORTED', /status 400, invalid_scope, only "kafka write"/)
      })

      const answers = [
        [{ status: 400, body: '{"error":"invalid_scope"}' }, 'TARGET_UNSUPPORTED', /invalid_scope/],
        [{ status: 503, body: 'later' }, 'TARGET_UNREACHABLE', /status 503/],
        [{ status: 429, body: '' }, 'TARGET_THROTTLED', /status 429/],
        [{ status: 200, body: '<html>sign in</html>' }, 'TARGET_UNSUPPORTED', /without a token/],
        [{ status: 200, body: '{"access_token":"t","token_type":"mac"}' }, 'TARGET_UNSUPPORTED', /without a token/],
        [{ status: 200, body: '{}', delayMs: 3000 }, 'TARGET_TIMEOUT', /token server .* did not answer in time/],
      ] as const
      for (const [answer, code, message] of answers) {
        it(`tells ${answer.status} ${answer.body} of the token server apart`, async () => {
          tokens.answer = answer
          try {
            await fails(attempt({ ...byToken(), connectTimeoutMs: '2001 ms' }, 'x'), code, message)
          } finally {
            tokens.answer = undefined
          }
        })
      }

      it('does not trust a token server of an unknown authority, and finds out that there is none', async () => {
        await fails(attempt({ ...byToken(), ca: overTls().ca }, 'x'), 'TARGET_TLS', /token server/)
        const nowhere = { ...byToken(), tokenUrl: 'http://127.0.0.1:1/oauth2/token' }
        await fails(attempt(nowhere, 'x'), 'TARGET_UNREACHABLE', /token server .*ECONNREFUSED/)
      })

      it('says that the cluster refuses a token, and asks for another one then', async () => {
        const topic = await topicOf('carol')
        const sink = createKafkaSink({ cluster: byToken(), sink: { topic } })
        tokens.lifetimeSeconds = -10
        await fails(sink.open(forever), 'TARGET_AUTHENTICATION', /refuses the token|invalid_token/)
        tokens.lifetimeSeconds = 3600
        await sink.open(forever)
        await write(sink, 7)
        await sink.close()
        assert.deepEqual(await stored(topic), [7])
      })
    })

    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      it(`${mechanism}: a wrong password that is made right at the cluster needs no deploy`, async () => {
        const topic = await topicOf('alice')
        const cluster = { brokers: kafka.secure.sasl, ...user(mechanism, 'alice', 'the new one') }
        const sink = createKafkaSink({ cluster, sink: { topic } })
        await fails(sink.open(forever), 'TARGET_AUTHENTICATION', /Correct the credentials/)
        await setPassword(mechanism, 'the new one')
        await onceKnown(() => sink.open(forever))
        await write(sink, 1)
        await sink.close()
        await setPassword(mechanism, 'alice-secret')
        assert.deepEqual(await stored(topic), [1])
      })
    }

    it('a password that is changed while the sink writes is said, and nothing is lost until it is right again', async () => {
      const mechanism = 'SCRAM-SHA-512'
      const topic = await topicOf('alice')
      const sink = createKafkaSink({ cluster: { brokers: kafka.secure.sasl, ...user(mechanism) }, sink: { topic } })
      await sink.open(forever)
      await setPassword(mechanism, 'changed')
      let next = 0
      const failure = await until(
        () =>
          write(sink, next).then(
            () => void next++,
            (error: PipelineError) => error,
          ),
        { what: 'the session to end', timeoutMs: 10 * sessionMs },
      )
      assert.equal(failure!.code, 'TARGET_AUTHENTICATION', failure!.message)
      await setPassword(mechanism, 'alice-secret')
      await onceKnown(() => write(sink, next))
      next++
      await sink.close()
      assert.deepEqual(
        await stored(topic),
        Array.from({ length: next }, (_, n) => n),
      )
    })
  })

  it('signs in again each time a session ends, with a new token or by password, and loses, doubles and turns nothing over', async () => {
    const given = tokens.given.length
    tokens.lifetimeSeconds = sessionMs / 1000
    const byPassword = { brokers: kafka.secure.sasl, ...user('SCRAM-SHA-512') }
    const ways = [
      [byToken(), 'carol'],
      [byPassword, 'alice'],
    ] as const
    try {
      await Promise.all(
        clients.flatMap((client) =>
          ways.map(async ([cluster, owner]) => writeThroughSessions({ client, ...cluster }, await topicOf(owner))),
        ),
      )
    } finally {
      tokens.lifetimeSeconds = 3600
    }
    const asked = tokens.given.length - given
    assert.ok(asked >= 2 * sessions, `${asked} tokens`)
  })

  async function writeThroughSessions(cluster: Raw, topic: string): Promise<void> {
    const sink = createKafkaSink({ cluster, sink: { topic } })
    await sink.open(forever)
    let next = 0
    for (const end = Date.now() + sessions * sessionMs; Date.now() < end; ) await write(sink, next++)
    await sink.close()
    assert.deepEqual(
      await stored(topic),
      Array.from({ length: next }, (_, n) => n),
    )
  }

  it('PLAIN: a wrong password that is made right at the cluster needs no deploy', async () => {
    const topic = await topicOf('alice')
    const cluster = { brokers: kafka.secure.sasl, ...user('PLAIN', 'alice', 'the new one') }
    const sinks = clients.map((client) => createKafkaSink({ cluster: { client, ...cluster }, sink: { topic } }))
    for (const sink of sinks) await fails(sink.open(forever), 'TARGET_AUTHENTICATION', /Correct the credentials/)
    const properties = join(kafka.directory, 'server.properties')
    const text = readFileSync(properties, 'utf8')
    writeFileSync(properties, text.replaceAll('alice-secret', 'the new one'))
    await kafka.kill()
    await kafka.restart()
    for (const [n, sink] of sinks.entries()) {
      await sink.open(forever)
      await write(sink, n)
      await sink.close()
    }
    assert.deepEqual(await stored(topic), [0, 1])
  })

  /** Of alice. The broker knows it a moment after the tool has ended. */
  async function setPassword(mechanism: string, password: string): Promise<void> {
    const change = ['--alter', '--entity-type', 'users', '--entity-name', 'alice']
    const config = ['--add-config', `${mechanism}=[password=${password}]`]
    await runKafkaTool('kafka.admin.ConfigCommand', ['--bootstrap-server', kafka.brokers, ...change, ...config])
  }

  /** After `setPassword`. */
  function onceKnown(attempt: () => Promise<unknown>): Promise<boolean> {
    const succeeds = () =>
      attempt().then(
        () => true,
        () => false,
      )
    return until(succeeds, { what: 'the broker to know the password' })
  }
})
