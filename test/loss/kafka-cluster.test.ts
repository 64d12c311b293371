import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { reading } from '../contract/sink-harness.ts'
import { type ClusterNode, startKafkaCluster } from '../services/kafka-cluster.ts'
import { createAssignedTopic, describeTopic, reassign, recordsIn, setTopic } from '../services/kafka-topics.ts'
import { until } from '../services/processes.ts'
import { clients, createKafkaSink, forever } from '../sinks/kafka-harness.ts'
import { type Plant, startPlant } from './plant.ts'
import { sized } from './sizes.ts'
import { assertComplete } from './verdict.ts'

const cluster = await startKafkaCluster({ properties: { 'min.insync.replicas': 2 } })
after(() => cluster.stop())

const ratePerSecond = 300
const rounds = sized(1, 10)
const outageMs = sized(30_000, 120_000)
const partitions = [0, 1, 2]

/** One write to Kafka is under way at a time, and is written again when Node-RED ends in it. */
const batchRecords = 500

/** Soak runs every test in both modes and with both clients. */
const legs = (delivery: 'outbox' | 'confirm', client: (typeof clients)[number]) =>
  sized(
    [{ delivery, client }],
    clients.flatMap((client) => [{ delivery: 'outbox', client } as const, { delivery: 'confirm', client } as const]),
  )

for (const { delivery, client } of legs('confirm', 'kafkajs')) {
  test(`the leader killed -9 under load, back again, and all leaders moved: nothing is lost (${delivery}, ${client})`, {
    timeout: sized(240_000, 1_200_000),
  }, async () => {
    await using plant = await start(delivery, client)
    const publishing = plant.publish({ ratePerSecond })
    await arrives(plant, 2 * ratePerSecond)
    assert.equal((await describeTopic(cluster.brokers, plant.kafkaTopic)).replicas, 3)
    for (let round = 0; round < rounds; round++) {
      const leader = await cluster.leader(plant.kafkaTopic, round % partitions.length)
      await leader.kill()
      await arrives(plant, 3 * ratePerSecond)
      await leader.restart()
      await moveLeaders(plant)
      await arrives(plant, 2 * ratePerSecond)
    }
    assertExact(plant, await plant.settle(await publishing.stop(), cluster.brokers))
  })
}

for (const { delivery, client } of legs('outbox', 'platformatic')) {
  test(`the first broker of the list down when Node-RED starts, and one whose partitions go to different brokers: nothing is lost (${delivery}, ${client})`, {
    timeout: sized(240_000, 1_200_000),
  }, async () => {
    const [first, second, third] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode]
    await using plant = await start(delivery, client)
    await createAssignedTopic(cluster.brokers, plant.kafkaTopic, [
      [second.id, first.id, third.id],
      [second.id, third.id, first.id],
      [first.id, second.id, third.id],
    ])
    const publishing = plant.publish({ ratePerSecond })
    for (let round = 0; round < rounds; round++) {
      await arrives(plant, 2 * ratePerSecond)
      await second.kill()
      await arrives(plant, 3 * ratePerSecond)
      await second.restart()
      await allInSync(plant)
      await first.kill()
      await plant.restart()
      await arrives(plant, 3 * ratePerSecond)
      await first.restart()
      await allInSync(plant)
    }
    const result = await plant.settle(await publishing.stop(), cluster.brokers)
    assertComplete(plant, result)
    assert.ok(result.duplicated <= rounds * batchRecords, `${result.duplicated} duplicates`)
  })
}

for (const { delivery, client } of legs('confirm', 'platformatic')) {
  test(`too few replicas for min.insync.replicas for ${outageMs / 1000} s: nothing is confirmed, nothing is lost (${delivery}, ${client})`, {
    timeout: sized(240_000, 600_000),
  }, async () => {
    await using plant = await start(delivery, client)
    const publishing = plant.publish({ ratePerSecond })
    await arrives(plant, 2 * ratePerSecond)
    await setTopic(cluster.brokers, plant.kafkaTopic, 'min.insync.replicas', '3')
    const [broken] = cluster.nodes
    await broken!.kill()
    await plant.nodeRed.statusIs('sink', isDegraded, 60_000)
    const before = plant.acknowledged()
    await wait(outageMs)
    if (delivery === 'confirm') assert.equal(plant.acknowledged(), before)
    assert.ok(isDegraded(plant.nodeRed.status('sink') ?? {}))
    await broken!.restart()
    await arrives(plant, 2 * ratePerSecond)
    assertExact(plant, await plant.settle(await publishing.stop(), cluster.brokers))
  })
}

test('a topic of others that has no leader keeps nobody from writing where there is one, with either client', {
  timeout: 180_000,
}, async () => {
  const [safe, lonely] = ['safe', 'lonely']
  const ids = cluster.nodes.map(({ id }) => id)
  const last = cluster.nodes.at(-1)!
  await createAssignedTopic(cluster.brokers, safe, [ids])
  await createAssignedTopic(cluster.brokers, lonely, [[last.id]])
  await last.kill()
  const isLonely = () =>
    describeTopic(cluster.brokers, lonely).then(
      () => false,
      (error) => /no leader/.test(String(error)),
    )
  await until(isLonely, { what: 'a topic without leader', timeoutMs: 60_000 })
  for (const client of clients) {
    const sink = createKafkaSink({ cluster: { brokers: cluster.brokers, client }, sink: { topic: safe } })
    await sink.open(forever)
    await sink.write([sink.prepare(reading(1)).request], forever)
    await sink.close()
  }
  await last.restart()
  const stored = async () => (await recordsIn(cluster.brokers, safe).catch(() => 0)) === clients.length
  await until(stored, { what: 'the records', timeoutMs: 60_000 })
})

const isDegraded = ({ fill, text = '' }: { readonly fill?: string; readonly text?: string }) =>
  fill === 'yellow' && text.startsWith('brokers missing')

/** With a topic of three replicas, made by the sink. */
const start = (delivery: 'outbox' | 'confirm', client: (typeof clients)[number]) =>
  startPlant({
    delivery,
    brokers: cluster.brokers,
    output: 'reading',
    qos: 1,
    mosquitto: { maxInflight: 0 },
    properties: { kafka: { client }, sink: { replication: '3', deliveryTimeoutMs: '10 min' } },
  })

/** Waits until Kafka has so many records more. */
async function arrives({ kafkaTopic, nodeRed }: Plant, records: number): Promise<void> {
  const stored = () => recordsIn(cluster.brokers, kafkaTopic).catch(() => 0)
  const start = await stored()
  await until(async () => (await stored()) >= start + records, {
    what: `${records} records more than ${start}`,
    timeoutMs: 90_000,
    intervalMs: 200,
    output: () => JSON.stringify(nodeRed.status('sink')) + nodeRed.log(),
  })
}

/** Takes each partition from its leader, and gives it back as a follower. */
async function moveLeaders({ kafkaTopic }: Plant): Promise<void> {
  for (const partition of partitions) {
    const leader = await cluster.leader(kafkaTopic, partition)
    const others = cluster.nodes.filter((node) => node !== leader).map(({ id }) => id)
    await reassign(cluster.brokers, kafkaTopic, partition, others)
    await reassign(cluster.brokers, kafkaTopic, partition, [...others, leader.id])
    assert.notEqual(await cluster.leader(kafkaTopic, partition), leader)
  }
}

const allInSync = ({ kafkaTopic }: Plant) =>
  until(async () => (await describeTopic(cluster.brokers, kafkaTopic)).inSync === 3, {
    what: 'all replicas to be in sync',
    timeoutMs: 60_000,
    intervalMs: 200,
  })

/** In one producer session Kafka recognises what it has already, also when another broker has it. */
function assertExact(plant: Plant, result: Parameters<typeof assertComplete>[1]): void {
  assertComplete(plant, result)
  assert.equal(result.duplicated, 0)
}
