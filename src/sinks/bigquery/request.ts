import { randomUUID } from 'node:crypto'
import { messageOf, PipelineError } from '../../core/errors.ts'
import type { Record, Row } from '../../core/record.ts'
import type { RowSchema } from '../../core/row-schema.ts'
import type { Prepared } from '../../core/sink.ts'
import { compileCell } from './cells.ts'
import { nameProblems, plainTarget, type Target, targetsOf } from './columns.ts'
import type { BigQuerySinkConfig } from './config.ts'
import { compileJson, compileProto, rowOf } from './encoder.ts'

export interface BigQueryRequest {
  /** The row as protobuf, or as the JSON of insertAll. */
  readonly row: Buffer | object
  /** Stable over restarts where an outbox gives it. */
  readonly id: string | undefined
  /** By what insertAll knows a repeat. */
  readonly insertId: string
  readonly bytes: number
}

type Options = Pick<BigQuerySinkConfig, 'columns' | 'writeMethod'>

/** Requests of more are refused; 10 MB less room for what stands around the rows. */
export const mostRequestBytes = 9_500_000

export interface RequestBuilder {
  readonly targets: readonly Target[]
  prepare(record: Record): Prepared<BigQueryRequest>
}

/** Throws CONFIG_INVALID where BigQuery has no such columns. */
export function createRequestBuilder(options: Options, schema: RowSchema | undefined): RequestBuilder {
  const cells = options.columns.map(({ name, value }) => ({ name, ...compileCell(value) }))
  const targets = [...(schema ? targetsOf(schema) : []), ...cells.map(({ name, codec }) => plainTarget(name, codec))]
  const [problem = targets.length === 0 ? 'needs at least one column' : undefined] = nameProblems(targets)
  if (problem !== undefined) throw new PipelineError('CONFIG_INVALID', { field: 'The table', problem })
  const encode = options.writeMethod === 'insertAll' ? compileJson(targets) : compileProto(targets)
  const valuesOf = (record: Record): Row => {
    const { payload } = record
    const values: { [name: string]: Row[string] } = schema ? { ...rowFrom(payload) } : {}
    for (const { name, read } of cells) values[name] = read(record) ?? null
    return values
  }
  return { targets, prepare: (record) => prepared(record, () => encode(valuesOf(record))) }
}

function rowFrom(payload: Record['payload']): Row {
  if (payload instanceof Uint8Array)
    throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: 'it is bytes; put a row decoder in front of the sink' })
  return rowOf(payload, { expected: 'a row' }, '')
}

function prepared({ id }: Record, encode: () => Buffer | object): Prepared<BigQueryRequest> {
  const row = encoded(encode)
  const bytes = Buffer.isBuffer(row) ? row.length : Buffer.byteLength(JSON.stringify(row))
  if (bytes > mostRequestBytes)
    throw new PipelineError('RECORD_TOO_LARGE', { bytes, limit: mostRequestBytes, target: 'BigQuery' })
  return { request: { row, id, insertId: id ?? randomUUID(), bytes }, bytes }
}

function encoded(encode: () => Buffer | object): Buffer | object {
  try {
    return encode()
  } catch (error) {
    if (error instanceof PipelineError) throw error
    throw new PipelineError('PAYLOAD_UNSUPPORTED', { problem: messageOf(error) }, error)
  }
}
