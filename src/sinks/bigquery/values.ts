import { NumberText } from '../../core/number-text.ts'
import type { Value } from '../../core/record.ts'
import { daysIn } from '../../core/timestamp.ts'

const dateForm = /^(\d{4})-(\d\d)-(\d\d)$/
const timeForm = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?$/
const timestampForm =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?: ?([Zz]|UTC)|([+-])(\d\d):([0-5]\d))?$/

/** Days since 1970 of a text like 2024-10-19, in the years 1 to 9999. */
export function readDate(value: Value): number | undefined {
  const match = typeof value === 'string' ? dateForm.exec(value) : null
  return match ? daysSince1970(match[1]!, match[2]!, match[3]!) : undefined
}

function daysSince1970(year: string, month: string, day: string): number | undefined {
  const [y, m, d] = [Number(year), Number(month), Number(day)]
  if (y === 0 || m === 0 || m > 12 || d === 0 || d > daysIn(y, m)) return undefined
  const shifted = m > 2 ? y : y - 1
  const dayOfYear = Math.floor((153 * (m > 2 ? m - 3 : m + 9) + 2) / 5) + d - 1
  const leaps = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400)
  return 365 * shifted + leaps + dayOfYear - 719_468
}

/** A time of day as BigQuery has it: to the microsecond, what is finer is cut. */
export function readTime(value: Value): string | undefined {
  return typeof value === 'string' && timeForm.test(value) ? value.slice(0, 15) : undefined
}

const dayMicros = 86_400_000_000

/**
 * Microseconds since 1970 of a text with a date, a blank or T, a time, and Z, an offset or nothing, which means UTC.
 * What is finer than a microsecond is cut. A BigInt where no number holds it.
 */
export function readTimestamp(value: Value): number | bigint | undefined {
  const match = typeof value === 'string' ? timestampForm.exec(value) : null
  if (!match) return undefined
  const [, year, month, day, hours, minutes, seconds, fraction, , sign, offsetHours, offsetMinutes] = match
  const days = daysSince1970(year!, month!, day!)
  if (days === undefined || Number(offsetHours ?? 0) > 23) return undefined
  const offset = Number(offsetHours ?? 0) * 60 + Number(offsetMinutes ?? 0)
  const minute = Number(hours) * 60 + Number(minutes) - (sign === '-' ? -offset : offset)
  const micros = (minute * 60 + Number(seconds)) * 1_000_000 + fractionMicros(fraction)
  return addMicros(days, micros)
}

const fractionMicros = (fraction: string | undefined) => (fraction ? Number(fraction.slice(0, 6).padEnd(6, '0')) : 0)

const firstMicros = -62_135_596_800_000_000n
const lastMicros = 253_402_300_799_999_999n

function addMicros(days: number, micros: number): number | bigint | undefined {
  const sum = days * dayMicros + micros
  if (Number.isSafeInteger(sum)) return sum
  const exact = BigInt(days) * BigInt(dayMicros) + BigInt(micros)
  return exact >= firstMicros && exact <= lastMicros ? exact : undefined
}

/** The text of microseconds since 1970, in UTC. */
export function timestampText(micros: number | bigint): string {
  const exact = BigInt(micros)
  const fraction = ((exact % 1_000_000n) + 1_000_000n) % 1_000_000n
  const iso = new Date(Number((exact - fraction) / 1000n)).toISOString()
  return `${iso.slice(0, 19)}.${String(fraction).padStart(6, '0')}Z`
}

export const dateText = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10)

const decimalForm = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/

/**
 * The plain text of a decimal number that has at most `precision` digits, `scale` of them behind the point; nothing is
 * rounded. Texts are taken too, so that a number may come with all of its digits.
 */
export function readDecimal(value: Value, precision: number, scale: number): string | undefined {
  const match = decimalForm.exec(numberText(value) ?? '')
  if (!match) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const shifted = shift(whole, fraction, Number(exponent))
  const front = shifted.whole.replace(/^0+/, '')
  const behind = shifted.fraction.replace(/0+$/, '')
  if (behind.length > scale || front.length > precision - scale) return undefined
  const text = behind === '' ? front || '0' : `${front || '0'}.${behind}`
  return sign === '-' && text !== '0' ? `-${text}` : text
}

function shift(whole: string, fraction: string, exponent: number) {
  const digits = whole + fraction
  const point = whole.length + exponent
  if (point <= 0) return { whole: '', fraction: '0'.repeat(-point) + digits }
  return { whole: digits.slice(0, point).padEnd(point, '0'), fraction: digits.slice(point) }
}

function numberText(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return value instanceof NumberText ? value.text : undefined
}

/** A whole number of so many bits with a sign; a BigInt where no number holds it. */
export function readInteger(value: Value, bits: number): number | bigint | undefined {
  if (typeof value === 'number') {
    const limit = 2 ** (bits - 1)
    return Number.isSafeInteger(value) && value >= -limit && value < limit ? value + 0 : undefined
  }
  if (typeof value === 'bigint') return value === BigInt.asIntN(bits, value) ? value : undefined
  return value instanceof NumberText && /^[+-]?\d{1,20}$/.test(value.text)
    ? readInteger(BigInt(value.text), bits)
    : undefined
}

const noNumbers: { readonly [text: string]: number } = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** A number; what JSON has no number for also as the text that a row decoder makes of it. */
export function readDouble(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint' || value instanceof NumberText) return Number(value)
  return typeof value === 'string' && Object.hasOwn(noNumbers, value) ? noNumbers[value] : undefined
}

const base64Form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Bytes, or base64. */
export function readBytes(value: Value): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  return typeof value === 'string' && base64Form.test(value) ? Buffer.from(value, 'base64') : undefined
}
