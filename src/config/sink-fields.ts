import { bytes, duration, integer } from './fields.ts'

interface Defaults {
  readonly batchRecords: number
  readonly batchBytes: number
  readonly lingerMs: number
}

/** Batching and retry, with one vocabulary in every sink. `src/core/sink-runner` acts on them. */
export function runnerFields(defaults: Defaults) {
  return {
    batchRecords: integer({
      label: 'Batch records',
      note: 'Most records written together.',
      default: defaults.batchRecords,
      min: 1,
      max: 100_000,
      advanced: true,
    }),
    batchBytes: bytes({
      label: 'Batch bytes',
      note: 'Most bytes written together.',
      default: defaults.batchBytes,
      min: 1,
      max: 64 << 20,
      advanced: true,
    }),
    lingerMs: duration({
      label: 'Linger',
      note: 'How long a batch that is not full waits for more records. 0 writes at once.',
      default: defaults.lingerMs,
      min: 0,
      max: 60_000,
      advanced: true,
    }),
    maxRetries: integer({
      label: 'Retries',
      note: 'How often a failed write is repeated before its records go to output 2. 0 repeats for ever, which is what keeps readings safe through an outage.',
      default: 0,
      min: 0,
      max: 1_000_000,
      advanced: true,
    }),
    retryBackoffMs: duration({
      label: 'First retry after',
      note: 'The wait before the first retry. It doubles with every further one; each wait is varied by half up and down.',
      default: 1000,
      min: 1,
      max: 600_000,
      advanced: true,
    }),
    maxRetryBackoffMs: duration({
      label: 'Longest retry wait',
      note: 'The wait between retries never grows over this.',
      default: 30_000,
      min: 1,
      max: 3_600_000,
      advanced: true,
    }),
  }
}
