import { workerData } from 'node:worker_threads'
import { publishNumbered } from '../test/services/publisher.ts'
import { readingPayload } from './readings.ts'

/** Readings at a steady rate, from a thread of their own. */
export interface Stream {
  readonly port: number
  readonly topics: readonly string[]
  readonly count: number
  readonly ratePerSecond: number
  readonly payloadBytes: number
}

const { payloadBytes, ...stream } = workerData as Stream
const payload = ({ number }: { readonly number: number }) => readingPayload(number, payloadBytes)
await publishNumbered({ ...stream, qos: 1, tickMs: 1, payload })
