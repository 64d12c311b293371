import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sharedKafka } from '../services/kafka.ts'
import type { DeployType, FlowNode } from '../services/node-red.ts'
import { noAckForOldEpoch, packets, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { startFlood } from './flood.ts'
import { type Plant, startPlant, topics } from './plant.ts'
import { sized } from './sizes.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

const redeploys = sized(30, 1000)

/** What changes from one deploy to the next, in turn: every node of the path is replaced alone, and all at once. */
const changes: readonly (readonly [DeployType, node: string])[] = [
  ['full', 'sink'],
  ['nodes', 'sink'],
  ['flows', 'rows'],
  ['full', 'tab'],
  ['nodes', 'in'],
  ['flows', 'in'],
  ['full', 'broker'],
  ['nodes', 'rows'],
  ['flows', 'sink'],
  ['nodes', 'broker'],
]

/** Every session of the flow but the first is the one before, and nobody has asked for a clean one. */
function sessionIsKept({ wire }: Plant): void {
  const refused = packets(wire.events, 'connect', 'toBroker').filter(({ clean }) => clean)
  assert.deepEqual(refused, [])
  const [first, ...others] = packets(wire.events, 'connack', 'toClient')
  assert.equal(first?.sessionPresent, false)
  assert.deepEqual(
    others.filter(({ sessionPresent, code }) => !sessionPresent || code !== 0),
    [],
  )
  assert.ok(others.length > 0, 'some redeploys connect again')
  assert.deepEqual(packets(wire.events, 'unsubscribe', 'toBroker'), [])
}

for (const delivery of ['outbox', 'confirm'] as const)
  test(`${redeploys} redeploys of full, nodes and flows under load lose nothing and keep the session (${delivery})`, {
    timeout: sized(280_000, 7_200_000),
  }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output: 'reading', qos: 1, delivery })
    await using flood = startFlood({ port: plant.broker.port, topics, qos: 1, ratePerSecond: 1000 })
    const started = performance.now()
    let flow: readonly FlowNode[] = plant.flow
    for (let n = 0; n < redeploys; n++) {
      const [type, changed] = changes[n % changes.length]!
      flow = flow.map((node) => (node.id === changed ? { ...node, name: `deployed ${n}` } : node))
      await plant.nodeRed.deploy(flow, type)
      await wait(Math.random() * 500)
    }
    const took = ((performance.now() - started) / 1000).toFixed(0)
    process.stderr.write(`${redeploys} redeploys in ${took} s, ${plant.wire.connections} connections\n`)
    const published = await flood.stop()
    const count = published.length
    assert.deepEqual(
      { ...(await plant.settle(published, kafka.brokers)), duplicated: 0 },
      { ...clean, published: count, acknowledged: count, confirmed: count },
    )
    sessionIsKept(plant)
    assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
    assert.deepEqual(noAckForOldEpoch(plant.wire.events), [])
  })

const clean = { deadLettered: 0, held: 0, lost: 0, duplicated: 0, outOfOrder: 0, examples: [] }
