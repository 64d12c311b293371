import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startFakeBroker } from '../services/fake-broker.ts'
import { until } from '../services/processes.ts'
import { Collector, connect, options, subscribed } from './harness.ts'
import { publishPacket, startScriptedBroker } from './scripted-broker.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const MiB = 1 << 20

/** Bytes of buffers that somebody still holds. */
async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await wait(10)
  }
  return process.memoryUsage().arrayBuffers
}

for (const qos of [1, 2] as const)
  test(`QoS ${qos}: reconnects while the flow holds its messages do not hold them once more each`, async () => {
    await using broker = await startFakeBroker()
    const mine = options(broker.port)
    await using own = connect(mine, new Collector(['s'], { qos }))
    await subscribed(broker, mine)
    for (let n = 0; n < 4; n++) broker.publish({ topic: 's', payload: Buffer.alloc(MiB, n), qos })
    await own.collector.count(4)
    const again = async () => {
      const { length } = broker.connects
      broker.cut()
      await until(() => broker.connects.length > length && own.connection.status.unacknowledged === 4, {
        what: 'all of them again',
      })
    }
    await again()
    const before = await heldBytes()
    for (let cuts = 0; cuts < 10; cuts++) await again()
    const grown = (await heldBytes()) - before
    assert.ok(grown < 10 * MiB, `${grown} bytes more after 40 MiB have come again`)
    assert.equal(own.collector.taken.length, 4)
  })

test('QoS 2: what is answered with PUBREC is not held until its PUBREL, and still known', async () => {
  await using broker = await startScriptedBroker()
  await using own = connect(options(broker.port), new Collector(['s'], { qos: 2, settles: true }))
  const link = await broker.connection(1)
  const before = await heldBytes()
  const large = (id: number, dup = false) => publishPacket(id, String(id).padEnd(MiB), 2, dup)
  for (let id = 1; id <= 40; id++) {
    link.send(large(id))
    await until(() => link.answers().length === id, { what: `PUBREC ${id}` })
    own.collector.taken.length = 0
  }
  const grown = (await heldBytes()) - before
  assert.ok(grown < 20 * MiB, `${grown} bytes are held of 40 MiB`)
  for (let id = 1; id <= 40; id++) link.send(large(id, true))
  await until(() => link.answers().length === 80, { what: 'all PUBRECs again' })
  assert.equal(own.collector.taken.length, 0)
})
