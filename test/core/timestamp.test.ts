import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTimestamp } from '../../src/core/timestamp.ts'

test('a number is milliseconds since 1970', () => {
  assert.equal(readTimestamp(1729312551000), 1729312551000)
  assert.equal(readTimestamp(1729312551000.9), 1729312551000)
  assert.equal(readTimestamp(1729312551000n), 1729312551000)
  for (const wrong of [-1, Number.NaN, Infinity, 2n ** 63n])
    assert.equal(readTimestamp(wrong), undefined, String(wrong))
})

test('a text is RFC 3339 and nothing else', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['2025-07-01T12:00:00Z', '2025-07-01T12:00:00.000Z'],
    ['2025-07-01t12:00:00.5z', '2025-07-01T12:00:00.500Z'],
    ['2025-07-01 12:00:00.123456789+02:00', '2025-07-01T10:00:00.123Z'],
    ['2024-02-29T00:00:00-05:30', '2024-02-29T05:30:00.000Z'],
    ['2025-02-29T00:00:00Z', undefined],
    ['2025-02-30T00:00:00Z', undefined],
    ['2025-13-01T00:00:00Z', undefined],
    ['2025-07-01T25:00:00Z', undefined],
    ['2025-07-01T12:00:00', undefined],
    ['2025-07-01', undefined],
    ['1729312551000', undefined],
    ['yesterday', undefined],
    ['1960-01-01T00:00:00Z', undefined],
    ['', undefined],
  ]
  for (const [text, expected] of table) {
    const ms = readTimestamp(text)
    assert.equal(ms === undefined ? undefined : new Date(ms).toISOString(), expected, text)
  }
})

test('anything else is no time', () => {
  for (const value of [undefined, null, true, {}, [1]]) assert.equal(readTimestamp(value), undefined)
})
