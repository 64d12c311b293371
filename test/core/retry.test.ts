import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffCeilingMs, pause, reconnectDelaysMs, retryDelayMs } from '../../src/core/retry.ts'
import { range } from './random.ts'

const backoff = { baseMs: 1000, maxMs: 30_000 }

test('without jitter the retries wait 1000, 2000, 4000 ms and so on, capped at 30 000', () => {
  const waits = range(0, 8).map((n) => backoffCeilingMs(n, backoff))
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(backoffCeilingMs(5000, backoff), 30_000)
  assert.deepEqual(
    range(0, 3).map((n) => retryDelayMs(n, backoff, () => 0.5)),
    [1000, 2000, 4000],
  )
})

test('with jitter each retry waits between 0.5 and 1.5 times as long, and really varies', () => {
  for (const n of range(0, 10)) {
    const ceiling = backoffCeilingMs(n, backoff)
    const waits = range(0, 500).map(() => retryDelayMs(n, backoff) / ceiling)
    assert.ok(Math.min(...waits) >= 0.5 && Math.max(...waits) <= 1.5)
    assert.ok(Math.min(...waits) < 0.6 && Math.max(...waits) > 1.4)
  }
})

test('a reconnect waits anything from nothing to the ceiling, never longer than the maximum', () => {
  for (const n of range(0, 12)) {
    const ceiling = Math.min(4000, 1000 * 2 ** n)
    const waits = range(0, 500).map(() => {
      const delayMs = reconnectDelaysMs({ baseMs: 1000, maxMs: 4000 })
      return range(0, n + 1).map(delayMs)[n]!
    })
    assert.ok(Math.max(...waits) <= ceiling && Math.max(...waits) > 0.9 * ceiling)
    assert.ok(Math.min(...waits) < 0.1 * ceiling)
  }
  assert.ok(reconnectDelaysMs({ baseMs: 60_000, maxMs: 100 }, () => 1)(0) <= 100, 'a maximum below the base wins')
})

test('who reconnected too early comes again when the first tries of all others are over', () => {
  for (const _ of range(0, 500)) {
    const delayMs = reconnectDelaysMs({ baseMs: 1000, maxMs: 120_000 })
    const first = delayMs(0)
    assert.ok(first + delayMs(1) >= 1000)
  }
})

test('a pause ends after its time, at once when aborted, and leaves no listener behind', async () => {
  const start = performance.now()
  await pause(30, new AbortController().signal)
  assert.ok(performance.now() - start >= 29)
  const control = new AbortController()
  const removed: string[] = []
  const remove = control.signal.removeEventListener.bind(control.signal)
  control.signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    removed.push(args[0])
    remove(...args)
  }
  setTimeout(() => control.abort(), 10)
  await pause(60_000, control.signal)
  await pause(60_000, control.signal)
  assert.ok(performance.now() - start < 5000)
  assert.deepEqual(removed, ['abort'])
})
