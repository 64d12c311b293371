import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { limitProducers, startKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import type { Numbered } from '../services/publisher.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { type Plant, startPlant } from './plant.ts'
import { sized } from './sizes.ts'
import { assertComplete } from './verdict.ts'

const kafka = await startKafka({ proxied: true })
const proxy = await startTcpProxy({ target: kafka.proxied.port, port: kafka.proxied.advertisedPort })
after(() => Promise.all([proxy.close(), kafka.stop()]))

const ratePerSecond = 300
const batchRecords = 500
const silenceMs = sized(10_000, 60_000)
const cuts = sized(5, 50)

interface Fault {
  readonly what: string
  readonly strike: () => Promise<void>
  readonly heal: () => void | Promise<void>
  /** Whether readings wait in the sink meanwhile. */
  readonly holdsUp: boolean
  readonly sink: { readonly [property: string]: string }
  readonly duplicates: (duplicated: number) => boolean
}

/** In one producer session Kafka recognises what it has already, and a session outlives `deliveryTimeoutMs` of silence. */
const none = (duplicated: number) => duplicated === 0

/**
 * The batch that was under way when the answers stopped is stored, and stored again in the next session. Only that one:
 * one write is under way at a time, and without answers the next session does not begin.
 */
const oneBatch = (duplicated: number) => duplicated > 0 && duplicated <= batchRecords

const faults: readonly Fault[] = [
  {
    what: 'Kafka frozen for 30 s',
    strike: () => {
      kafka.freeze()
      return wait(30_000)
    },
    heal: () => kafka.thaw(),
    holdsUp: true,
    sink: {},
    duplicates: none,
  },
  {
    what: `a black hole instead of Kafka for ${silenceMs / 1000} s`,
    strike: () => {
      proxy.blackhole()
      return wait(silenceMs)
    },
    heal: () => proxy.heal(),
    holdsUp: true,
    sink: { requestTimeoutMs: '2 s' },
    duplicates: none,
  },
  {
    what: `${cuts} times no answer and then a cut`,
    strike: async () => {
      const enough = proxy.cuts + cuts
      while (proxy.cuts < enough) {
        await proxy.cutReplies(1500)
        await wait(500)
      }
    },
    heal: () => proxy.heal(),
    holdsUp: false,
    sink: {},
    duplicates: none,
  },
  {
    what: `no answer for longer than the delivery timeout, ${silenceMs / 1000} s`,
    strike: () => {
      proxy.swallowReplies()
      return wait(silenceMs)
    },
    heal: () => proxy.heal(),
    holdsUp: true,
    sink: { requestTimeoutMs: '1 s', deliveryTimeoutMs: '3 s', maxRetryBackoffMs: '2 s' },
    duplicates: oneBatch,
  },
  {
    what: `a quota of 5 kB/s for ${silenceMs / 1000} s`,
    strike: async () => {
      await limitProducers(kafka.brokers, 5000)
      await wait(silenceMs)
    },
    heal: () => limitProducers(kafka.brokers, undefined),
    holdsUp: true,
    sink: {},
    duplicates: none,
  },
]

for (const fault of faults) {
  for (const delivery of ['outbox', 'confirm'] as const) {
    test(`${fault.what}: nothing is lost (${delivery})`, { timeout: sized(240_000, 600_000) }, async () => {
      await using plant = await startPlant({
        brokers: `127.0.0.1:${proxy.port}`,
        output: 'reading',
        qos: 1,
        delivery,
        mosquitto: { maxInflight: 0 },
        properties: { sink: fault.sink },
      })
      const published = await publishThrough(fault, plant)
      const result = await plant.settle(published, kafka.brokers)
      assertComplete(plant, result)
      assert.ok(fault.duplicates(result.duplicated), `${result.duplicated} duplicates`)
    })
  }
}

/** Publishes before the fault, during it and for two seconds after it. */
async function publishThrough({ strike, heal, holdsUp }: Fault, plant: Plant): Promise<readonly Numbered[]> {
  const publishing = plant.publish({ ratePerSecond })
  try {
    await until(() => plant.acknowledged() > 2 * ratePerSecond, { what: 'PUBACKs', timeoutMs: 60_000 })
    await strike()
    if (holdsUp) await somethingWaits(plant)
  } finally {
    await heal()
  }
  await wait(2000)
  return publishing.stop()
}

/** The fault is one: a second's worth of readings waits in the sink, which says so. */
function somethingWaits({ nodeRed }: Plant) {
  return nodeRed.statusIs('sink', ({ text = '' }) => {
    const [, stored, held] = / outbox ([\d,]+)| ([\d,]+) waiting/.exec(text) ?? []
    return Number((stored ?? held ?? '0').replaceAll(',', '')) >= ratePerSecond
  })
}
