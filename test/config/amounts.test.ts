import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAmount, parseAmount } from '../../src/config/amounts.ts'

test('an amount is read with and without a unit, whatever its letters', () => {
  const cases = [
    ['duration', 1500, 1500],
    ['duration', '1500', 1500],
    ['duration', '1.5 s', 1500],
    ['duration', ' 2MIN ', 120_000],
    ['duration', '1.001 s', 1001],
    ['duration', '1 d', 86_400_000],
    ['bytes', '512 KiB', 524_288],
    ['bytes', '10 MB', 10_000_000],
    ['bytes', '272 b', 272],
    ['integer', '-3', -3],
  ] as const
  for (const [kind, raw, value] of cases) assert.equal(parseAmount(raw, kind), value, `${raw}`)
})

test('what is no whole number of the base unit is not an amount', () => {
  const cases = [
    ['integer', '3 s'],
    ['integer', '3.5'],
    ['duration', '10 parsecs'],
    ['duration', '0.0001 s'],
    ['duration', ''],
    ['duration', 's'],
    ['bytes', '1e3'],
    ['bytes', Number.NaN],
    ['bytes', Number.MAX_SAFE_INTEGER + 1],
    ['integer', true],
    ['integer', undefined],
  ] as const
  for (const [kind, raw] of cases) assert.equal(parseAmount(raw, kind), undefined, `${raw}`)
})

test('an amount is shown in its largest whole unit and read back as the same value', () => {
  const cases = [
    ['duration', 0, '0'],
    ['duration', 5, '5 ms'],
    ['duration', 1500, '1500 ms'],
    ['duration', 30_000, '30 s'],
    ['duration', 60_000, '1 min'],
    ['bytes', 272, '272 B'],
    ['bytes', 64 << 20, '64 MiB'],
    ['integer', 5000, '5000'],
  ] as const
  for (const [kind, value, text] of cases) {
    assert.equal(formatAmount(value, kind), text)
    assert.equal(parseAmount(text, kind), value)
  }
})
