const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

/** Milliseconds since 1970 of a number of them, or of an RFC 3339 text; undefined for anything else. */
export function readTimestamp(value: unknown): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const ms = Math.trunc(Number(value))
    return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined
  }
  const date = typeof value === 'string' ? rfc3339.exec(value) : null
  // Date.parse takes 30 February for 2 March. Other days and months that are none it refuses itself.
  if (!date || Number(date[3]) > daysIn(Number(date[1]), Number(date[2]))) return undefined
  const ms = Date.parse(date[0].toUpperCase().replace(' ', 'T'))
  return ms >= 0 ? ms : undefined
}

/** Of a month from 1 to 12, in the Gregorian calendar of all years. */
export function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}
