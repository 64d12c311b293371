import assert from 'node:assert/strict'
import { test } from 'node:test'
import { durationBuckets, otherRoutes, Tally } from '../../src/core/tally.ts'

test('a tally keeps fifty routes apart and counts all others together', () => {
  const tally = new Tally()
  for (let n = 0; n < 200; n++) tally.received(`route ${n}`)
  assert.equal(tally.routes.size, 51)
  assert.equal(tally.routes.get('route 49')?.received, 1)
  assert.equal(tally.routes.get(otherRoutes)?.received, 150)
  tally.rejected('route 199', 'type')
  tally.rejected('route 0', 'type')
  assert.deepEqual([...tally.routes.get(otherRoutes)!.rejected], [['type', 1]])
})

test('a duration is counted in the bucket it is within, and only in the total when it is above all', () => {
  const tally = new Tally()
  for (const ms of [0, 5, 6, 3_600_000, 3_600_001, -1000]) tally.confirmed(undefined, ms)
  const { durations, confirmed, durationSeconds } = tally.routes.get('')!
  const filled = durationBuckets.flatMap((bound, i) => (durations[i] ? [[bound, durations[i]]] : []))
  assert.deepEqual(filled, [
    [0.005, 3],
    [0.01, 1],
    [3600, 1],
  ])
  assert.equal(confirmed, 6)
  assert.equal(durationSeconds.toFixed(3), '7200.012')
})
