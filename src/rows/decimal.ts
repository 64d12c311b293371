import { NumberText } from '../core/number-text.ts'

/** So few digits that a number has them all, and is written without an exponent. */
const exactLength = 7

const form = /^([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?$/

/**
 * A decimal text with `scale` digits behind the point, rounded half up: a number where that keeps every digit, else
 * NumberText. Null where it has more digits than `precision`, undefined where it is no number.
 */
export function readDecimal(text: string, precision: number, scale: number): number | NumberText | null | undefined {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, sign, written = '', exponent] = match
  const [whole = '', fraction = ''] = written.split('.')
  if (
    exponent === undefined &&
    written.length <= exactLength &&
    fraction.length <= scale &&
    whole.length <= precision - scale
  )
    return Number(text) + 0
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return 0
  const pointAt = digits.length - fraction.length + Number(exponent ?? 0)
  if (pointAt > precision - scale) return null
  const units = roundedUnits(digits, pointAt + scale)
  if (units >= 10n ** BigInt(precision)) return null
  return toNumber(sign === '-' && units > 0n ? '-' : '', units.toString().padStart(scale + 1, '0'), scale)
}

/** The number in front of a point that stands behind `length` digits, rounded by the digit that follows. */
function roundedUnits(digits: string, length: number): bigint {
  if (length < 0) return 0n
  const units = BigInt(digits.slice(0, length).padEnd(length, '0'))
  return (digits[length] ?? '0') >= '5' ? units + 1n : units
}

function toNumber(sign: string, digits: string, scale: number): number | NumberText {
  const whole = digits.slice(0, digits.length - scale)
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  const text = `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
  const number = Number(text)
  return String(number) === text ? number : new NumberText(text)
}
