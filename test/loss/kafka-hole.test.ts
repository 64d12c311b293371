import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import type { DeployType } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { type Plant, startPlant } from './plant.ts'
import { assertComplete } from './verdict.ts'

const kafka = await startKafka({ proxied: true })
const proxy = await startTcpProxy({ target: kafka.proxied.port, port: kafka.proxied.advertisedPort })
after(() => Promise.all([proxy.close(), kafka.stop()]))

const ratePerSecond = 300
const closeMs = 10_000

interface Case {
  readonly write: string
  readonly strike: () => void
  readonly deployed: string
  readonly type: DeployType
  readonly changed: string
}

const cases: readonly Case[] = [
  {
    write: 'that never reaches Kafka',
    strike: () => proxy.blackhole(),
    deployed: 'the sink alone',
    type: 'nodes',
    changed: 'sink',
  },
  {
    write: 'that Kafka takes and nobody hears of',
    strike: () => proxy.swallowReplies(),
    deployed: 'everything',
    type: 'full',
    changed: 'tab',
  },
]

for (const delivery of ['outbox', 'confirm'] as const)
  for (const { write, strike, deployed, type, changed } of cases)
    test(`a deploy of ${deployed} during a write ${write} takes less than 10 s and loses nothing (${delivery})`, {
      timeout: 180_000,
    }, async () => {
      await using plant = await startPlant({
        brokers: `127.0.0.1:${proxy.port}`,
        output: 'reading',
        qos: 1,
        delivery,
        mosquitto: { maxInflight: 0 },
      })
      const publishing = plant.publish({ ratePerSecond })
      try {
        await until(() => plant.acknowledged() > 2 * ratePerSecond, { what: 'PUBACKs', timeoutMs: 60_000 })
        strike()
        await readingsWait(plant)
        await deployInTime(plant, type, changed)
        await wait(1000)
      } finally {
        await proxy.heal()
      }
      await wait(1000)
      const published = await publishing.stop()
      assertComplete(plant, await plant.settle(published, kafka.brokers))
    })

async function deployInTime({ nodeRed, flow }: Plant, type: DeployType, changed: string): Promise<void> {
  const startMs = performance.now()
  await nodeRed.deploy(
    flow.map((node) => (node.id === changed ? { ...node, name: 'changed' } : node)),
    type,
  )
  const tookMs = performance.now() - startMs
  process.stderr.write(`deployed in ${tookMs.toFixed(0)} ms\n`)
  assert.ok(tookMs < closeMs, `${tookMs} ms`)
  assert.doesNotMatch(nodeRed.log(), /Error stopping node|close timed out/i)
}

/** A second's worth of them: a write is under way, and more stand behind it. */
function readingsWait({ nodeRed }: Plant) {
  return nodeRed.statusIs('sink', ({ text = '' }) => {
    const [, stored, held] = / outbox ([\d,]+)| ([\d,]+) waiting/.exec(text) ?? []
    return Number((stored ?? held ?? '0').replaceAll(',', '')) >= ratePerSecond
  })
}
