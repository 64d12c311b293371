import { daysIn } from '../core/timestamp.ts'

const form =
  /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d+)?(?:([Zz])|([+-])([01]\d|2[0-3]):([0-5]\d))$/
const minuteMs = 60_000

/** Smaller numbers are refused: as milliseconds they mean a day before March 1973, and are more likely seconds. */
const leastMillis = 100_000_000_000
const mostMillis = Date.parse('9999-12-31T23:59:59.999Z')

/** `2025-07-01T12:00:00.5` in UTC, without its zone, of RFC 3339 text with any offset; the fraction stays as it is written. */
export function readRfc3339(text: string): string | undefined {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, year, month, day, time, fraction = '', utc, sign, hours, minutes] = match
  if (Number(day) > daysIn(Number(year), Number(month))) return undefined
  const local = `${year}-${month}-${day}T${time}`
  const offset = utc === undefined ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) : 0
  return offset === 0 ? local + fraction : orNone(Date.parse(`${local}Z`) - offset * minuteMs, fraction)
}

/** The same of milliseconds since 1970. What could be seconds is none. */
export function readEpochMillis(millis: number): string | undefined {
  if (!Number.isInteger(millis) || millis < leastMillis || millis > mostMillis) return undefined
  const rest = millis % 1000
  return orNone(millis, rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`)
}

/** Undefined outside of the years 0 to 9999, which an offset can lead to. */
function orNone(millis: number, fraction: string): string | undefined {
  const text = new Date(millis).toISOString()
  return text.length === '2025-07-01T12:00:00.000Z'.length ? text.slice(0, 19) + fraction : undefined
}

/** `2025-07-01T12:00:00.5Z`, without the zeros at the end of the fraction; undefined outside of the years 0 to 9999. */
export function formatInstant(seconds: number, nanoseconds: number): string | undefined {
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  const time = Math.abs(seconds) <= 8.64e12 ? orNone(seconds * 1000, fraction) : undefined
  return time === undefined ? undefined : `${time}Z`
}
