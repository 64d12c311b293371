const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

/** Milliseconds since 1970 of a number of them, or of an RFC 3339 text; undefined for anything else. */
export function readTimestamp(value: unknown): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const ms = Math.trunc(Number(value))
    return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined
  }
  const date = typeof value === 'string' ? rfc3339.exec(value) : null
  if (!date || !isDay(Number(date[1]), Number(date[2]), Number(date[3]))) return undefined
  const ms = Date.parse(date[0].toUpperCase().replace(' ', 'T'))
  return ms >= 0 ? ms : undefined
}

/** Date.parse takes 30 February for 2 March. */
function isDay(year: number, month: number, day: number): boolean {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
}
