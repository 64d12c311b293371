import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PipelineError } from '../../src/core/errors.ts'
import type { Record } from '../../src/core/record.ts'
import { type Settled, SinkRunner } from '../../src/core/sink-runner.ts'
import { range, reading } from '../contract/sink-harness.ts'
import { codes } from '../google/codes.ts'
import { until } from '../services/processes.ts'
import { type Pubsub, startPubsub } from '../services/pubsub.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { forever } from './kafka-harness.ts'
import { createPubsubSink } from './pubsub-harness.ts'

let pubsub: Pubsub
before(async () => {
  pubsub = await startPubsub()
})
after(() => pubsub.stop())

type Raw = { readonly [option: string]: unknown }

let topics = 0
/** An open sink for a topic of its own. */
async function opened(raw: Raw = {}, address = pubsub.address) {
  await pubsub.heal()
  const topic = `sink-${++topics}`
  await pubsub.createTopic(topic)
  const sink = createPubsubSink(address, { topic, ...raw })
  await sink.open(forever)
  const write = (records: readonly Record[]) =>
    sink.write(
      records.map((record) => sink.prepare(record).request),
      forever,
    )
  return { topic, sink, write }
}

const numbers = (topic: string, key?: string) =>
  pubsub
    .stored(topic)
    .filter(({ orderingKey }) => key === undefined || orderingKey === key)
    .map(({ data }) => (JSON.parse(String(data)) as { readonly n: number }).n)

const ofTopic = (n: number, topic: string) => reading(n, { topic })
const runnerOptions = {
  batchRecords: 50,
  batchBytes: 1 << 20,
  lingerMs: 0,
  maxRetries: 0,
  retryBackoffMs: 50,
  maxRetryBackoffMs: 100,
  onError: 'retry',
} as const

describe('a publish that Pub/Sub refuses', () => {
  for (const [code, expected, disposition] of codes.slice(1)) {
    it(`with ${code} is ${expected}, and succeeds when it is repeated`, async () => {
      const { topic, sink, write } = await opened()
      await pubsub.fault({ code, message: 'näh' })
      await assert.rejects(write([reading(1), reading(2)]), (error) => {
        assert.ok(error instanceof PipelineError)
        assert.deepEqual([error.code, error.disposition], [expected, disposition])
        assert.match(error.message, new RegExp(`The Pub/Sub topic projects/rowline-test/topics/${topic}`))
        if (code !== 'NOT_FOUND') assert.match(error.message, new RegExp(`${code}: injected: näh`))
        return true
      })
      assert.deepEqual(await write([reading(1), reading(2)]), { rejected: [] })
      assert.deepEqual(numbers(topic), [1, 2])
      await sink.close()
    })
  }

  it('for a missing topic holds everything, is red, and goes on when somebody has created it', async () => {
    const { topic, sink } = await opened()
    await pubsub.deleteTopic(topic)
    const runner = new SinkRunner(sink, runnerOptions)
    runner.start()
    const settled: Settled[] = []
    runner.submit(
      range(0, 20).map((n) => reading(n)),
      (one) => settled.push(one),
    )
    await until(() => runner.snapshot().error?.code === 'TARGET_MISSING', { what: 'the alarm' })
    assert.equal(runner.snapshot().error!.disposition, 'config')
    await until(() => runner.snapshot().retries > 3, { what: 'more tries' })
    assert.deepEqual(settled, [])
    await pubsub.createTopic(topic)
    await until(() => settled.length === 1, { what: 'the rest' })
    assert.deepEqual(settled, [{ status: 'written', rejected: [] }])
    assert.deepEqual(numbers(topic), range(0, 20))
    await runner.close(1000)
  })

  it('for one record among good ones costs that record alone', async () => {
    const { topic, sink } = await opened({ orderingKey: '{topic}' })
    await pubsub.fault({ code: 'INVALID_ARGUMENT', contains: '"n":7}', count: -1 })
    await pubsub.fault({ code: 'INVALID_ARGUMENT', contains: '"n":31}', count: -1 })
    const runner = new SinkRunner(sink, runnerOptions)
    runner.start()
    const records = range(0, 40).map((n) => ofTopic(n, `line${n % 3}`))
    const settled = await new Promise<Settled>((resolve) => runner.submit(records, resolve))
    assert.ok(settled.status === 'written')
    assert.deepEqual(
      settled.rejected.map(({ index }) => index).toSorted((a, b) => a - b),
      [7, 31],
    )
    const good = range(0, 40).filter((n) => n !== 7 && n !== 31)
    for (const i of [0, 1, 2])
      assert.deepEqual(
        numbers(topic, `line${i}`),
        good.filter((n) => n % 3 === i),
      )
    await runner.close(1000)
  })
})

describe('ordering keys', () => {
  it('F5: a subscriber sees the publish order per key, also across a failed publish', async () => {
    const { topic, sink } = await opened({ orderingKey: '{topic}' })
    const sites = ['SAF', 'CMC', 'BAG']
    await pubsub.fault({ code: 'UNAVAILABLE', key: 'CMC' })
    const runner = new SinkRunner(sink, runnerOptions)
    runner.start()
    const all = range(0, 100).map(
      (i) =>
        new Promise<Settled>((resolve) =>
          runner.submit(
            range(i * 10, i * 10 + 10).map((n) => ofTopic(n, sites[n % 3]!)),
            resolve,
          ),
        ),
    )
    for (const settled of await Promise.all(all)) assert.deepEqual(settled, { status: 'written', rejected: [] })
    const received = await pubsub.received(topic, 1000)
    for (const [i, site] of sites.entries()) {
      const seen = received
        .filter(({ orderingKey }) => orderingKey === site)
        .map(({ data }) => JSON.parse(String(data)).n)
      assert.deepEqual(
        seen,
        range(0, 1000).filter((n) => n % 3 === i),
      )
    }
    assert.equal(runner.snapshot().retries, 1)
    await runner.close(1000)
  })

  it('a key that fails is held and published again, the oldest first, while other keys go on', async () => {
    const { topic, sink } = await opened({ orderingKey: '{topic}' })
    await pubsub.fault({ code: 'RESOURCE_EXHAUSTED', key: 'slow', count: -1 })
    const runner = new SinkRunner(sink, runnerOptions)
    runner.start()
    let settled = 0
    for (const n of range(0, 200)) runner.submit([ofTopic(n, n % 2 === 0 ? 'slow' : 'fast')], () => settled++)
    await until(() => numbers(topic, 'fast').length === 100, { what: 'the other key' })
    assert.deepEqual(numbers(topic, 'slow'), [])
    assert.equal(runner.snapshot().error?.code, 'TARGET_THROTTLED')
    await pubsub.heal()
    await until(() => settled === 200, { what: 'the rest' })
    assert.deepEqual(
      numbers(topic, 'slow'),
      range(0, 200).filter((n) => n % 2 === 0),
    )
    assert.equal(runner.snapshot().error, undefined)
    await runner.close(1000)
  })

  it('of what needs several requests nothing follows one that fails, and all of it is held', async () => {
    const { topic, sink, write } = await opened({ orderingKey: '{topic}' })
    await pubsub.fault({ code: 'INTERNAL', key: 'long' })
    const records = [...range(0, 2500).map((n) => ofTopic(n, 'long')), ofTopic(2500, 'short')]
    const { rejected, held } = await write(records)
    assert.deepEqual(rejected, [])
    assert.deepEqual(
      held?.map(({ index }) => index),
      range(0, 2500),
    )
    assert.deepEqual(numbers(topic), [2500])
    await sink.close()
  })

  it('thousands of keys are published with one key per request, and no message twice', async () => {
    const { topic, sink, write } = await opened({ orderingKey: '{topic}' })
    const records = range(0, 6000).map((n) => ofTopic(n, `sensor/${n % 3000}`))
    const before = await pubsub.stats()
    assert.deepEqual(await write(records), { rejected: [] })
    const { requests, messages } = await pubsub.stats()
    assert.deepEqual([requests - before.requests, messages - before.messages], [3000, 6000])
    assert.deepEqual(
      numbers(topic).toSorted((a, b) => a - b),
      range(0, 6000),
    )
    assert.deepEqual(numbers(topic, 'sensor/17'), [17, 3017])
    await sink.close()
  })
})

describe('requests', () => {
  it('hold at most 1000 messages and 9 MB', async () => {
    const { topic, sink, write } = await opened()
    const before = await pubsub.stats()
    await write(range(0, 2500).map((n) => reading(n)))
    assert.equal((await pubsub.stats()).requests - before.requests, 3)
    assert.equal(numbers(topic).length, 2500)
    const large = range(0, 5).map((n) => reading(n, { payload: Buffer.alloc(4_000_000) }))
    await write(large)
    assert.equal((await pubsub.stats()).requests - before.requests, 6)
    await sink.close()
  })

  it('whose answer is lost are sent again: the message is there twice, with one id', async () => {
    const { topic, sink, write } = await opened()
    await pubsub.fault({ lost: true })
    const record = reading(1, { id: 'f00-1' })
    await assert.rejects(write([record]), { code: 'TARGET_UNREACHABLE', disposition: 'retry' })
    await write([record])
    assert.deepEqual(
      pubsub.stored(topic).map(({ attributes }) => attributes['rowline.id']),
      ['f00-1', 'f00-1'],
    )
    await sink.close()
  })

  it('that nobody answers end in time, and the next one has a new connection', async () => {
    const proxy = await startTcpProxy({ target: pubsub.port })
    const { topic, sink, write } = await opened({ requestTimeoutMs: '2 s' }, `127.0.0.1:${proxy.port}`)
    await write([reading(1)])
    proxy.blackhole()
    await assert.rejects(write([reading(2)]), { code: 'TARGET_TIMEOUT', disposition: 'retry' })
    // What was held back is gone for good; only a new connection gets through.
    proxy.cut()
    proxy.heal()
    await write([reading(2)])
    assert.deepEqual(numbers(topic), [1, 2])
    await sink.close()
    await proxy.close()
  })
})

it('a sink whose account may only publish opens, and publishes', async () => {
  const { topic, sink, write } = await opened()
  await pubsub.fault({ rpc: 'GetTopic', code: 'PERMISSION_DENIED', count: -1 })
  await sink.open(forever)
  await write([reading(1)])
  assert.deepEqual(numbers(topic), [1])
  await pubsub.heal()
  await pubsub.fault({ rpc: 'GetTopic', code: 'UNAVAILABLE' })
  await assert.rejects(sink.open(forever), { code: 'TARGET_UNREACHABLE' })
  await sink.close()
})
