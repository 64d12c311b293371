import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { entriesOf, startRunner } from '../contract/runner-contract.ts'
import { reading } from '../contract/sink-harness.ts'
import { type Kafka, startKafka } from '../services/kafka.ts'
import { createTopic, readTopic, type StoredRecord } from '../services/kafka-topics.ts'
import { temporaryDirectory, until } from '../services/processes.ts'
import { startTcpProxy, type TcpProxy } from '../services/tcp-proxy.ts'
import { clients, createKafkaSink, forever } from './kafka-harness.ts'

type Client = (typeof clients)[number]

describe('kafka-sink in front of a network that loses answers', () => {
  let kafka: Kafka
  let proxy: TcpProxy
  before(async () => {
    kafka = await startKafka({ proxied: true })
    proxy = await startTcpProxy({ port: kafka.proxied.advertisedPort, target: kafka.proxied.port })
  })
  after(async () => {
    await proxy.close()
    await kafka.stop()
  })

  const create = (client: Client, options: { readonly [option: string]: unknown }) => {
    const cluster = { client, brokers: `127.0.0.1:${proxy.port}` }
    return createKafkaSink({ cluster, sink: { autoCreateTopics: false, ...options } })
  }

  for (const mode of ['confirm', 'outbox'] as const) {
    for (const size of [10, 500]) {
      it(`in mode ${mode} each client writes batches of ${size} once and in order per key while every answer of each 600th ms is lost`, async () => {
        const writers = await Promise.all(clients.map((client) => startWriter(client, mode, size)))
        const cutsBefore = proxy.cuts
        const isEnough = () =>
          proxy.cuts - cutsBefore >= 6 * clients.length && writers.every(({ batches }) => batches() >= 10)
        const ends = Date.now() + 6000
        const isOver = () => Date.now() > ends && isEnough()
        await Promise.all([cutRepeatedly(proxy, isOver), ...writers.map(({ writeUntil }) => writeUntil(isOver))])
        for (const { finish } of writers) await finish()
      })
    }
  }

  /** Writes a first batch. `finish` looks at what Kafka has of it all. */
  async function startWriter(client: Client, mode: 'confirm' | 'outbox', size: number) {
    const topic = `chaos-${client}-${mode}-${size}`
    await createTopic(kafka.brokers, topic, 3)
    const sink = create(client, { topic, deliveryTimeoutMs: 60_000 })
    const running = startRunner(sink, mode, temporaryDirectory('kafka-chaos'), { batchRecords: size })
    const isStored = () => !entriesOf(running)
    let next = 0
    const write = async () => {
      const records = Array.from({ length: size }, () => reading(next, { topic: `key${next++ % 5}` }))
      assert.notEqual((await running.submit(records)).status, 'released')
    }
    await write()
    await until(isStored, { what: 'the first records', timeoutMs: 60_000 })
    const { retries } = running.runner.snapshot()
    const writeUntil = async (isOver: () => boolean) => {
      while (!isOver()) {
        await write()
        const hasRoom = () => (entriesOf(running) ?? 0) < 5 * size
        await until(hasRoom, { what: 'room in the outbox', timeoutMs: 60_000, intervalMs: 2 })
        await sleep(2)
      }
    }
    const finish = async () => {
      await until(isStored, { what: 'an empty outbox', timeoutMs: 60_000 })
      const after = running.runner.snapshot()
      assert.equal(after.retries, retries, `${client}: a session ended: ${after.lastFailure?.error.message}`)
      await running.runner.close(5000)
      const stored = account(await readTopic(kafka.brokers, topic), next)
      assert.deepEqual({ client, ...stored }, { client, lost: 0, duplicated: 0, inverted: 0 })
    }
    return { batches: () => next / size, writeUntil, finish }
  }

  for (const client of clients) {
    it(`does not write again what a failed write has stored (${client})`, async () => {
      const [good, small] = [`part-good-${client}`, `part-small-${client}`]
      await createTopic(kafka.brokers, good)
      await createTopic(kafka.brokers, small, 1, { 'max.message.bytes': '500' })
      const sink = create(client, {})
      await sink.open(forever)
      const written = [1, 2].map((n) => sink.prepare(reading(n, { to: good })).request)
      const big = sink.prepare(reading(3, { to: small, payload: 'x'.repeat(2000) })).request
      for (let repeat = 0; repeat < 3; repeat++) {
        await assert.rejects(sink.write([written[0]!, big, written[1]!], forever), { code: 'RECORD_REFUSED_SIZE' })
      }
      await sink.write(written, forever)
      await sink.write([sink.prepare(reading(4, { to: good })).request], forever)
      const stored = (await readTopic(kafka.brokers, good)).map(({ value }) => JSON.parse(String(value)).n)
      assert.deepEqual(stored, [1, 2, 4])
      await sink.close()
    })
  }
})

function account(stored: readonly StoredRecord[], published: number) {
  const last = new Map<string | null, number>()
  const seen = new Set<number>()
  let [duplicated, inverted] = [0, 0]
  for (const { key, value } of stored) {
    const n: number = JSON.parse(String(value)).n
    if (seen.has(n)) duplicated++
    if (n < (last.get(key) ?? -1)) inverted++
    seen.add(n)
    last.set(key, n)
  }
  return { lost: published - seen.size, duplicated, inverted }
}

async function cutRepeatedly(proxy: TcpProxy, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await sleep(570)
    await proxy.cutReplies(30)
  }
}
