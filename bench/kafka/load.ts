/** What one producer is asked to do, as the JSON in its only argument. */
export interface ProducerLoad {
  readonly brokers: string
  readonly topic: string
  /** Values to send over and over, one a line. */
  readonly values: string
  readonly compression: string
  /** Handed over at once, and confirmed before the next. */
  readonly batchRecords: number
  readonly warmUp: number
  readonly records: number
}

/** What it prints last, as JSON: of the records after the warm-up. */
export interface Produced {
  readonly ratePerSecond: number
  /** User and system time of the whole process. */
  readonly cpuMicrosPerRecord: number
  /** From handing over a batch until its last record is confirmed. */
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Readings of so many devices, each with a key of its own. */
export const devices = 100
