import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import { recordsIn } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { type Plant, startPlant } from './plant.ts'
import { assertComplete } from './verdict.ts'

const kafka = await startKafka({ proxied: true })
const proxy = await startTcpProxy({ target: kafka.proxied.port, port: kafka.proxied.advertisedPort })
after(() => Promise.all([proxy.close(), kafka.stop()]))

const outageMs = 60_000
const ratePerSecond = 300
const windowRecords = 2000

/** What stands where at one moment of the outage. */
interface Progress {
  /** What the broker has confirmed to the publisher. */
  readonly published: number
  readonly first: number
  readonly second: number
}

interface Outage {
  readonly plant: Plant
  readonly progress: () => Promise<Progress>
  /** Resolves when the outage has lasted long enough. */
  readonly over: Promise<unknown>
}

/** Two sinks behind one decoder; the second one's Kafka refuses connections while `during` looks on. */
async function withOneSinkDown(delivery: 'outbox' | 'confirm', during: (outage: Outage) => Promise<void>) {
  const secondTopic = `loss-${randomUUID()}`
  const cluster = { id: 'kafka-2', type: 'kafka-cluster', brokers: `127.0.0.1:${proxy.port}` }
  const sink = { id: 'sink-2', type: 'kafka-sink', z: 'tab', cluster: cluster.id, delivery, wires: [[], []] }
  await using plant = await startPlant({
    brokers: kafka.brokers,
    output: 'reading',
    qos: 1,
    delivery,
    mosquitto: { maxInflight: 0 },
    nodes: [cluster, { ...sink, topic: secondTopic, partitions: 3, maxRetryBackoffMs: '2 s' }],
    properties: { rows: { wires: [['sink', 'sink-2'], []] }, in: { windowRecords } },
  })
  const publishing = plant.publish({ ratePerSecond })
  const progress = async () => ({
    published: publishing.confirmed(),
    first: await recordsIn(kafka.brokers, plant.kafkaTopic),
    second: await recordsIn(kafka.brokers, secondTopic),
  })
  await until(() => plant.acknowledged() > 5 * ratePerSecond, { what: 'PUBACKs', timeoutMs: 60_000 })
  await proxy.refuse()
  await during({ plant, progress, over: wait(outageMs) }).finally(() => proxy.heal())
  await wait(2000)
  const published = await publishing.stop()
  for (const result of [
    await plant.settle(published, kafka.brokers),
    await plant.balanceOf(secondTopic, published, kafka.brokers),
  ]) {
    assertComplete(plant, result)
    assert.ok(result.duplicated <= 500, `${result.duplicated} duplicates`)
  }
}

test('outbox: a sink that is down for 60 s does not delay the other', { timeout: 240_000 }, async () => {
  await withOneSinkDown('outbox', async ({ plant, progress, over }) => {
    const start = await progress()
    await over
    const { published } = await progress()
    const hasAll = ({ first }: Progress) => first >= published && plant.acknowledged() >= published
    const end = await reaches(progress, hasAll, 'the first sink to have all that is published')
    process.stderr.write(`outage: ${JSON.stringify({ start, end })}\n`)
    assert.ok(published >= start.published + (outageMs / 2000) * ratePerSecond, 'the publisher went on')
    assert.equal(end.second, start.second, 'the second sink was down')
  })
})

test('confirm: a sink that is down for 60 s holds the other when the window is full', {
  timeout: 240_000,
}, async () => {
  await withOneSinkDown('confirm', async ({ plant, progress, over }) => {
    const start = await progress()
    const isFull = ({ first }: Progress) => first >= plant.acknowledged() + windowRecords
    const full = await reaches(progress, isFull, 'the first sink to go on until the window is full')
    const { text } = await plant.nodeRed.statusIs('in', ({ text = '' }) => text.startsWith('window-limited'))
    const waiting = await standsStill(progress)
    await over
    const end = await progress()
    process.stderr.write(`outage: ${JSON.stringify({ start, full, waiting, end, text })}\n`)
    assert.ok(end.published > waiting.published + ratePerSecond, 'the publisher went on')
    assert.deepEqual([end.first, end.second], [waiting.first, start.second], 'both wait')
  })
})

async function reaches(
  progress: () => Promise<Progress>,
  accept: (now: Progress) => boolean,
  what: string,
): Promise<Progress> {
  const accepted = async () => {
    const now = await progress()
    return accept(now) ? now : undefined
  }
  return (await until(accepted, { what, timeoutMs: 50_000, intervalMs: 500 }))!
}

/** What was admitted to the window is still being written for a moment. */
function standsStill(progress: () => Promise<Progress>): Promise<Progress> {
  let last = -1
  const isSame = ({ first }: Progress) => {
    const same = first === last
    last = first
    return same
  }
  return reaches(progress, isSame, 'the first sink to stand still')
}
