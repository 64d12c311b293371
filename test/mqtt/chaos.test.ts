import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { randomIntegers } from '../core/random.ts'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { accepted, Collector, connect, options, released, subscribed } from './harness.ts'

/**
 * Deliveries settle late, in any order, some are released; connections are cut. The broker is strict: it ends a
 * connection over an acknowledgement that is early, late, doubled or out of order.
 */
async function storm(seed: number): Promise<void> {
  const random = randomIntegers(seed)
  await using broker = await startFakeBroker({ window: random(1, 60) })
  const mine = options(broker.port, { reconnect: { baseMs: 5, maxMs: 10 } })
  const collector = new Collector(['c/#'], { qos: 2, records: random(1, 80) })
  const taken: { readonly topic: string; readonly n: number }[] = []
  const done = new Set<number>()
  let open = 0
  collector.receive = ({ topic, payload }, delivery) => {
    const n = Number(payload.toString())
    taken.push({ topic, n })
    const outcome = random(0, 60) === 0 ? released : accepted
    open++
    setTimeout(
      () => {
        open--
        if (outcome === accepted) done.add(n)
        delivery.settle(outcome)
      },
      random(0, 12),
    )
  }
  const own = connect(mine, collector)
  await subscribed(broker, mine)
  const count = 800
  for (let n = 0; n < count; n++) {
    broker.publish({ topic: `c/${n % 3}`, payload: String(n), qos: random(1, 2) as 1 | 2 })
    if (random(0, 4) === 0) await wait(random(0, 3))
    if (random(0, 60) === 0) broker.cut()
  }
  const session = broker.session(mine.clientId)
  const state = () => `${done.size} done, ${session.inFlight} in flight, ${session.queued} queued, ${open} in the flow`
  await until(() => done.size === count && session.inFlight + session.queued === 0, {
    what: `the end of storm ${seed}`,
    timeoutMs: 20_000,
    output: () => `${state()}\n${broker.violations.join('\n')}`,
  })
  assert.deepEqual(broker.violations, [], `seed ${seed}`)
  assert.deepEqual(
    session.acknowledged.map(({ payload }) => Number(payload)).toSorted((a, b) => a - b),
    [...done].toSorted((a, b) => a - b),
  )
  for (const topic of ['c/0', 'c/1', 'c/2']) {
    const first = [...new Set(taken.filter((each) => each.topic === topic).map(({ n }) => n))]
    assert.deepEqual(
      first,
      first.toSorted((a, b) => a - b),
      `seed ${seed}: ${topic}`,
    )
  }
  await own.connection.close()
  assert.deepEqual(own.unclaimed, [])
}

test('storms of cuts, releases and late settlements lose nothing, keep the order, and break no rule', async () => {
  for (let seed = 1; seed <= 8; seed += 2) await Promise.all([storm(seed), storm(seed + 1)])
})
