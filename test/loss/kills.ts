import { setTimeout as wait } from 'node:timers/promises'
import { until } from '../services/processes.ts'
import { type Numbered, publishNumbered } from '../services/publisher.ts'
import { type Plant, topics } from './plant.ts'
import { sized } from './sizes.ts'

/** The loss runs in which Node-RED is killed: as many readings a second as a line of machines gives. */
export const count = sized(20_000, 200_000)
export const kills = 3
export const timeoutMs = sized(240_000, 1_200_000)
const ratePerSecond = 1000

/** What is killed in which form; `what` names it in a test. */
export const runs = ([1, 2] as const).flatMap((qos) =>
  (['reading', 'batches'] as const).map((output) => ({
    qos,
    output,
    what: `${count} QoS ${qos} messages at 1,000/s, one message per ${output === 'batches' ? 'batch' : 'reading'}`,
  })),
)

/** Publishes while Node-RED is killed, each time with readings in flight; `inFlight` is how many those were together. */
export async function publishThroughKills(
  plant: Plant,
  qos: 1 | 2,
  onKilled: () => Promise<void> = async () => {},
): Promise<{ readonly published: readonly Numbered[]; readonly inFlight: number }> {
  let confirmed = 0
  const started = performance.now()
  const publishing = publishNumbered({
    port: plant.broker.port,
    topics,
    count,
    qos,
    ratePerSecond,
    onConfirmed: () => confirmed++,
  })
  let inFlight = 0
  for (let kill = 1; kill <= kills; kill++) {
    const due = (count * kill) / (kills + 1)
    await until(() => confirmed >= due, { what: `${due} published messages`, timeoutMs })
    await wait(Math.random() * 1000)
    await until(() => plant.inFlight() > 0, { what: 'something in flight', intervalMs: 1, timeoutMs: 60_000 })
    const open = await plant.kill9()
    process.stderr.write(`kill ${kill}: ${open} in flight, ${plant.acknowledged()} acknowledged\n`)
    inFlight += open
    await onKilled()
    await plant.restart()
  }
  const published = await publishing
  const rate = Math.round(count / ((performance.now() - started) / 1000))
  process.stderr.write(`published with QoS ${qos} at ${rate} messages a second\n`)
  return { published, inFlight }
}
