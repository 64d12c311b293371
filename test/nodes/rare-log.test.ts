import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RareLog } from '../../nodes/shared/rare-log.ts'

test('the first is said at once, then one a minute with how many there were', () => {
  const said: string[] = []
  let now = 0
  const log = new RareLog(
    (text) => said.push(text),
    () => now,
  )
  for (now of [0, 1, 59_999]) log.note(`at ${now}`)
  assert.deepEqual(said, ['at 0'])
  for (now of [60_000, 61_000, 200_000]) log.note(`at ${now}`)
  assert.deepEqual(said.slice(1), [
    'at 60000 (and 2 more like it since the last one)',
    'at 200000 (and 1 more like it since the last one)',
  ])
  now = 300_000
  log.note('alone')
  assert.equal(said.at(-1), 'alone')
})
