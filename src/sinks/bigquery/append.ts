import { bytesOf, integerOf, type ProtoField, ProtoWriter, readFields, textOf } from './proto.ts'

// Fields of google.cloud.bigquery.storage.v1 that are written and read here.
const request = { writeStream: 1, offset: 2, protoRows: 4, traceId: 6 } as const
const protoData = { writerSchema: 1, rows: 2 } as const
const response = { appendResult: 1, error: 2, updatedSchema: 3, rowErrors: 4 } as const

export interface Append {
  /** `projects/p/datasets/d/tables/t/streams/s`; `_default` is the stream that every table has. */
  readonly stream: string
  /** How many rows the stream has before these; not for the default stream. */
  readonly offset?: number
  /** What `describeRows` gives; asked for in the first request of a connection. */
  readonly descriptor?: Uint8Array
  readonly rows: readonly Uint8Array[]
}

/** An AppendRowsRequest. */
export function encodeAppend({ stream, offset, descriptor, rows }: Append): Buffer {
  const to = new ProtoWriter()
  to.bytesField(request.writeStream, stream)
  if (offset !== undefined) to.messageField(request.offset, () => to.numberField(1, offset))
  to.messageField(request.protoRows, () => {
    if (descriptor) to.messageField(protoData.writerSchema, () => to.bytesField(1, descriptor))
    to.messageField(protoData.rows, () => {
      for (const row of rows) to.bytesField(1, row)
    })
  })
  to.bytesField(request.traceId, 'rowline')
  return to.take()
}

/** Of a google.rpc.Status. */
export interface Refusal {
  readonly code: number
  readonly message: string
  /** The whole. */
  readonly details: Buffer
}

export interface RowError {
  /** Place among the rows of the request. */
  readonly index: number
  readonly message: string
}

/** An AppendRowsResponse. The rows are stored where it has a result and no row errors. */
export interface Appended {
  readonly isAppended: boolean
  readonly error: Refusal | undefined
  readonly rowErrors: readonly RowError[]
  /** The table has other columns than the connection knows. */
  readonly isSchemaUpdated: boolean
}

export function decodeAppended(bytes: Uint8Array): Appended {
  const fields = readFields(bytes)
  const error = bytesOf(fields, response.error)
  return {
    isAppended: bytesOf(fields, response.appendResult) !== undefined,
    error: error && refusal(error),
    rowErrors: fields.filter(({ field }) => field === response.rowErrors).map(rowError),
    isSchemaUpdated: bytesOf(fields, response.updatedSchema) !== undefined,
  }
}

function rowError({ value }: ProtoField): RowError {
  const fields = readFields(value as Buffer)
  return { index: integerOf(fields, 1), message: textOf(fields, 3) }
}

const storageError = 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError'

function refusal(details: Buffer): Refusal {
  const fields = readFields(details)
  return { code: integerOf(fields, 1), message: textOf(fields, 2), details }
}

/** The code of the StorageError among the details of a google.rpc.Status; 0 where there is none. */
export function storageCodeOf(status: Uint8Array): number {
  const details = readFields(status)
    .filter(({ field }) => field === 3)
    .map(({ value }) => readFields(value as Buffer))
  const storage = details.find((any) => textOf(any, 1) === storageError)
  const inner = storage && bytesOf(storage, 2)
  return inner ? integerOf(readFields(inner), 1) : 0
}

const committed = 1

/** A CreateWriteStreamRequest for a stream whose rows are visible when they are confirmed. */
export function encodeCreateStream(table: string): Buffer {
  const to = new ProtoWriter()
  to.bytesField(1, table)
  to.messageField(2, () => to.numberField(2, committed))
  return to.take()
}

/** The name in a WriteStream. */
export const decodeStreamName = (bytes: Uint8Array): string => textOf(readFields(bytes), 1)

/** A FinalizeWriteStreamRequest. */
export function encodeFinalize(stream: string): Buffer {
  const to = new ProtoWriter()
  to.bytesField(1, stream)
  return to.take()
}

/** How many rows a FinalizeWriteStreamResponse says that the stream has. */
export const decodeRowCount = (bytes: Uint8Array): number => integerOf(readFields(bytes), 1)
