import { daysIn } from '../core/timestamp.ts'
import type { flinkTimestampFormats, TimestampFormat } from './row-schema.ts'

const date = String.raw`(-(?!0000)\d{4}|\d{4}|[+-][1-9]\d{4,5})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])`
const minutes = String.raw`([01]\d|2[0-4]):([0-5]\d)`
const seconds = String.raw`:([0-5]\d)(?:\.(\d{0,9}))?`

const dateForm = new RegExp(`^${date}$`)
const timeForm = new RegExp(`^${minutes}${seconds}$`)

/** The texts of a TIMESTAMP and of a TIMESTAMP_LTZ as Flink's JSON format takes them. */
const timestampForms = {
  SQL: [`${date}( )${minutes}${seconds}`, `${date}( )${minutes}${seconds}Z`],
  'ISO-8601': [`${date}([Tt])${minutes}(?:${seconds})?`, `${date}(T)${minutes}(?:${seconds})?Z`],
} as const

/** A DATE, as it is written. */
export function readDate(text: string): string | undefined {
  const match = dateForm.exec(text)
  if (match === null) return undefined
  const [, year, month, day] = match
  return Number(day) > daysIn(Number(year), Number(month)) ? undefined : text
}

/** A TIME to the second: Flink leaves the rest out whatever the precision. 24:00:00 is midnight. */
export function readTime(text: string): string | undefined {
  const match = timeForm.exec(text)
  if (match === null) return undefined
  const [, hour, minute, second, fraction = ''] = match
  if (hour !== '24') return text.slice(0, 8)
  return isMidnight(minute!, second!, fraction) ? '00:00:00' : undefined
}

/**
 * Reads TIMESTAMP, or TIMESTAMP_LTZ in UTC, and writes it the same way: seconds always, of the fraction what is not
 * zero, whatever the precision. Takes the 31st of a shorter month for its last day, and 24:00:00 for the next midnight,
 * as Flink does everywhere but in an ISO TIMESTAMP.
 */
export function timestampReader(
  format: (typeof flinkTimestampFormats)[number],
  utc: boolean,
): (text: string) => string | undefined {
  const form = new RegExp(`^${timestampForms[format][utc ? 1 : 0]}$`)
  const strict = format === 'ISO-8601' && !utc
  const zone = utc ? 'Z' : ''
  return (text) => {
    const match = form.exec(text)
    if (match === null) return undefined
    const [, year, month, day, separator, hour, minute, second = '00', fraction = ''] = match as unknown as string[]
    const time = fraction === '' ? '' : `.${fraction}`.replace(/\.?0+$/, '')
    const shown = (on: string, at: string) => `${on}${separator!.toUpperCase()}${at}:${minute}:${second}${time}${zone}`
    const last = daysIn(Number(year), Number(month))
    if (Number(day) <= last && hour !== '24') return shown(`${year}-${month}-${day}`, hour!)
    if (strict || (hour === '24' && !isMidnight(minute!, second, fraction))) return undefined
    const shortened = Math.min(Number(day), last)
    return hour === '24'
      ? shown(nextDay(Number(year), Number(month), shortened), '00')
      : shown(`${year}-${month}-${shortened}`, hour!)
  }
}

const isMidnight = (minute: string, second: string, fraction: string): boolean =>
  /^0+$/.test(minute + second + fraction)

function nextDay(year: number, month: number, day: number): string {
  if (day < daysIn(year, month)) return formatDate(year, month, day + 1)
  return month < 12 ? formatDate(year, month + 1, 1) : formatDate(year + 1, 1, 1)
}

function formatDate(year: number, month: number, day: number): string {
  const digits = String(Math.abs(year)).padStart(4, '0')
  const sign = year < 0 ? '-' : digits.length > 4 ? '+' : ''
  return `${sign}${digits}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/** The second, in UTC, of a number of milliseconds since 1970; null outside of the years 0 to 9999. */
export function timestampOfMillis(millis: number, format: TimestampFormat): string | null {
  if (!(Math.abs(millis) <= 8.64e15)) return null
  const text = new Date(Math.trunc(millis / 1000) * 1000).toISOString()
  if (text.length !== '2024-10-19T04:35:51.000Z'.length) return null
  return format === 'SQL' ? `${text.slice(0, 10)} ${text.slice(11, 19)}` : text.slice(0, 19)
}
