import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatInstant, readEpochMillis, readRfc3339 } from '../../src/rows/rfc3339.ts'

test('text with any offset becomes UTC, and keeps its fraction as it is written', () => {
  const cases = [
    ['2025-07-01T12:00:00Z', '2025-07-01T12:00:00'],
    ['2025-07-01t12:00:00z', '2025-07-01T12:00:00'],
    ['2025-07-01 12:00:00Z', '2025-07-01T12:00:00'],
    ['2025-07-01T12:00:00.120Z', '2025-07-01T12:00:00.120'],
    ['2025-07-01T14:00:00.123456789012+02:00', '2025-07-01T12:00:00.123456789012'],
    ['2025-07-01T00:29:59.5+00:30', '2025-06-30T23:59:59.5'],
    ['2024-02-29T23:00:00-05:45', '2024-03-01T04:45:00'],
    ['2024-12-31T23:59:59-23:59', '2025-01-01T23:58:59'],
    ['2025-07-01T12:00:00-00:00', '2025-07-01T12:00:00'],
    ['0001-01-01T00:00:00+00:01', '0000-12-31T23:59:00'],
    ['0099-06-15T12:00:00+01:00', '0099-06-15T11:00:00'],
  ] as const
  for (const [text, expected] of cases) assert.equal(readRfc3339(text), expected, text)
})

test('what is no time is none', () => {
  const wrong = [
    'yesterday',
    '',
    '2025-07-01',
    '2025-07-01T12:00:00',
    '2025-07-01T12:00Z',
    '2025-7-1T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '2025-04-31T12:00:00Z',
    '2025-13-01T12:00:00Z',
    '2025-00-01T12:00:00Z',
    '2025-07-00T12:00:00Z',
    '2025-07-01T24:00:00Z',
    '2025-07-01T12:60:00Z',
    '2016-12-31T23:59:60Z',
    '2025-07-01T12:00:00.Z',
    '2025-07-01T12:00:00,5Z',
    '2025-07-01T12:00:00+2:00',
    '2025-07-01T12:00:00+24:00',
    '2025-07-01T12:00:00+02:60',
    '2025-07-01T12:00:00+0200',
    ' 2025-07-01T12:00:00Z',
    '2025-07-01T12:00:00Z\n',
    '+2025-07-01T12:00:00Z',
    '0000-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '1751371200000',
  ]
  for (const text of wrong) assert.equal(readRfc3339(text), undefined, text)
})

test('milliseconds since 1970 become UTC, what could be seconds does not', () => {
  const cases = [
    [1751371200000, '2025-07-01T12:00:00'],
    [1751371200120, '2025-07-01T12:00:00.120'],
    [100_000_000_000, '1973-03-03T09:46:40'],
    [253402300799999, '9999-12-31T23:59:59.999'],
    [99_999_999_999, undefined],
    [1751371200, undefined],
    [0, undefined],
    [-1751371200000, undefined],
    [1751371200000.5, undefined],
    [253402300800000, undefined],
    [Number.NaN, undefined],
    [Infinity, undefined],
  ] as const
  for (const [millis, expected] of cases) assert.equal(readEpochMillis(millis), expected, String(millis))
})

test('any moment with any offset is the same moment as Date says', () => {
  const moments = fc.date({ min: new Date('0001-01-01'), max: new Date('9998-12-31'), noInvalidDate: true })
  const offsets = fc.integer({ min: -1439, max: 1439 })
  const property = fc.property(moments, offsets, (moment, minutes) => {
    const local = new Date(moment.getTime() + minutes * 60_000).toISOString().slice(0, -1)
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
    const zone = `${minutes < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`
    assert.equal(`${readRfc3339(local + zone)}Z`, moment.toISOString())
  })
  fc.assert(property, { seed: 11, numRuns: 3000 })
})

test('any text is a time of this form or none', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789-:TZz+. '), maxLength: 30 })
  const damaged = fc
    .tuple(fc.nat(24), fc.string({ maxLength: 1 }))
    .map(
      ([at, character]) =>
        '2025-07-01T12:00:00+02:00'.slice(0, at) + character + '2025-07-01T12:00:00+02:00'.slice(at + 1),
    )
  const property = fc.property(fc.oneof(digits, damaged, fc.string({ unit: 'binary' })), (text) => {
    const read = readRfc3339(text)
    if (read === undefined) return
    assert.match(read, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/)
    assert.ok(!Number.isNaN(Date.parse(`${read}Z`)))
  })
  fc.assert(property, { seed: 11, numRuns: 5000 })
})

test('seconds and nanoseconds become UTC with the fraction that is not zero', () => {
  const cases = [
    [1751371200, 0, '2025-07-01T12:00:00Z'],
    [1751371200, 500_000_000, '2025-07-01T12:00:00.5Z'],
    [1751371200, 1, '2025-07-01T12:00:00.000000001Z'],
    [-1, 0, '1969-12-31T23:59:59Z'],
    [253402300800, 0, undefined],
    [1e20, 0, undefined],
  ] as const
  for (const [seconds, nanoseconds, expected] of cases)
    assert.equal(formatInstant(seconds, nanoseconds), expected, String(seconds))
})
