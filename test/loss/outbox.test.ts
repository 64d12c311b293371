import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Outbox } from '../../src/outbox/outbox.ts'
import { sharedKafka } from '../services/kafka.ts'
import { temporaryDirectory } from '../services/processes.ts'
import { count, kills, publishThroughKills, runs, timeoutMs } from './kills.ts'
import { startPlant } from './plant.ts'
import { assertComplete } from './verdict.ts'

const kafka = await sharedKafka()
after(() => kafka.stop())

for (const { qos, output, what } of runs) {
  test(`outbox: ${kills} times kill -9 lose nothing of ${what}`, { timeout: timeoutMs }, async () => {
    await using plant = await startPlant({ brokers: kafka.brokers, output, qos, delivery: 'outbox' })
    let unconfirmed = 0
    const { published, inFlight } = await publishThroughKills(plant, qos, async () => {
      unconfirmed += await entriesIn(join(plant.nodeRed.userDir, 'rowline/outbox/sink'))
    })
    const result = await plant.settle(published, kafka.brokers)
    assertComplete(plant, result)
    assert.equal(result.published, count)
    const bound = inFlight + unconfirmed
    process.stderr.write(`${unconfirmed} entries behind the cursors\n`)
    assert.ok(result.duplicated <= bound, `${result.duplicated} duplicates, ${bound} can have been sent twice`)
  })
}

/** What the next start will forward: all that is stored behind the cursor. Looked at in a copy. */
async function entriesIn(directory: string): Promise<number> {
  const copy = temporaryDirectory('outbox-copy')
  await cp(directory, copy, { recursive: true })
  const limits = { maxBytes: 1 << 30, maxAgeMs: 0, whenFull: 'block' } as const
  const outbox = await Outbox.open(
    { directory: copy, ...limits, retryBackoffMs: 100, maxRetryBackoffMs: 1000 },
    AbortSignal.timeout(30_000),
  )
  const { entries } = outbox.snapshot()
  await outbox.close(1000)
  return entries
}
