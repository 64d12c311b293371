import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import { createTopic } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import { type Numbered, publishNumbered } from '../services/publisher.ts'
import { type Plant, type PlantOptions, startPlant } from './plant.ts'
import { assertComplete } from './verdict.ts'

/** What Node-RED may grow by over what it needs for the same flow with small messages, at full speed for a while. */
const growthBound = 128 << 20
const stallBoundMs = 100

/**
 * Prints how much CPU time the main thread takes in one turn of its event loop, where that is a stall: a machine that
 * gives it no CPU is not its fault.
 */
const probe = `let last = process.threadCpuUsage()
const timer = setInterval(() => {
  const now = process.threadCpuUsage()
  const ms = (now.user + now.system - last.user - last.system) / 1000
  last = now
  if (ms > ${stallBoundMs}) console.error('stall of ' + Math.round(ms) + ' ms of CPU')
}, 1)
timer.unref()`
/** The heap of a gateway: on a large machine V8 takes what it likes before it collects, and that says nothing of us. */
const heap = '--max-old-space-size=256'
const env = { NODE_OPTIONS: `${heap} --import=data:text/javascript,${encodeURIComponent(probe)}` }

const kafka = await startKafka()
after(() => kafka.stop())

const megabyte = 1 << 20
const warmUp = 30_000
const allTopics = Array.from({ length: 1000 }, (_, i) => `plant/${i % 40}/${i}`)
const padded = (bytes: number) => (message: Numbered) =>
  JSON.stringify({ n: message.number, topic: message.topic, filler: 'x'.repeat(bytes) })

/** A document that has to be read to its end to find that all of it can be left out. */
const nested = (bytes: number) => (message: Numbered) => {
  const item = '{"name":"temperature","value":21.5,"unit":"C","tags":["a","b"]}'
  const items = Array(Math.floor(bytes / item.length))
    .fill(item)
    .join(',')
  return `{"samples":[${items}],"n":${message.number},"topic":"${message.topic}"}`
}

const large: PlantOptions['properties'] = {
  sink: { maxMessageBytes: '16 MiB' },
  in: { wires: [['sink'], []] },
}

interface Load {
  /** Where it may be longer than usual, with the reason. */
  readonly stallMs?: number
  readonly options: Pick<PlantOptions, 'delivery' | 'properties'>
  readonly publish: (plant: Plant) => Promise<readonly Numbered[]>
}

for (const delivery of ['confirm', 'outbox'] as const) {
  bounded(`${delivery}: 20 messages of 5 MB that the target does not take`, {
    options: { delivery, properties: large },
    publish: async (plant) => {
      await kafka.kill()
      const publishing = publish(plant, { count: 20, payload: padded(5 * megabyte) })
      if (delivery === 'outbox') await acknowledged(plant, warmUp + 20)
      else await plant.nodeRed.statusIs('in', ({ text }) => /window-limited/.test(text ?? ''), 60_000)
      await wait(2000)
      await kafka.restart()
      return publishing
    },
  })
}

bounded('1,000 topics at full speed', {
  options: { delivery: 'outbox' },
  publish: (plant) => publish(plant, { count: 60_000, payload: padded(1000) }),
})

bounded('JSON of 10 MB', {
  // A document is parsed in one go: JSON.parse takes about 10 ms per MB.
  stallMs: 500,
  options: { delivery: 'outbox' },
  publish: (plant) => publish(plant, { count: 2, payload: nested(10_000_000) }),
})

/** The load must not make Node-RED grow by more than the bound, nor stall it, and everything arrives. */
function bounded(what: string, { options, publish: load, stallMs = stallBoundMs }: Load): void {
  test(`${what}: Node-RED grows by at most ${growthBound / megabyte} MB and does not stall for ${stallMs} ms`, {
    timeout: 280_000,
  }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output: 'reading', qos: 1, env, ...options })
    await createTopic(kafka.brokers, plant.kafkaTopic, 3, { 'max.message.bytes': String(16 * megabyte) })
    const small = await publish(plant, { first: 0, count: warmUp, payload: padded(500) })
    await acknowledged(plant, warmUp)
    assert.match(plant.nodeRed.log(), /stall of \d+ ms/, 'the probe sees what the start of Node-RED takes')
    const [before, logged] = [residentBytes(plant), plant.nodeRed.log().length]
    const peak = watchPeak(plant)
    const published = await load(plant)
    await acknowledged(plant, warmUp + published.length)
    const growth = (await peak.end()) - before
    const stalls =
      plant.nodeRed
        .log()
        .slice(logged)
        .match(/stall of \d+ ms/g) ?? []
    const tooLong = stalls.filter((stall) => Number(/\d+/.exec(stall)) > stallMs)
    process.stderr.write(`RSS ${mb(before)} before, ${mb(growth)} more at most; ${stalls.join(', ') || 'no stall'}\n`)
    assertComplete(plant, await plant.settle([...small, ...published], kafka.brokers))
    assert.ok(growth <= growthBound, `${mb(growth)} of growth`)
    assert.deepEqual(tooLong, [])
  })
}

function publish({ broker }: Plant, load: { first?: number; count: number; payload: (message: Numbered) => string }) {
  return publishNumbered({ port: broker.port, topics: allTopics, qos: 1, first: warmUp, ...load })
}

function acknowledged(plant: Plant, messages: number): Promise<unknown> {
  return until(() => plant.acknowledged() >= messages, {
    what: `${messages} PUBACKs`,
    timeoutMs: 120_000,
    output: () => `${plant.acknowledged()} so far\n${plant.nodeRed.log()}`,
  })
}

function residentBytes({ nodeRed }: Plant): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${nodeRed.pid}/status`, 'utf8'))![1]) * 1024
}

/** Looks twenty times a second, to the end and a little longer. */
function watchPeak(plant: Plant): { end(): Promise<number> } {
  let peak = 0
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(plant))
  }, 50)
  return {
    end: async () => {
      await wait(1000)
      clearInterval(timer)
      return peak
    },
  }
}

const mb = (bytes: number) => `${Math.round(bytes / megabyte)} MB`
