/** Whether this is `npm run soak`: the long forms of the tests, hours instead of minutes. */
const isSoak = process.env.ROWLINE_SOAK === '1'

/** A size of a test: small enough for every change, or as long as it takes to believe it. */
export const sized = <T>(inEveryRun: T, inSoak: T): T => (isSoak ? inSoak : inEveryRun)
