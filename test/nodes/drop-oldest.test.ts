import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startNodeRed } from '../services/node-red.ts'
import { freePort, until } from '../services/processes.ts'
import { deploySubscribed, flowBuilder, publishAll, startLoggingMosquitto } from './acceptance-flow.ts'

const broker = await startLoggingMosquitto()
const nodeRed = await startNodeRed()
after(async () => {
  await nodeRed.stop()
  await broker.stop()
})

test('drop-oldest says in the log how many readings it has deleted, to the last one', async () => {
  const { id, node, source } = flowBuilder()
  const outbox = { outboxMaxBytes: '1 MiB', outboxWhenFull: 'drop-oldest' }
  await deploySubscribed(nodeRed, broker, [
    ...source(broker.port, [{ filter: 'plant/#', qos: '1' }], ['sink']),
    node('kafka-cluster', 'cluster', { brokers: `127.0.0.1:${await freePort()}` }),
    node('kafka-sink', 'sink', { cluster: id('cluster'), ...outbox }, [[], []]),
  ])
  const count = 3000
  await publishAll(
    broker.port,
    Array.from({ length: count }, (_, i) => ['plant/line', `${i}${'x'.repeat(1000)}`] as const),
  )
  const deleted = () => numbers(nodeRed.log(), /([\d,]+) readings were deleted unsent/g)
  const waiting = () => numbers(nodeRed.status(id('sink'))?.text ?? '', /outbox ([\d,]+)/g)
  await until(() => deleted() + waiting() === count, {
    what: 'the sum of what is deleted and what waits',
    timeoutMs: 60_000,
    output: () => `${deleted()} deleted, ${waiting()} waiting\n${nodeRed.log()}`,
  })
  assert.ok(deleted() > 1000)
})

function numbers(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number!.replaceAll(',', '')), 0)
}
