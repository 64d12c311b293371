/**
 * The editor while readings flow: `npm run bench:editor`, or for a small run that writes no files
 * `npm run bench:editor -- --quick`. What the editor asks Node-RED for, at a steady pace, and how late the event loop is.
 */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type NodeRed, startNodeRed } from '../test/services/node-red.ts'
import { until } from '../test/services/processes.ts'
import { createSession } from '../test/services/publisher.ts'
import { describeMachine } from './machine.ts'
import { newPlace } from './measure.ts'
import { deviceTopics } from './readings.ts'
import { isQuick, publish, withServices } from './stage.ts'
import type { Stream } from './stream.ts'
import { type Percentiles, percentiles } from './summary.ts'
import { circumstances, decimal, mark, table, whole } from './tables.ts'
import { ours } from './variants.ts'

const ratePerSecond = 5000
const payloadBytes = 272
const warmUpSeconds = isQuick() ? 2 : 10
const seconds = isQuick() ? 5 : 60
const requestEveryMs = 50
const allowedMs = { request: 100, delay: 20 }
/** What the editor loads when it is opened and when something is deployed. */
const paths = ['/flows', '/settings', '/nodes', '/flows/state']

/** In Node-RED: how much later than due a timer runs. Says so on SIGURG (SIGUSR2 ends Node-RED), and begins anew. */
const probe = `const everyMs = 10
let late = []
let last = performance.now()
setInterval(() => {
  const now = performance.now()
  late.push(Math.max(0, now - last - everyMs))
  last = now
}, everyMs).unref()
process.on('SIGURG', () => {
  console.log('late ' + JSON.stringify(late.map((ms) => Math.round(ms * 100) / 100)) + ' end')
  late = []
})`

/** All delays since it was asked last, in milliseconds. */
async function readDelays(nodeRed: NodeRed): Promise<readonly number[]> {
  const answers = () => [...nodeRed.log().matchAll(/late (\[.*?\]) end/g)]
  const before = answers().length
  process.kill(nodeRed.pid, 'SIGURG')
  await until(() => answers().length > before, { what: 'the probe' })
  return JSON.parse(answers().at(-1)![1]!) as number[]
}

/** Milliseconds to the last byte of each answer. */
async function ask(nodeRed: NodeRed, end: AbortSignal): Promise<readonly number[]> {
  const times: number[] = []
  for (let i = 0; !end.aborted; i++) {
    const began = performance.now()
    const response = await nodeRed.request(paths[i % paths.length]!, { headers: { Accept: 'application/json' } })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`Node-RED answers ${response.status}`)
    times.push(performance.now() - began)
    await wait(Math.max(0, requestEveryMs - (performance.now() - began)))
  }
  return times
}

interface Found {
  readonly flow: string
  /** What arrived in Kafka meanwhile. */
  readonly ratePerSecond: number
  readonly requests: Percentiles
  readonly delays: Percentiles
}

const machine = await describeMachine()
await withServices(async (services) => {
  const { broker, brokers, ends } = services
  await using nodeRed = await startNodeRed({
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(probe)}` },
  })
  const measure = async (flow: string, total: () => Promise<number>): Promise<Found> => {
    await readDelays(nodeRed)
    const [before, began] = [await total(), performance.now()]
    const times = await ask(nodeRed, AbortSignal.timeout(seconds * 1000))
    const ratePerSecond = (1000 * ((await total()) - before)) / (performance.now() - began)
    const delays = percentiles(await readDelays(nodeRed))
    const found = { flow, ratePerSecond, requests: percentiles(times), delays }
    console.log(JSON.stringify(found))
    return found
  }
  const idle = await measure('no readings', () => Promise.resolve(0))
  const found = [idle]
  for (const output of ['reading', 'batches'] as const) {
    const place = await newPlace(services)
    await createSession(broker.port, place.clientId, [place.filter])
    await nodeRed.deploy(ours({ output, delivery: 'outbox' })({ ...place, brokers }))
    await nodeRed.statusIs('in', ({ fill }) => fill === 'green')
    const count = (warmUpSeconds + seconds + 5) * ratePerSecond
    const workerData: Stream = {
      port: broker.port,
      topics: deviceTopics(place.kafkaTopic),
      count,
      ratePerSecond,
      payloadBytes,
    }
    const ended = once(new Worker(new URL('./stream.ts', import.meta.url), { workerData }), 'exit')
    await wait(warmUpSeconds * 1000)
    const title = output === 'reading' ? 'one message per reading, `outbox`' : 'batches, `outbox`'
    found.push(await measure(title, () => ends.total(place.kafkaTopic)))
    await ended
    const all = { what: `${count} records in Kafka`, timeoutMs: 60_000, output: nodeRed.log }
    await until(async () => (await ends.total(place.kafkaTopic)) === count, all)
  }
  const date = new Date().toISOString()
  const text = `# The editor while readings flow

${circumstances('npm run bench:editor', date, machine)}

${whole(ratePerSecond)} readings a second of ${payloadBytes} B from mosquitto into Kafka, decoded, through the outbox, for ${seconds} s after
${warmUpSeconds} s of warm-up. Meanwhile ${paths.map((path) => `\`${path}\``).join(', ')} are asked for in turn, one request each ${requestEveryMs} ms.

${table(
  ['Flow', 'readings/s', 'requests', 'p50, ms', 'p99, ms', 'max, ms', `p99 <= ${allowedMs.request} ms`],
  found.map(({ flow, ratePerSecond, requests: { count, p50, p99, max } }) => [
    flow,
    whole(ratePerSecond),
    whole(count),
    decimal(p50),
    decimal(p99),
    decimal(max),
    mark(p99 <= allowedMs.request),
  ]),
)}

How late a timer of 10 ms runs in Node-RED:

${table(
  ['Flow', 'p50, ms', 'p99, ms', 'max, ms', `p99 <= ${allowedMs.delay} ms`],
  found.map(({ flow, delays: { p50, p99, max } }) => [
    flow,
    decimal(p50),
    decimal(p99),
    decimal(max),
    mark(p99 <= allowedMs.delay),
  ]),
)}
`
  publish('editor', { date, machine, ratePerSecond, payloadBytes, seconds, found }, text)
})
