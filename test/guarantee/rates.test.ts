import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chartLine, chartPoints, lowestOf, Rates } from '../../nodes/shared/editor/rates.ts'

test('a rate is what was added per second since the last answer; a total that begins anew gives none', () => {
  const rates = new Rates()
  const seen = [
    [100, 0],
    [150, 1000],
    [150, 2000],
    [250, 4000],
    [3, 5000],
    [5, 5000],
  ].map(([total, atMs]) => rates.note('a', total!, atMs!))
  assert.deepEqual(seen, [0, 50, 0, 50, 0, 0])
  assert.deepEqual(rates.history('a'), [50, 0, 50, 0, 0])
  assert.deepEqual(rates.history('b'), [])
})

test('the chart has the last minute, the newest at its right edge, the highest at its top', () => {
  const rates = new Rates()
  for (let second = 0; second <= 2 * chartPoints; second++) rates.note('a', second * second, second * 1000)
  assert.equal(rates.history('a').length, chartPoints)
  const points = chartLine(rates.history('a'), rates.history('a').at(-1)!).split(' ')
  assert.deepEqual([points.length, points.at(-1)], [chartPoints, '120.0,1.0'])
  assert.equal(chartLine([0, 0], 0), '118.0,23.0 120.0,23.0')
})

test('the lowest of several histories is taken moment by moment, also where one began later', () => {
  assert.deepEqual(lowestOf([]), [])
  assert.deepEqual(lowestOf([[], [4, 5]]), [4, 5])
  assert.deepEqual(
    lowestOf([
      [9, 100, 100, 3],
      [0, 200, 4],
    ]),
    [9, 0, 100, 3],
  )
})
