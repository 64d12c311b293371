import type { Numbered } from '../test/services/publisher.ts'

/** The reading of a factory plant with all its columns, and the table it is decoded with. */
export const schema =
  'ts BIGINT, metadata ROW<siteId INT, deviceId INT, sensorId INT, unit STRING, ts_human STRING, ' +
  'location ROW<latitude DOUBLE, longitude DOUBLE>, deviceType STRING>, measurement DOUBLE'

const firstTs = 1_707_882_120_000
const devices = 100

/** Its `ts` numbers the reading; its last text column is padded until the whole has `bytes` bytes. */
export function readingPayload(number: number, bytes: number): string {
  const text = (deviceType: string) =>
    JSON.stringify({
      ts: firstTs + number,
      metadata: {
        siteId: 103,
        deviceId: 1000 + (number % devices),
        sensorId: 10_124,
        unit: 'Amp',
        ts_human: '2024-02-14T05:42:00.000000',
        location: { latitude: -33.9137, longitude: 25.5827 },
        deviceType,
      },
      measurement: 20 + (number % 70),
    })
  const deviceType = 'Hoist_Motor'
  return text(deviceType + '_'.repeat(Math.max(0, bytes - text(deviceType).length)))
}

/** As `readingPayload`, padded with what compresses like measured values and not to nothing. */
export function irregularPayload(number: number, bytes: number): string {
  const filler = readingPayload(number, bytes)
  let state = number + 1
  return filler.replaceAll('_', (underscore, at: number) => {
    state = Math.imul(state ^ (state >>> 13), 0x5bd1e995) + at
    return filler[at - 1] === 't' ? underscore : ((state >>> 16) & 15).toString(16)
  })
}

/** The number of a reading or of what a pipeline has made of it, whatever its shape. */
export function readingNumber(value: Buffer): number {
  const ts = /"ts": ?(\d+)/.exec(value.toString())?.[1]
  if (ts === undefined) throw new Error(`${value.toString()} is no reading`)
  return Number(ts) - firstTs
}

export const readMessage = ({ topic, payload }: { readonly topic: string; readonly payload: Buffer }): Numbered => ({
  topic,
  number: readingNumber(payload),
})

/** Topics of one run: readings of different devices come in turn. */
export const deviceTopics = (run: string, count = devices): string[] =>
  Array.from({ length: count }, (_, device) => `${run}/device${device}`)
