import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../services/processes.ts'
import { Collector, connect, options } from './harness.ts'
import { publishPacket, startScriptedBroker } from './scripted-broker.ts'

test('QoS 2: another message under an id whose PUBREL never came is new: a second client of this name had it', async () => {
  await using broker = await startScriptedBroker()
  await using own = connect(options(broker.port), new Collector(['s'], { qos: 2 }))
  const first = await broker.connection(1)
  first.send(publishPacket(1, 'a', 2))
  const [a] = await own.collector.count(1)
  a!.settle()
  await until(() => first.answers().includes('pubrec 1'), { what: 'the PUBREC' })
  broker.sessionPresent = true
  first.cut()
  const second = await broker.connection(2)
  second.send(publishPacket(1, 'b', 2, true))
  await own.collector.count(2)
  await wait(30)
  assert.deepEqual([own.collector.texts, second.answers()], [['a', 'b'], []])
  own.collector.taken[1]!.settle()
  await until(() => second.answers().includes('pubrec 1'), { what: 'the PUBREC of the second' })
})
