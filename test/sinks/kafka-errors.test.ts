import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ErrorCode, PipelineError } from '../../src/core/errors.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { createTopic, deleteTopic, readTopic, reserveTopic } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { clients, createKafkaSink, describeForClients, forever, type Opening } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }

interface Expected {
  readonly code: ErrorCode
  readonly disposition: 'retry' | 'config' | 'reject'
  readonly message: RegExp
  /** How soon an operator has to see it. */
  readonly withinMs: number
}

/** A client that first tries again needs 3 s and more. */
const atOnceMs = 2500

describe('kafka-sink tells its failures apart', () => {
  let kafka: Kafka
  before(async () => {
    kafka = await startKafka({ secure: true, proxied: true })
    await createTopic(kafka.brokers, 'plain')
    await createTopic(kafka.brokers, 'secret')
    await reserveTopic(kafka.brokers, 'secret', 'alice')
  })
  after(() => kafka.stop())

  const expectError = async (work: () => Promise<unknown>, expected: Expected) => {
    const started = Date.now()
    const error = await work().then(
      () => assert.fail('it succeeded'),
      (thrown: unknown) => thrown as { code: unknown; disposition: unknown; message: string },
    )
    assert.deepEqual([error.code, error.disposition], [expected.code, expected.disposition], error.message)
    assert.match(error.message, expected.message)
    assert.ok(Date.now() - started < expected.withinMs, `after ${Date.now() - started} ms`)
  }

  const user = (name: string, password = `${name}-secret`) => ({ saslMechanism: 'PLAIN', user: name, password })

  describeForClients('with the client', (createKafkaSink, client) => {
    /** Opens, writes one record, closes. */
    const attempt = async (cluster: Raw, sinkOptions: Raw, opening: Partial<Opening> = {}) => {
      const sink = createKafkaSink({ cluster, sink: { topic: 'plain', ...sinkOptions }, ...opening })
      try {
        await sink.open(forever)
        await sink.write([sink.prepare(reading(1)).request], forever)
      } finally {
        await sink.close()
      }
    }
    const own = (topic: string) => `${topic}-${client}`

    it('broker down at connect: an outage', async () => {
      const port = await closedPort()
      await expectError(() => attempt({ brokers: `127.0.0.1:${port}` }, {}), {
        code: 'TARGET_UNREACHABLE',
        disposition: 'retry',
        message: /^Kafka at 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
        withinMs: 20_000,
      })
    })

    it('host name unknown: an outage', () =>
      expectError(() => attempt({ brokers: 'no-such-host.invalid:9092' }, {}), {
        code: 'TARGET_UNREACHABLE',
        disposition: 'retry',
        message: /no-such-host\.invalid/,
        withinMs: 10_000,
      }))

    it('unknown topic without creation: for an operator, at once', () =>
      expectError(() => attempt({ brokers: kafka.brokers }, { topic: 'nosuch', autoCreateTopics: false }), {
        code: 'TARGET_MISSING',
        disposition: 'config',
        message: /^The Kafka topic nosuch does not exist/,
        withinMs: atOnceMs,
      }))

    it('a fixed topic that is missing is red at deploy, before any record comes', async () => {
      const options = { topic: `/no/such/${client}`, autoCreateTopics: false }
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: options })
      await assert.rejects(sink.open(forever), { code: 'TARGET_MISSING', message: /topic no_such_\w+ does not exist/ })
      await createTopic(kafka.brokers, `no_such_${client}`)
      await sink.open(forever)
      await sink.close()
    })

    it('more replicas than brokers: for an operator', () =>
      expectError(() => attempt({ brokers: kafka.brokers }, { topic: own('three'), replication: 3 }), {
        code: 'TARGET_UNSUPPORTED',
        disposition: 'config',
        message: /^The Kafka topic three\S* .*replication/i,
        withinMs: 20_000,
      }))

    it('message too large for the topic: the fault of the record', async () => {
      await createTopic(kafka.brokers, own('small'), 1, { 'max.message.bytes': '500' })
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { topic: own('small') } })
      await sink.open(forever)
      const big = sink.prepare(reading(1, { payload: 'x'.repeat(2000) })).request
      await expectError(() => sink.write([big], forever), {
        code: 'RECORD_REFUSED_SIZE',
        disposition: 'reject',
        message: /refuses the record as too large/,
        withinMs: 20_000,
      })
      await sink.close()
    })

    it('topic not authorised: for an operator, naming the topic', () =>
      expectError(() => attempt({ brokers: kafka.secure.sasl, ...user('bob') }, { topic: 'secret' }), {
        code: 'TARGET_AUTHORIZATION',
        disposition: 'config',
        message: /^The Kafka topic secret does not allow this/,
        withinMs: 20_000,
      }))

    it('topic deleted while running: for an operator, naming the topic', async () => {
      await createTopic(kafka.brokers, own('deleted'))
      const options = { topic: '{to}', autoCreateTopics: false }
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: options })
      await sink.open(forever)
      const requests = [sink.prepare(reading(1, { to: own('deleted') })).request]
      await sink.write(requests, forever)
      await deleteTopic(kafka.brokers, own('deleted'))
      for (let attempt = 0; attempt < 2; attempt++) {
        await expectError(() => sink.write(requests, forever), {
          code: 'TARGET_MISSING',
          disposition: 'config',
          message: /^The Kafka topic deleted-\w+ does not exist/,
          withinMs: 20_000,
        })
      }
      await sink.close()
    })

    it('topic deleted while running, where topics are created: it is made again', async () => {
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: { topic: '{to}' } })
      await sink.open(forever)
      const write = (n: number) => sink.write([sink.prepare(reading(n, { to: own('again') })).request], forever)
      await write(1)
      await deleteTopic(kafka.brokers, own('again'))
      await expectError(() => write(2), {
        code: 'TARGET_MISSING',
        disposition: 'config',
        message: /^The Kafka topic again-\w+ does not exist/,
        withinMs: 20_000,
      })
      await write(2)
      const stored = (await readTopic(kafka.brokers, own('again'))).map(({ value }) => JSON.parse(String(value)).n)
      assert.deepEqual(stored, [2])
      await sink.close()
    })

    it('rights withdrawn while running: for an operator, and written when they are back', async () => {
      const topic = own('withdrawn')
      await createTopic(kafka.brokers, topic)
      const cluster = { brokers: kafka.secure.sasl, ...user('bob') }
      const sink = createKafkaSink({ cluster, sink: { topic } })
      await sink.open(forever)
      let n = 0
      /** Rights count a moment after they have been given. */
      const write = () =>
        sink.write([sink.prepare(reading(++n)).request], forever).then(
          () => undefined,
          (error: PipelineError) => error,
        )
      assert.equal(await write(), undefined)
      await reserveTopic(kafka.brokers, topic, 'alice')
      const refusal = (await until(write, { what: 'the refusal', timeoutMs: 10_000 }))!
      assert.deepEqual([refusal.code, refusal.disposition], ['TARGET_AUTHORIZATION', 'config'])
      assert.match(refusal.message, /does not allow this/)
      const written = n - 1
      await reserveTopic(kafka.brokers, topic, 'bob')
      await until(async () => (await write()) === undefined, { what: 'a write', timeoutMs: 10_000 })
      assert.equal((await readTopic(kafka.brokers, topic)).length, written + 1)
      await sink.close()
    })

    it('bad password: for an operator, at once and not as an outage', () =>
      expectError(() => attempt({ brokers: kafka.secure.sasl, ...user('alice', 'wrong') }, {}), {
        code: 'TARGET_AUTHENTICATION',
        disposition: 'config',
        message: /refuses the user name or password: .*Correct the credentials/,
        withinMs: atOnceMs,
      }))

    it('credentials for a broker that asks for none: for an operator', () =>
      expectError(() => attempt({ brokers: kafka.brokers, ...user('alice') }, {}), {
        code: 'TARGET_AUTHENTICATION',
        disposition: 'config',
        message: /SASL/,
        withinMs: 20_000,
      }))

    it('TLS: an unknown authority, TLS wanted and TLS not wanted are for an operator', async () => {
      const tls = (cluster: Raw, message: RegExp) =>
        expectError(() => attempt(cluster, {}), {
          code: 'TARGET_TLS',
          disposition: 'config',
          message,
          withinMs: 20_000,
        })
      await tls({ brokers: kafka.secure.tls, useTls: true }, /certificate/)
      await tls({ brokers: kafka.secure.tls, useTls: false }, /requires TLS/)
      await tls({ brokers: kafka.brokers, useTls: true }, /TLS handshake failed/)
      await tls({ brokers: kafka.secure.tls, useTls: true, ca: 'nowhere.pem' }, /ENOENT.*nowhere\.pem/)
    })

    it('TLS with the authority as text or as a path relative to the user directory works, with a password too', async () => {
      const ca = await readFile(kafka.secure.ca, 'utf8')
      await attempt({ brokers: kafka.secure.tls, useTls: true, ca }, {})
      const relative = { useTls: true, ca: basename(kafka.secure.ca) }
      await attempt(
        { brokers: kafka.secure.saslTls, ...relative, ...user('alice') },
        { topic: 'secret' },
        {
          directory: dirname(kafka.secure.ca),
        },
      )
      await attempt({ brokers: kafka.secure.tls, useTls: true, rejectUnauthorized: false }, {})
    })

    it('broker that does not answer: an outage, and said while it is still tried', async () => {
      const proxy = await startTcpProxy({ port: kafka.proxied.advertisedPort, target: kafka.proxied.port })
      const options = { topic: 'plain', requestTimeoutMs: 300, deliveryTimeoutMs: 1000 }
      const sink = createKafkaSink({ cluster: { brokers: `127.0.0.1:${proxy.port}` }, sink: options })
      await sink.open(forever)
      await sink.write([sink.prepare(reading(1)).request], forever)
      assert.equal(sink.trouble, undefined)
      proxy.blackhole()
      const writing = sink.write([sink.prepare(reading(2)).request], forever)
      const said = until(() => sink.trouble, { what: 'the trouble', intervalMs: 5 })
      await expectError(() => writing, {
        code: 'TARGET_TIMEOUT',
        disposition: 'retry',
        message: /did not answer in time/,
        withinMs: 30_000,
      })
      assert.equal((await said)!.code, 'TARGET_TIMEOUT')
      assert.equal(sink.trouble, undefined)
      await sink.close()
      await proxy.close()
    })

    it('broker killed mid-flight: an outage, and writing goes on when it is back', async () => {
      const options = { topic: 'plain', deliveryTimeoutMs: 1000 }
      const sink = createKafkaSink({ cluster: { brokers: kafka.brokers }, sink: options })
      await sink.open(forever)
      const requests = [sink.prepare(reading(77)).request]
      await sink.write([sink.prepare(reading(76)).request], forever)
      await kafka.kill()
      await expectError(() => sink.write(requests, forever), {
        code: 'TARGET_UNREACHABLE',
        disposition: 'retry',
        message: /cannot be reached/,
        withinMs: 30_000,
      })
      await kafka.restart()
      await sink.write(requests, forever)
      const stored = (await readTopic(kafka.brokers, 'plain')).map(({ value }) => JSON.parse(String(value)).n)
      assert.deepEqual(stored.slice(-2), [76, 77])
      await sink.close()
    })
  })

  it('password changed while running: for an operator, although the client would retry it as an outage', async () => {
    const cluster = { brokers: kafka.secure.sasl, ...user('alice') }
    const sinks = clients.map((client) =>
      createKafkaSink({ cluster: { client, ...cluster }, sink: { topic: 'secret', deliveryTimeoutMs: 60_000 } }),
    )
    for (const sink of sinks) {
      await sink.open(forever)
      await sink.write([sink.prepare(reading(1)).request], forever)
    }
    await kafka.kill()
    const writing = sinks.map((sink) => sink.write([sink.prepare(reading(2)).request], forever))
    const properties = join(kafka.directory, 'server.properties')
    const text = await readFile(properties, 'utf8')
    await writeFile(properties, text.replaceAll('alice-secret', 'changed'))
    const restarted = kafka.restart()
    const seen = writing.map((write) =>
      expectError(() => write, {
        code: 'TARGET_AUTHENTICATION',
        disposition: 'config',
        message: /Correct the credentials/,
        withinMs: 40_000,
      }),
    )
    await Promise.all([restarted, ...seen])
    for (const sink of sinks) await sink.close()
  })
})

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
