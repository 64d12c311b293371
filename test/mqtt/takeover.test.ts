import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { startFakeBroker } from '../services/fake-broker.ts'
import { startMosquitto } from '../services/mosquitto.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, connected, options } from './harness.ts'
import { startScriptedBroker } from './scripted-broker.ts'

test('two clients of one id throw each other out: that is named, and they do not do it in a hot loop', async () => {
  await using mosquitto = await startMosquitto()
  const mine = options(mosquitto.port, { clientId: 'twin', reconnect: { baseMs: 50, maxMs: 60_000 } })
  const [a, b] = [new Collector(['t']), new Collector(['t'])]
  await using _one = connect(mine, a)
  await using _two = connect(mine, b)
  await until(() => [...a.errors, ...b.errors].some((error) => error.startsWith('BROKER_TAKEN_OVER')), {
    what: 'BROKER_TAKEN_OVER',
    timeoutMs: 15_000,
  })
  const named = [...a.errors, ...b.errors].find((error) => error.startsWith('BROKER_TAKEN_OVER'))
  assert.match(
    named ?? '',
    new RegExp(
      `127.0.0.1:${mosquitto.port} ends each connection of the client id "twin" at once.*another client uses that id`,
    ),
  )
  const connects = () => mosquitto.log().match(/New client connected .* as twin /g)?.length ?? 0
  const before = connects()
  await wait(1500)
  assert.ok(connects() - before <= 12, `${connects() - before} connections in 1.5 s`)
})

test('two cuts of the network are no takeover, and neither is a broker that breaks the protocol', async () => {
  await using broker = await startFakeBroker()
  const collector = new Collector(['t'])
  await using own = connect(options(broker.port), collector)
  for (let cuts = 0; cuts < 2; cuts++) {
    await connected(own.connection)
    const { length } = broker.connects
    broker.cut()
    await until(() => broker.connects.length > length, { what: 'a reconnect' })
  }
  assert.ok(
    collector.errors.length > 0 && collector.errors.every((error) => error.startsWith('BROKER_UNREACHABLE')),
    collector.errors.join(),
  )
  await using rude = await startScriptedBroker()
  rude.greeting = [Buffer.from([0xd4, 0xff, 0xff, 0xff, 0xff])]
  rude.sessionPresent = true
  const other = new Collector(['t'])
  await using _other = connect(options(rude.port), other)
  await rude.connection(6)
  assert.ok(
    other.errors.length > 4 && other.errors.every((error) => error.startsWith('PROTOCOL_VIOLATION')),
    other.errors.join(),
  )
})
