import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import type { ErrorCode, PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import type { Sink } from '../../src/core/sink.ts'
import { SinkRunner } from '../../src/core/sink-runner.ts'
import { parseRowSchema } from '../../src/rows/parse-ddl.ts'
import { toJsonSchema } from '../../src/rows/to-json-schema.ts'
import type { KafkaRequest } from '../../src/sinks/kafka/request.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Certificates, makeCertificates } from '../services/certificates.ts'
import { type Kafka, sharedKafka } from '../services/kafka.ts'
import { readTopic } from '../services/kafka-topics.ts'
import { freePort, temporaryDirectory, until } from '../services/processes.ts'
import { type RegistryServer, type RegistryServerOptions, startSchemaRegistry } from '../services/schema-registry.ts'
import { createKafkaSink, forever } from './kafka-harness.ts'

type Raw = { readonly [option: string]: unknown }

const schema = toJsonSchema(parseRowSchema('n INT'))
const schemaText = JSON.stringify(schema)

describe('kafka-sink with a schema registry', () => {
  let kafka: Pick<Kafka, 'brokers' | 'stop'>
  let certificates: Certificates
  let registry: RegistryServer
  before(async () => {
    kafka = await sharedKafka()
    certificates = await makeCertificates(temporaryDirectory('registry'))
  })
  after(() => kafka.stop())
  beforeEach(async () => {
    registry = await startSchemaRegistry()
  })
  const sinks: Sink<KafkaRequest>[] = []
  afterEach(async () => {
    for (const sink of sinks.splice(0)) await sink.close()
    await registry.stop()
  })

  const topicName = () => `registry-${randomUUID()}`
  /** Closed after the test, however it ends. */
  const create = (options: Raw, address = registry.url) => {
    const sink = createKafkaSink({
      cluster: { brokers: kafka.brokers },
      sink: { valueFormat: 'json-schema', schemaRegistryUrl: address, schema: 's', ...options },
      jsonSchema: schema,
    })
    sinks.push(sink)
    return sink
  }
  const write = async (options: Raw, records: readonly Partial<Record>[], address?: string) => {
    const sink = create(options, address)
    await sink.open(forever)
    const requests = records.map((record, n) => sink.prepare(reading(n, record)).request)
    assert.deepEqual(await sink.write(requests, forever), { rejected: [] })
  }
  /** Of every record of a topic: the first byte, the schema id, the JSON. */
  const readFramed = async (topic: string) =>
    (await readTopic(kafka.brokers, topic)).map(
      ({ value }) => value && [value[0], value.readUInt32BE(1), JSON.parse(String(value.subarray(5)))],
    )

  it('registers the schema once per topic and puts its id in front of every row', async () => {
    const [a, b] = [topicName(), topicName()]
    await write(
      {},
      [a, a, b, a].map((to) => ({ to })),
    )
    const id = registry.add('other', schemaText)
    assert.deepEqual(await readFramed(a), [
      [0, id, { n: 0 }],
      [0, id, { n: 1 }],
      [0, id, { n: 3 }],
    ])
    assert.deepEqual(await readFramed(b), [[0, id, { n: 2 }]])
    assert.deepEqual(registry.requests, [`POST /subjects/${a}-value/versions`, `POST /subjects/${b}-value/versions`])
    assert.deepEqual(registry.versions(`${a}-value`), [schemaText])
  })

  it('takes JSON of any origin byte for byte, and refuses what is none as the fault of the record', async () => {
    const topic = topicName()
    await write({ topic }, [{ payload: Buffer.from('{"n": 1.0}') }, { payload: '"text"' }, { payload: null }])
    const values = (await readTopic(kafka.brokers, topic)).map(({ value }) => String(value!.subarray(5)))
    assert.deepEqual(values, ['{"n": 1.0}', '"text"', 'null'])
    const sink = create({ topic })
    for (const payload of [Buffer.from('hello'), 'hello', Buffer.from([0x22, 0xff, 0x22]), Buffer.alloc(0)])
      assert.throws(() => sink.prepare(reading(1, { payload })), { code: 'JSON_INVALID', disposition: 'reject' })
  })

  it('counts the prefix as part of the record, and leaves tombstones without', async () => {
    const topic = topicName()
    await write({ topic, tombstones: true }, [{ payload: null }, {}])
    const [tombstone, row] = await readFramed(topic)
    assert.equal(tombstone, null)
    assert.deepEqual(row?.[2], { n: 1 })
    const bytes = (options: Raw) => create(options).prepare(reading(1)).bytes
    assert.equal(bytes({}), bytes({ valueFormat: 'plain' }) + 5)
  })

  for (const { subjectStrategy, subjectOf } of [
    { subjectStrategy: 'record', subjectOf: () => 'plant.Reading/1' },
    { subjectStrategy: 'topic-record', subjectOf: (topic: string) => `${topic}-plant.Reading/1` },
  ]) {
    it(`finds the subject by ${subjectStrategy}, and names the schema after the record`, async () => {
      const topic = topicName()
      await write({ topic, subjectStrategy, subject: 'plant.Reading/1' }, [{}])
      const versions = registry.versions(subjectOf(topic)).map((text) => JSON.parse(text))
      assert.deepEqual(versions, [{ ...schema, title: 'plant.Reading/1' }])
    })
  }

  it('takes the latest version, a certain one, or the latest from one on, without registering', async () => {
    const topic = topicName()
    const ids = ['{"title":"one"}', '{"title":"two"}', '{"title":"three"}'].map((text) =>
      registry.add(`${topic}-value`, text),
    )
    for (const schemaVersion of ['latest', '1', '2', '>=2', '>=3'])
      await write({ topic, autoRegister: false, schemaVersion, schema: '' }, [{}])
    const used = (await readFramed(topic)).map((framed) => framed?.[1])
    assert.deepEqual(used, [ids[2], ids[0], ids[1], ids[2], ids[2]])
    assert.equal(registry.versions(`${topic}-value`).length, 3)
  })

  const expectFault = async (work: Promise<unknown>, code: ErrorCode, disposition: string, message: RegExp) => {
    await assert.rejects(work, (error: PipelineError) => {
      assert.deepEqual([error.code, error.disposition], [code, disposition], error.message)
      assert.match(error.message, message)
      return true
    })
  }
  const attempt = (options: Raw = {}, address?: string) => write({ topic: topicName(), ...options }, [{}], address)

  it('tells its failures apart: what passes, and what an operator has to put right', async () => {
    const away = `http://127.0.0.1:${await freePort()}`
    await expectFault(attempt({}, away), 'TARGET_UNREACHABLE', 'retry', /^The schema registry at 127.*ECONNREFUSED/)
    const answers: readonly (readonly [number, string, ErrorCode, string, RegExp])[] = [
      [
        500,
        '{"error_code":50001,"message":"Error in the backend datastore"}',
        'TARGET_UNREACHABLE',
        'retry',
        /backend/,
      ],
      [503, '<html>busy</html>', 'TARGET_UNREACHABLE', 'retry', /HTTP status 503/],
      [429, '{}', 'TARGET_THROTTLED', 'retry', /slow down/],
      [
        401,
        '{"error_code":401,"message":"Unauthorized"}',
        'TARGET_AUTHENTICATION',
        'config',
        /Correct the credentials/,
      ],
      [403, '{"error_code":40301,"message":"User is denied"}', 'TARGET_AUTHORIZATION', 'config', /User is denied/],
      [422, '{"error_code":42201,"message":"Invalid schema"}', 'SCHEMA_REFUSED', 'config', /Invalid schema/],
      [404, '{"error_code":404,"message":"HTTP 404 Not Found"}', 'TARGET_UNSUPPORTED', 'config', /HTTP 404/],
      [302, '', 'TARGET_UNSUPPORTED', 'config', /HTTP status 302/],
      [200, '<html>Welcome</html>', 'TARGET_UNSUPPORTED', 'config', /no schema registry/],
      [200, '{"id":"7"}', 'TARGET_UNSUPPORTED', 'config', /no schema registry/],
      [200, 'null', 'TARGET_UNSUPPORTED', 'config', /no schema registry/],
    ]
    for (const [status, body, ...expected] of answers) {
      registry.fail({ status, body })
      await expectFault(attempt(), ...expected)
    }
    registry.fail('hang')
    await expectFault(attempt({ requestTimeoutMs: 200 }), 'TARGET_TIMEOUT', 'retry', /no answer within 200 ms/)
  })

  it('names the subject that is missing, has not the version asked for, or takes no such schema', async () => {
    const topic = topicName()
    const options = { topic, autoRegister: false }
    const subject = `${topic}-value`
    const missing = (which: string) => new RegExp(`^${which} ${subject} does not exist`, 'i')
    await expectFault(attempt(options), 'TARGET_MISSING', 'config', missing('the schema subject'))
    registry.add(subject, '{"title":"one"}')
    const version = (schemaVersion: string) => attempt({ ...options, schemaVersion })
    await expectFault(version('2'), 'TARGET_MISSING', 'config', missing('version 2 of the schema subject'))
    await expectFault(version('>=2'), 'TARGET_MISSING', 'config', missing('version 2 or later of the schema subject'))
    registry.freeze(subject)
    await expectFault(
      attempt({ topic }),
      'SCHEMA_REFUSED',
      'config',
      new RegExp(`schema of ${subject}: .*incompatible`),
    )
    registry.add(`${topic}2-value`, '"string"', 'AVRO')
    const avro = attempt({ ...options, topic: `${topic}2` })
    await expectFault(avro, 'TARGET_UNSUPPORTED', 'config', /is AVRO and not JSON/)
  })

  const secured: readonly (readonly [string, RegistryServerOptions, Raw])[] = [
    [
      'a user',
      { authorization: `Basic ${btoa('bob:b:ob')}` },
      { schemaRegistryUser: 'bob', schemaRegistryPassword: 'b:ob' },
    ],
    ['a token', { authorization: 'Bearer abc' }, { schemaRegistryToken: 'abc', schemaRegistryUser: 'ignored' }],
  ]
  for (const [what, options, credentials] of secured) {
    it(`signs in with ${what}, and without is red`, async () => {
      const guarded = await startSchemaRegistry(options)
      try {
        await attempt(credentials, guarded.url)
        await expectFault(attempt({}, guarded.url), 'TARGET_AUTHENTICATION', 'config', /Unauthorized/)
      } finally {
        await guarded.stop()
      }
    })
  }

  it('speaks TLS with an authority of its own, as text or path, and trusts no other', async () => {
    const { ca, caFile, certFile, keyFile } = certificates
    const { readFile } = await import('node:fs/promises')
    const [cert, key] = await Promise.all([certFile, keyFile].map((file) => readFile(file, 'utf8')))
    const guarded = await startSchemaRegistry({ tls: { cert: cert!, key: key! } })
    const tls = (options: Raw, message: RegExp, address = guarded.url) =>
      expectFault(attempt(options, address), 'TARGET_TLS', 'config', message)
    try {
      await attempt({ schemaRegistryCa: ca }, guarded.url)
      await attempt({ schemaRegistryCa: caFile }, guarded.url)
      await tls({}, /No secure connection to The schema registry/)
      await tls({ schemaRegistryCa: '/nowhere.pem' }, /ENOENT/)
      await tls({}, /No secure connection/, registry.url.replace('http', 'https'))
    } finally {
      await guarded.stop()
    }
  })

  it('holds the records, in order, while the registry is away, and writes them when it is back', async () => {
    const topic = topicName()
    registry.fail({ status: 503, body: '' })
    const limits = { batchRecords: 3, batchBytes: 1 << 20, lingerMs: 1 }
    const backoff = { maxRetries: 0, retryBackoffMs: 10, maxRetryBackoffMs: 50, onError: 'retry' as const }
    const runner = new SinkRunner(create({}), { ...limits, ...backoff })
    runner.start()
    const records = Array.from({ length: 20 }, (_, n) => reading(n, { to: topic }))
    const settled = new Promise((resolve) => runner.submit(records, resolve))
    await until(() => runner.snapshot().retries >= 3, { what: 'three failures', timeoutMs: 30_000 })
    assert.equal(runner.snapshot().confirmed, 0)
    assert.equal(runner.snapshot().error?.code, 'TARGET_UNREACHABLE')
    registry.fail(undefined)
    assert.deepEqual(await settled, { status: 'written', rejected: [] })
    const numbers = (await readFramed(topic)).map((framed) => framed?.[2].n)
    assert.deepEqual(numbers, [...records.keys()])
    await runner.close(1000)
  })

  it('goes on with the ids it knows while the registry is away', async () => {
    const topic = topicName()
    const sink = create({ topic })
    await sink.open(forever)
    registry.fail({ status: 503, body: '' })
    await sink.write([sink.prepare(reading(1)).request], forever)
    assert.equal((await readFramed(topic)).length, 1)
  })

  it('is red at deploy, before any record comes, where the subject is known then', async () => {
    registry.fail({ status: 401, body: '{}' })
    for (const options of [{ topic: topicName() }, { subjectStrategy: 'record', subject: 'Reading' }]) {
      await assert.rejects(create(options).open(forever), { code: 'TARGET_AUTHENTICATION' })
    }
  })

  it('gives up at once when it is aborted', async () => {
    registry.fail('hang')
    const sink = create({})
    await sink.open(forever)
    const control = new AbortController()
    const writing = sink.write([sink.prepare(reading(1, { to: topicName() })).request], control.signal)
    await until(() => registry.requests.length > 0, { what: 'the request', timeoutMs: 30_000 })
    control.abort()
    await assert.rejects(writing, { code: 'DELIVERY_RELEASED' })
  })
})
