import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { Subscriber } from '../../src/mqtt/connection.ts'
import { type ServerFeatures, Subscriptions } from '../../src/mqtt/subscriptions.ts'

interface Asked {
  readonly filters: readonly string[]
  readonly rh: number | undefined
  readonly id: number | undefined
  /** As the server answers: one code for each. */
  suback(...granted: number[]): void
}

/** A client that only notes what is asked. */
function noting() {
  const asked: Asked[] = []
  const client = {
    subscribe: (
      filters: string[],
      options: { rh?: number; properties?: { subscriptionIdentifier: number } },
      done: (error: null, granted: [], packet: object) => void,
    ) =>
      asked.push({
        filters,
        rh: options.rh,
        id: options.properties?.subscriptionIdentifier,
        suback: (...granted) => done(null, [], { granted }),
      }),
    unsubscribe: () => {},
  } as unknown as MqttClient
  return { client, asked }
}

const version5: ServerFeatures = { subscribeOptions: true, subscriptionIds: true }
const version4: ServerFeatures = { subscribeOptions: false, subscriptionIds: false }

function subscribed(...filters: string[]) {
  const subscriber = { filters: filters.map((filter) => ({ filter, qos: 1 })), matches: () => true }
  const subscriptions = new Subscriptions(() => {})
  subscriptions.add(subscriber as unknown as Subscriber)
  return { subscriptions, subscriber }
}

test('a filter that overlaps with one that is not answered yet is asked for after its answer, and both with identifiers', async () => {
  const { subscriptions, subscriber } = subscribed('plant/#')
  const { client, asked } = noting()
  subscriptions.connected(client, false, version5)
  subscriber.filters.push({ filter: 'plant/line1/#', qos: 1 })
  subscriptions.change(['plant/#'])
  for (let i = 0; i < asked.length; i++) asked[i]!.suback(...asked[i]!.filters.map(() => 1))
  await subscriptions.answered(['plant/#', 'plant/line1/#'])
  const last = new Map(asked.flatMap(({ filters, id }) => filters.map((filter) => [filter, id] as const)))
  assert.deepEqual([...last.keys()].sort(), ['plant/#', 'plant/line1/#'])
  assert.ok([...last.values()].every((id) => id !== undefined))
  assert.ok(asked.length <= 4, `${asked.length} SUBSCRIBEs`)
})

for (const { what, features, wasAway, rh } of [
  { what: 'MQTT 5, at every connection', features: version5, wasAway: false, rh: 1 },
  { what: 'MQTT 3.1.1, when it was away', features: version4, wasAway: true, rh: undefined },
])
  test(`a server that says it has the session is asked for the filters again: ${what}`, () => {
    const { subscriptions } = subscribed('a', 'b')
    const first = noting()
    subscriptions.connected(first.client, false, features)
    first.asked[0]!.suback(1, 1)
    subscriptions.disconnected()
    const second = noting()
    subscriptions.connected(second.client, true, features, wasAway)
    assert.deepEqual(
      second.asked.map((each) => [each.filters, each.rh]),
      [[['a', 'b'], rh]],
    )
    second.asked[0]!.suback(1, 1)
    assert.equal(second.asked.length, 1)
  })

test('MQTT 3.1.1, when it was away and has not answered before the next cut: it is asked over the connection after that', () => {
  const { subscriptions } = subscribed('a')
  const first = noting()
  subscriptions.connected(first.client, false, version4)
  first.asked[0]!.suback(1)
  subscriptions.disconnected()
  subscriptions.connected(noting().client, true, version4, true)
  subscriptions.disconnected()
  const third = noting()
  subscriptions.connected(third.client, true, version4)
  assert.equal(third.asked.length, 1)
})

test('MQTT 3.1.1: after a cut alone nothing is asked again, which would bring the retained messages again', () => {
  const { subscriptions } = subscribed('a')
  const first = noting()
  subscriptions.connected(first.client, false, version4)
  first.asked[0]!.suback(1)
  subscriptions.disconnected()
  const second = noting()
  subscriptions.connected(second.client, true, version4)
  assert.deepEqual(second.asked, [])
})

test('after an outage no copy is taken for an extra one before its server has said again what it has', () => {
  const { subscriptions } = subscribed('plant/#', '+/x')
  const { client, asked } = noting()
  subscriptions.connected(client, false, version5)
  for (let i = 0; i < asked.length; i++) asked[i]!.suback(1)
  const copy = (n: number) => ({
    topic: 'plant/x',
    payload: Buffer.alloc(0),
    qos: 1 as const,
    packetId: 1,
    retain: false,
    isVersion5: true,
    dup: false,
    subscriptionIds: [asked[n]!.id!],
  })
  assert.deepEqual([subscriptions.isExtraCopy(copy(0)), subscriptions.isExtraCopy(copy(1))], [false, true])
  subscriptions.disconnected()
  subscriptions.connected(noting().client, true, version5, true)
  assert.deepEqual([subscriptions.isExtraCopy(copy(0)), subscriptions.isExtraCopy(copy(1))], [false, false])
})
