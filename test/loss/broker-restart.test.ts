import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startKafka } from '../services/kafka.ts'
import { until } from '../services/processes.ts'
import { startTcpProxy } from '../services/tcp-proxy.ts'
import { packets } from '../services/wire-assertions.ts'
import { startPlant } from './plant.ts'
import { sized } from './sizes.ts'
import { assertComplete } from './verdict.ts'

const kafka = await startKafka({ proxied: true })
const proxy = await startTcpProxy({ target: kafka.proxied.port, port: kafka.proxied.advertisedPort })
after(() => Promise.all([proxy.close(), kafka.stop()]))

const restarts = sized(2, 30)
const someMessages = 600

/**
 * What comes twice was published twice: the publisher repeats what the broker has not confirmed. With its store the
 * broker also sends again what it has no PUBACK for, which is told apart here and acknowledged once; where that PUBACK
 * got lost on the way, there are two.
 */
for (const { delivery, store, clean } of [
  { delivery: 'outbox', store: true, clean: false },
  { delivery: 'confirm', store: true, clean: false },
  { delivery: 'outbox', store: false, clean: false },
  { delivery: 'confirm', store: false, clean: false },
  { delivery: 'confirm', store: false, clean: true },
] as const) {
  const how = store ? 'in order, with its store' : 'with kill -9, without what it had'
  const whose = store ? 'nothing it has acknowledged' : 'nothing that has reached the flow'
  test(`mosquitto restarted ${how}, while the publisher retries, loses ${whose} (${delivery}, clean ${clean})`, {
    timeout: sized(180_000, 1_200_000),
  }, async (context) => {
    context.after(() => proxy.heal())
    const arrived = new Set<number>()
    await using plant = await startPlant({
      brokers: `127.0.0.1:${proxy.port}`,
      output: 'reading',
      qos: 1,
      delivery,
      mosquitto: { maxInflight: 0 },
      properties: { broker: { clean, maxReconnectDelayMs: '2 s' }, sink: { maxRetryBackoffMs: '2 s' } },
      intercept: ({ type, direction }, raw) => {
        if (type === 'publish' && direction === 'toClient') arrived.add(numberIn(raw))
        return 'forward'
      },
    })
    const publishing = plant.publish({ ratePerSecond: 300 })
    const more = async (what: string, count: () => number) => {
      const start = count()
      const output = () => `${count() - start} so far\n${plant.nodeRed.log()}`
      await until(() => count() >= start + someMessages, { what, timeoutMs: 60_000, output })
    }
    for (let restart = 0; restart < restarts; restart++) {
      await more('PUBACKs', plant.acknowledged)
      proxy.blackhole()
      await more('messages that Kafka does not confirm', () => arrived.size)
      if (!store) await plant.broker.kill()
      await plant.broker.restart()
      await more('messages published after the restart', publishing.confirmed)
      await proxy.heal()
    }
    await more('messages after the last restart', () => arrived.size)
    const result = await plant.settle(await publishing.stop(), kafka.brokers, store ? undefined : arrived)
    assertComplete(plant, result)
    const sent = packets(plant.wire.events, 'publish', 'toClient').length
    const bound = (store ? plant.acknowledged() : sent) - arrived.size
    assert.ok(result.duplicated <= bound, `${result.duplicated} duplicates, at most ${bound} are not ours`)
  })
}

const numberIn = (publish: Buffer) => Number(/\{"n":(\d+)/.exec(publish.toString('latin1'))![1])
