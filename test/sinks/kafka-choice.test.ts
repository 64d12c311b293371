import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createKafkaClient } from '../../src/sinks/kafka/choice.ts'
import type { KafkaClientOptions } from '../../src/sinks/kafka/client.ts'
import { clusterFields, sinkFields } from '../../src/sinks/kafka/config.ts'
import { classify } from '../../src/sinks/kafka/errors.ts'
import { createPlatformaticClient } from '../../src/sinks/kafka/platformatic.ts'
import type { previewRecord } from '../../src/sinks/kafka/preview.ts'
import type { probeCluster } from '../../src/sinks/kafka/probe.ts'
import { sharedKafka } from '../services/kafka.ts'
import { createTopic } from '../services/kafka-topics.ts'
import { outcomesOf, statesOf } from '../services/steps.ts'
import { forever, parsed } from './kafka-harness.ts'

const options: KafkaClientOptions = {
  brokers: [{ host: '127.0.0.1', port: 1 }],
  clientId: 'choice',
  connectTimeoutMs: 1000,
  requestTimeoutMs: 1000,
  compression: 'none',
  hash: () => 0,
  keepTrying: (error) => classify(error, 'Kafka').disposition === 'retry',
}

const chosen = async (...args: Parameters<typeof createKafkaClient>) =>
  (await createKafkaClient(...args)).constructor.name

describe('the Kafka client', () => {
  it('is the faster one where Node.js is new enough, unless the user says otherwise', async () => {
    assert.equal(await chosen('auto', options, '24.6.0'), 'PlatformaticClient')
    assert.equal(await chosen('auto', options, '22.9.0'), 'KafkajsClient')
    assert.equal(await chosen('kafkajs', options, '24.6.0'), 'KafkajsClient')
    assert.equal(await chosen('platformatic', options, '22.22.1'), 'PlatformaticClient')
    await assert.rejects(createKafkaClient('platformatic', options, '22.9.0'), {
      code: 'CONFIG_INVALID',
      message: 'Client: platformatic needs Node.js 22.22 or newer of its line, or 24.6 and newer; this is 22.9.0',
    })
  })

  it('refuses a codec that it lacks, and says what is needed', async () => {
    for (const compression of ['none', 'gzip'] as const) await createKafkaClient('kafkajs', { ...options, compression })
    for (const compression of ['snappy', 'lz4', 'zstd'] as const) {
      await assert.rejects(createKafkaClient('auto', { ...options, compression }, '22.9.0'), {
        code: 'CONFIG_INVALID',
        message: `Compression: ${compression} needs Node.js 22.22 or newer of its line, or 24.6 and newer; this is 22.9.0. Else choose none or gzip`,
      })
      await assert.rejects(createKafkaClient('kafkajs', { ...options, compression }, '24.6.0'), {
        code: 'CONFIG_INVALID',
        message: `Compression: ${compression} needs the Client platformatic. Else choose none or gzip`,
      })
    }
  })

  it('kafkajs looks after requests that wait, and only those', async (test) => {
    const kafka = await sharedKafka()
    test.after(() => kafka.stop())
    const timers = test.mock.method(globalThis, 'setTimeout')
    const brokers = [{ host: '127.0.0.1', port: kafka.port }]
    const client = await createKafkaClient('kafkajs', { ...options, brokers })
    await Promise.all([client.connect(), client.partitions('a'), client.partitions('b')])
    const waits = timers.mock.calls.map(({ arguments: [, ms] }) => ms ?? 0)
    await client.close()
    assert.deepEqual(
      waits.filter((ms) => ms < 0),
      [],
    )
  })

  it('tells a codec that it does not know at all from an outage', async (test) => {
    const kafka = await sharedKafka()
    test.after(() => kafka.stop())
    const topic = `codec-${randomUUID()}`
    await createTopic(kafka.brokers, topic)
    const brokers = [{ host: '127.0.0.1', port: kafka.port }]
    const client = await createPlatformaticClient({ ...options, brokers, compression: 'lzma' as never })
    const request = { topic, key: undefined, value: Buffer.from('v'), headers: {}, id: undefined }
    const failure = await client
      .send([{ ...request, timestamp: 1, claimed: undefined, partitions: 1 }])
      .catch((error: Error) => error.cause)
    const { code, disposition, message } = classify(failure, 'Kafka')
    assert.deepEqual([code, disposition], ['TARGET_UNSUPPORTED', 'config'])
    assert.match(message, /lzma/)
    await client.close()
  })

  it('tells a Kafka that is still starting from an error that nobody knows', () => {
    const starting = Object.assign(new Error('The coordinator is loading.'), { apiId: 'COORDINATOR_LOAD_IN_PROGRESS' })
    const { code, disposition, message } = classify(new Error('multiple', { cause: starting }), 'Kafka at k:9092')
    assert.deepEqual([code, disposition], ['TARGET_STARTING', 'retry'])
    assert.equal(message, 'Kafka at k:9092 is not ready yet: The coordinator is loading. It is tried again.')
  })

  it('that is not installed says so, before a deploy too, and the other one takes its place where it can', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rowline-no-client-'))
    const project = join(import.meta.dirname, '..', '..')
    await cp(join(project, 'src'), join(directory, 'src'), { recursive: true })
    await writeFile(join(directory, 'package.json'), '{"type":"module"}')
    await mkdir(join(directory, 'node_modules'))
    await symlink(join(project, 'node_modules', 'kafkajs'), join(directory, 'node_modules', 'kafkajs'))
    const load = (file: string) => import(`file://${join(directory, 'src', 'sinks', 'kafka', file)}`)
    const { createKafkaClient: create }: { createKafkaClient: typeof createKafkaClient } = await load('choice.ts')
    const missing = {
      code: 'DEPENDENCY_MISSING',
      message:
        'The package @platformatic/kafka is not installed: the offline package leaves it out, and npm where Node.js is too old for it. Run "npm install @platformatic/kafka" in the Node-RED user directory and restart Node-RED, or choose the Client auto.',
    }
    const unable = {
      code: 'CONFIG_INVALID',
      message:
        'Compression: lz4 needs the package @platformatic/kafka, which is not installed: the offline package brings kafkajs alone. Else choose none or gzip',
    }
    await assert.rejects(create('platformatic', options, '24.6.0'), missing)
    await assert.rejects(create('auto', { ...options, compression: 'lz4' }, '24.6.0'), unable)
    assert.equal((await create('auto', options, '24.6.0')).constructor.name, 'KafkajsClient')

    const { previewRecord: preview }: { previewRecord: typeof previewRecord } = await load('preview.ts')
    const cluster = (client: string) => parsed(clusterFields, { brokers: '127.0.0.1:1', client })
    const shown = (compression: string) =>
      preview(parsed(sinkFields, { cluster: 'c', compression }), {
        connection: <C>() => cluster('auto') as C,
        rowSchema: () => undefined,
      })
    assert.throws(() => shown('lz4'), unable)
    shown('gzip')

    const { probeCluster: probe }: { probeCluster: typeof probeCluster } = await load('probe.ts')
    const asked = (client: string) => outcomesOf(probe(cluster(client), { directory, topics: [] }, forever))
    assert.deepEqual(statesOf(await asked('auto')), ['client noted package', 'reach failed'])
    assert.deepEqual(statesOf(await asked('kafkajs')), ['reach failed'])
    const [only, ...others] = await asked('platformatic')
    assert.deepEqual([only?.problem, others], [missing.message, []])
    await rm(directory, { recursive: true })
  })
})
