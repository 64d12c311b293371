import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import { publishNumbered } from '../services/publisher.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { noAckForOldEpoch, packets, pubacksInPublishOrder } from '../services/wire-assertions.ts'
import { type Plant, startPlant, topics } from './plant.ts'

const kafka = await startKafka({ proxied: true })
const kafkaProxy = await startTcpProxy({ target: kafka.proxied.port, port: kafka.proxied.advertisedPort })
after(() => Promise.all([kafkaProxy.close(), kafka.stop()]))
const brokers = `127.0.0.1:${kafkaProxy.port}`

const publish = (plant: Plant, count: number, first: number, ratePerSecond?: number) =>
  publishNumbered({
    port: plant.broker.port,
    topics,
    count,
    first,
    qos: 1,
    ...(ratePerSecond ? { ratePerSecond } : {}),
  })

const everythingAcknowledged = (plant: Plant, count: number) =>
  until(() => plant.acknowledged() >= count, {
    what: `${count} PUBACKs`,
    timeoutMs: 60_000,
    output: () => `${plant.acknowledged()} so far\n${plant.nodeRed.log()}`,
  })

/** Keeps back every answer of Kafka for three seconds while 500 messages arrive; gives the PUBACKs that leave meanwhile. */
async function acknowledgedWhileKafkaIsSilent(plant: Plant): Promise<number> {
  await publish(plant, 200, 0)
  await everythingAcknowledged(plant, 200)
  const silence = kafkaProxy.cutReplies(3000)
  await publish(plant, 500, 200)
  await wait(1500)
  assert.ok(packets(plant.wire.events, 'publish', 'toClient').length > 200, 'the flow has got more messages')
  const early = plant.acknowledged() - 200
  await silence
  await everythingAcknowledged(plant, 700)
  return early
}

/** Kills Node-RED while Kafka, silenced by `silence`, owes it answers, and lets everything run again afterwards. */
async function killWhileKafkaIsSilent(plant: Plant, silence: () => Promise<void>) {
  const first = await publish(plant, 200, 0)
  await everythingAcknowledged(plant, 200)
  const silent = silence()
  const second = await publish(plant, 500, 200)
  await wait(500)
  const bound = await plant.kill9()
  await silent
  await kafkaProxy.heal()
  await plant.restart()
  const third = await publish(plant, 200, 700)
  return { bound, ...(await plant.settle([...first, ...second, ...third], kafka.brokers)) }
}

const nothingArrives = async () => kafkaProxy.blackhole()
const answersAreLost = () => kafkaProxy.cutReplies(3000)

for (const output of ['reading', 'batches'] as const) {
  test(`no PUBACK leaves before Kafka's confirmation (${output})`, { timeout: 120_000 }, async () => {
    await using plant = await startPlant({ brokers, output, qos: 1 })
    assert.equal(await acknowledgedWhileKafkaIsSilent(plant), 0)
    assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
  })
}

test('PUBACKs leave in PUBLISH order, and none for an old connection, over five cuts', {
  timeout: 120_000,
}, async () => {
  await using plant = await startPlant({ brokers, output: 'reading', qos: 1 })
  const publishing = publish(plant, 5000, 0, 1000)
  let bound = 0
  for (let cut = 0; cut < 5; cut++) {
    await wait(300 + Math.random() * 500)
    await until(() => plant.wire.open > 0 && plant.inFlight() > 0, { what: 'something in flight', intervalMs: 1 })
    plant.wire.cut()
    bound += plant.inFlight()
  }
  const result = await plant.settle(await publishing, kafka.brokers)
  assert.deepEqual([result.lost, result.held, result.outOfOrder], [0, 0, 0])
  assert.ok(result.duplicated <= bound, `${result.duplicated} duplicates, ${bound} in flight at the cuts`)
  assert.equal(plant.wire.connections, 6)
  assert.deepEqual(pubacksInPublishOrder(plant.wire.events), [])
  assert.deepEqual(noAckForOldEpoch(plant.wire.events), [])
})

test('a kill -9 while Kafka does not answer loses nothing', { timeout: 120_000 }, async () => {
  await using plant = await startPlant({ brokers, output: 'reading', qos: 1 })
  const { lost, held, outOfOrder } = await killWhileKafkaIsSilent(plant, nothingArrives)
  assert.deepEqual({ lost, held, outOfOrder }, { lost: 0, held: 0, outOfOrder: 0 })
})

test('what Kafka has and Node-RED does not know of comes twice, and nothing else', { timeout: 120_000 }, async () => {
  await using plant = await startPlant({ brokers, output: 'reading', qos: 1 })
  const { lost, held, outOfOrder, duplicated, bound } = await killWhileKafkaIsSilent(plant, answersAreLost)
  assert.deepEqual({ lost, held, outOfOrder }, { lost: 0, held: 0, outOfOrder: 0 })
  assert.ok(duplicated > 0 && duplicated <= bound, `${duplicated} duplicates, ${bound} in flight at the kill`)
})

/** Makes an installed copy of the package acknowledge what it has only handed to the flow. */
function acknowledgeEarly(directory: string): void {
  const file = join(directory, 'dist/src/mqtt/mqtt-source.js')
  const code = readFileSync(file, 'utf8')
  const broken = code.replace(/if \(this\.#onReceipt\)/, 'if (true)')
  assert.notEqual(broken, code, 'the place to break is not there any more')
  writeFileSync(file, broken)
}

test('these tests would notice a package that acknowledges too early', { timeout: 120_000 }, async () => {
  {
    await using plant = await startPlant({ brokers, output: 'reading', qos: 1, patch: acknowledgeEarly })
    assert.equal(await acknowledgedWhileKafkaIsSilent(plant), 500)
  }
  await using plant = await startPlant({ brokers, output: 'reading', qos: 1, patch: acknowledgeEarly })
  const { lost } = await killWhileKafkaIsSilent(plant, nothingArrives)
  assert.ok(lost > 0, 'the ledger finds the loss')
})
