export * from '../core/row-schema.ts'

/** What Flink's JSON format may be told about a table. At most one of the flags is true. */
export interface DecoderOptions {
  /** A missing field rejects the record instead of being null. */
  readonly failOnMissingField: boolean
  /** A value of the wrong type becomes null and a payload that is no row is skipped, instead of being rejected. */
  readonly ignoreParseErrors: boolean
  /** `2024-10-19 04:35:51` or `2024-10-19T04:35:51`, in the payload and in the row. */
  readonly timestampFormat: TimestampFormat
}

export const timestampFormats = ['SQL', 'ISO-8601'] as const
export type TimestampFormat = (typeof timestampFormats)[number]
