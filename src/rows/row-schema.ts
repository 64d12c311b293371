export * from '../core/row-schema.ts'

/** What Flink's JSON format may be told about a table, and more. At most one of the first two is true. */
export interface DecoderOptions {
  /** A missing field rejects the record instead of being null. */
  readonly failOnMissingField: boolean
  /** A value of the wrong type becomes null and a payload that is no row is skipped, instead of being rejected. */
  readonly ignoreParseErrors: boolean
  /**
   * `2024-10-19 04:35:51` or `2024-10-19T04:35:51`, in the payload and in the row. RFC-3339: text with any offset or
   * milliseconds since 1970 in the payload, `2024-10-19T04:35:51` in UTC in the row, with a Z if it is TIMESTAMP_LTZ.
   */
  readonly timestampFormat: TimestampFormat
  /** Text in a column of numbers is read as a number, as Flink does; false: it has the wrong type, and so have NaN and Infinity. */
  readonly coerceNumbers?: boolean
  /** Empty text in a NOT NULL column counts as missing. */
  readonly rejectEmptyText?: boolean
}

/** Those that Flink knows. */
export const flinkTimestampFormats = ['SQL', 'ISO-8601'] as const
export const timestampFormats = [...flinkTimestampFormats, 'RFC-3339'] as const
export type TimestampFormat = (typeof timestampFormats)[number]
