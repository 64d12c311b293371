import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Balance, balance, balanceLine } from '../ledger/ledger.ts'
import { type Mosquitto, startMosquitto } from '../services/mosquitto.ts'
import { type NodeRed, startNodeRed } from '../services/node-red.ts'
import { until } from '../services/processes.ts'
import { createSession, drainSession, type Numbered, publishNumbered } from '../services/publisher.ts'
import { topics } from './plant.ts'
import { sized } from './sizes.ts'

const count = sized(3000, 60_000)
const faults = sized(2, 20)
const ratePerSecond = 500
const timeout = sized(120_000, 1_200_000)
const collector = 'collector'

interface Bridge {
  readonly target: Mosquitto
  readonly nodeRed: NodeRed
}

/** Two brokers with stored sessions, and a flow that publishes at the second what it reads at the first. */
async function bridged(
  qos: 1 | 2,
  delivery: 'outbox' | 'confirm',
  fault: (bridge: Bridge) => Promise<void>,
): Promise<Balance> {
  await using origin = await startMosquitto({ persistence: true, maxInflight: 0 })
  await using target = await startMosquitto({ persistence: true })
  await using nodeRed = await startNodeRed()
  await createSession(target.port, collector, ['copy/#'], 2)
  await nodeRed.deploy(flow(origin.port, target.port, qos, delivery))
  for (const id of ['in', 'out']) await nodeRed.statusIs(id, ({ fill }) => fill === 'green')
  let confirmed = 0
  const onConfirmed = () => confirmed++
  const publishing = publishNumbered({ port: origin.port, topics, count, qos, ratePerSecond, onConfirmed })
  for (let nth = 1; nth <= faults; nth++) {
    const due = (count * nth) / (faults + 1)
    await until(() => confirmed >= due, { what: `${due} published messages`, timeoutMs: timeout })
    await fault({ target, nodeRed })
  }
  const published = await publishing
  const copies: Numbered[] = []
  const known = () => new Set(copies.map(({ number }) => number)).size
  await until(
    async () => {
      const drained = await drainSession(target.port, collector)
      copies.push(...drained.map(({ payload }) => numbered(payload)))
      return drained.length === 0 && known() === count
    },
    { what: 'all messages', timeoutMs: 60_000, output: () => `there are ${known()}\n${nodeRed.log()}` },
  )
  const result = balance({ published, confirmed: copies, deadLettered: [], held: [] })
  process.stderr.write(`ledger: ${balanceLine(result)}\n`)
  return result
}

function numbered(payload: Buffer): Numbered {
  const { n, topic } = JSON.parse(String(payload)) as { readonly n: number; readonly topic: string }
  return { number: n, topic }
}

function flow(originPort: number, targetPort: number, qos: 1 | 2, delivery: string) {
  const waits = { reconnectPeriodMs: '200 ms', maxReconnectDelayMs: '1 s' }
  const place = { z: 'tab' }
  const subscriptions = [{ filter: 'plant/#', qos: String(qos) }]
  const retries = { retryBackoffMs: '100 ms', maxRetryBackoffMs: '1 s' }
  return [
    { id: 'tab', type: 'tab', label: 'Bridge' },
    { id: 'origin', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(originPort), ...waits },
    { id: 'target', type: 'mqtt-v3-source', host: '127.0.0.1', port: String(targetPort), ...waits },
    { id: 'in', type: 'mqtt-v3-in', ...place, source: 'origin', subscriptions, wires: [['out'], []] },
    {
      id: 'out',
      type: 'mqtt-v3-out',
      ...place,
      source: 'target',
      topic: 'copy/{topic}',
      qos: String(qos),
      delivery,
      ...retries,
      wires: [[], []],
    },
  ]
}

function assertComplete({ lost, outOfOrder, confirmed, published }: Balance): void {
  assert.deepEqual({ lost, outOfOrder, confirmed }, { lost: 0, outOfOrder: 0, confirmed: published })
}

for (const qos of [1, 2] as const)
  for (const delivery of ['outbox', 'confirm'] as const) {
    test(`kill -9 of Node-RED, ${faults} times, loses nothing on the way to a second broker (QoS ${qos}, ${delivery})`, {
      timeout,
    }, async () => {
      const result = await bridged(qos, delivery, async ({ nodeRed }) => {
        await nodeRed.kill9()
        await nodeRed.restart()
      })
      assertComplete(result)
    })

    test(`the second broker restarted, ${faults} times, loses nothing (QoS ${qos}, ${delivery})`, {
      timeout,
    }, async () => {
      const result = await bridged(qos, delivery, async ({ target }) => target.restart())
      assertComplete(result)
      const inFlight = 60 * faults
      const allowed = qos === 2 ? 0 : inFlight
      assert.ok(result.duplicated <= allowed, `${result.duplicated} twice, at most ${allowed} were in flight`)
    })
  }
